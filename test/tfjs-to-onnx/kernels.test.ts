import { describe, expect, test } from 'vitest';
import { arithmetic } from '../../pipeline/tfjs-to-onnx/src/kernels/arithmetic.ts';
import { convolutions } from '../../pipeline/tfjs-to-onnx/src/kernels/conv.ts';
import { gathering } from '../../pipeline/tfjs-to-onnx/src/kernels/gather.ts';
import { imaging } from '../../pipeline/tfjs-to-onnx/src/kernels/image.ts';
import { kernels } from '../../pipeline/tfjs-to-onnx/src/kernels/index.ts';
import { products } from '../../pipeline/tfjs-to-onnx/src/kernels/matmul.ts';
import { pooling } from '../../pipeline/tfjs-to-onnx/src/kernels/pool.ts';
import { reductions } from '../../pipeline/tfjs-to-onnx/src/kernels/reduce.ts';
import { shaping } from '../../pipeline/tfjs-to-onnx/src/kernels/shape.ts';
import { binaryRows } from './rows/binary.ts';
import { convRows } from './rows/conv.ts';
import { depthwiseRows, normalizeRows } from './rows/depthwise.ts';
import { imageRows } from './rows/image.ts';
import { matMulRows } from './rows/matmul.ts';
import { poolRows } from './rows/pool.ts';
import { reduceRows } from './rows/reduce.ts';
import { shapeRows } from './rows/shape.ts';
import { unaryRows } from './rows/unary.ts';
import { expectParity, tapesOf } from './support/parity.ts';

const groups = {
  unary: unaryRows,
  binary: binaryRows,
  reduce: reduceRows,
  shape: shapeRows,
  matMul: matMulRows,
  conv: convRows,
  depthwise: depthwiseRows,
  normalize: normalizeRows,
  pool: poolRows,
  image: imageRows,
};

for (const [group, rows] of Object.entries(groups)) {
  describe(group, () => {
    test.each(rows)('$name', (row) => expectParity(row));
  });
}

test('every kernel is in one family of rules', () => {
  const families = [arithmetic, convolutions, gathering, imaging, products, pooling, reductions, shaping];
  expect(families.flatMap(Object.keys).sort()).toEqual(Object.keys(kernels).sort());
});

test('every kernel is on the tape of a row', () => {
  const tapes = Object.values(groups).flat().flatMap(tapesOf);
  const reached = new Set<string>(tapes.flatMap(({ ops }) => ops.map(({ kernel }) => kernel)));
  // A clone is another tensor for the same value; it is not recorded.
  reached.add('Identity');
  expect(Object.keys(kernels).filter((kernel) => !reached.has(kernel))).toEqual([]);
});
