import { describe, expect, test } from 'vitest';
import { kernels } from '../../pipeline/tfjs-to-onnx/src/kernels/index.ts';
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

test('every kernel of the table is on the tape of some row', () => {
  const tapes = Object.values(groups).flat().flatMap(tapesOf);
  const reached = new Set<string>(tapes.flatMap(({ ops }) => ops.map(({ kernel }) => kernel)));
  // A clone is another name for a tensor, and is not put on the tape.
  reached.add('Identity');
  expect(Object.keys(kernels).filter((kernel) => !reached.has(kernel))).toEqual([]);
});
