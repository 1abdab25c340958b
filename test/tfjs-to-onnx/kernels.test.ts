import { describe, expect, test } from 'vitest';
import { gpu, portable, type Tape } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { arithmetic } from '../../pipeline/tfjs-to-onnx/src/kernels/arithmetic.ts';
import { blocks } from '../../pipeline/tfjs-to-onnx/src/kernels/blocks.ts';
import { complexNumbers } from '../../pipeline/tfjs-to-onnx/src/kernels/complex.ts';
import { convolutions } from '../../pipeline/tfjs-to-onnx/src/kernels/conv.ts';
import { cropping } from '../../pipeline/tfjs-to-onnx/src/kernels/crop.ts';
import { dilations } from '../../pipeline/tfjs-to-onnx/src/kernels/dilation.ts';
import { functions } from '../../pipeline/tfjs-to-onnx/src/kernels/functions.ts';
import { gathering } from '../../pipeline/tfjs-to-onnx/src/kernels/gather.ts';
import { imaging } from '../../pipeline/tfjs-to-onnx/src/kernels/image.ts';
import { kernels } from '../../pipeline/tfjs-to-onnx/src/kernels/index.ts';
import { localResponse } from '../../pipeline/tfjs-to-onnx/src/kernels/lrn.ts';
import { products } from '../../pipeline/tfjs-to-onnx/src/kernels/matmul.ts';
import { pooling } from '../../pipeline/tfjs-to-onnx/src/kernels/pool.ts';
import { reductions } from '../../pipeline/tfjs-to-onnx/src/kernels/reduce.ts';
import { resizing } from '../../pipeline/tfjs-to-onnx/src/kernels/resize.ts';
import { scattering } from '../../pipeline/tfjs-to-onnx/src/kernels/scatter.ts';
import { shaping } from '../../pipeline/tfjs-to-onnx/src/kernels/shape.ts';
import { graphOperations, selections } from '../../pipeline/tfjs-to-onnx/src/kernels/unknown-size.ts';
import { warping } from '../../pipeline/tfjs-to-onnx/src/kernels/warp.ts';
import { binaryRows } from './rows/binary.ts';
import { complexRows } from './rows/complex.ts';
import { convRows } from './rows/conv.ts';
import { convInputRows } from './rows/conv-inputs.ts';
import { depthwiseRows, normalizeRows } from './rows/depthwise.ts';
import { imageRows } from './rows/image.ts';
import { matMulRows } from './rows/matmul.ts';
import { poolRows } from './rows/pool.ts';
import { reduceRows } from './rows/reduce.ts';
import { scatterRows } from './rows/scatter.ts';
import { sequenceRows } from './rows/sequence.ts';
import { shapeRows } from './rows/shape.ts';
import { unaryRows } from './rows/unary.ts';
import { warpRows } from './rows/warp.ts';
import { windowRows } from './rows/window.ts';
import { blockedTargets } from './support/machine.ts';
import { expectParity, type Row, tapesOf } from './support/parity.ts';

const groups = {
  unary: unaryRows,
  binary: binaryRows,
  reduce: reduceRows,
  sequence: sequenceRows,
  shape: shapeRows,
  matMul: matMulRows,
  conv: convRows,
  depthwise: depthwiseRows,
  normalize: normalizeRows,
  pool: poolRows,
  image: imageRows,
  window: windowRows,
  warp: warpRows,
  convInput: convInputRows,
  scatter: scatterRows,
  complex: complexRows,
};

/** The kernels on the tapes of each row that has run. */
const kernelsOf = new Map<Row, string[]>();
const kernelsOn = (tapes: readonly Tape[]): string[] => tapes.flatMap(({ ops }) => ops.map(({ kernel }) => kernel));

/** Groups with kernels that some targets have rules of their own for. */
const SPECIAL = ['conv', 'convInput', 'depthwise', 'normalize', 'pool'];

for (const [group, rows] of Object.entries(groups)) {
  const targets = SPECIAL.includes(group) ? [portable, gpu, ...blockedTargets] : [portable];
  describe(group, () => {
    test.each(rows)('$name', async (row) => {
      const tapes: Tape[] = [];
      await expectParity(row, targets, tapes);
      kernelsOf.set(row, kernelsOn(tapes));
    });
  });
}

test('every kernel is in one family of rules', () => {
  const families = [
    arithmetic,
    blocks,
    complexNumbers,
    convolutions,
    functions,
    gathering,
    imaging,
    pooling,
    products,
    reductions,
    scattering,
    shaping,
    dilations,
    resizing,
    cropping,
    warping,
    localResponse,
    selections,
    graphOperations,
  ];
  expect(families.flatMap(Object.keys).sort()).toEqual(Object.keys(kernels).sort());
});

test('every kernel is on the tape of a row', () => {
  const rows: Row[] = Object.values(groups).flat();
  const reached = new Set(rows.flatMap((row) => kernelsOf.get(row) ?? kernelsOn(tapesOf(row))));
  // A clone is another tensor for the same value; it is not recorded.
  reached.add('Identity');
  // No function of tfjs calls these, and `cpu` does not have them; special.test.ts does.
  for (const kernel of ['LogSoftmax', 'LogicalXor']) reached.add(kernel);
  // Only GraphModels have results whose size depends on values; graph-model.test.ts converts some.
  for (const kernel of ['NonMaxSuppressionV3', 'NonMaxSuppressionV5', ...Object.keys(graphOperations)])
    reached.add(kernel);
  expect(Object.keys(kernels).filter((kernel) => !reached.has(kernel))).toEqual([]);
});
