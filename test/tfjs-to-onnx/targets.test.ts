import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpu, gpu, lowerTape, type Tape } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { anyGeometry, convRow, type Geometry, layerRow, transposeLayerRow, transposeRow } from './support/geometry.ts';
import { blockedTargets } from './support/machine.ts';
import { expectParity, type Row, row, tapesOf } from './support/parity.ts';
import { bool, float } from './support/tensors.ts';

test.runIf(process.arch === 'x64')('this machine computes the blocks of one vector width', () => {
  expect(blockedTargets.length).toBe(1);
});

test('blocked kernels compute all directions of a convolution that fits them, and no others', () => {
  const blockedNodes = (geometry: Geometry) => {
    const [, gradients] = tapesOf(layerRow(geometry));
    return lowerTape(gradients as Tape, cpu(16)).nodes.filter(({ op }) => op === 'nchwc.Conv').length;
  };
  const geometry = { size: [6, 6], kernel: [3, 3] } as const;
  expect(blockedNodes({ ...geometry, inputs: 16, outputs: 32 })).toBe(3);
  expect(blockedNodes({ ...geometry, inputs: 32, outputs: 16 })).toBe(3);
  expect(blockedNodes({ ...geometry, inputs: 17, outputs: 16 })).toBe(0);
  expect(blockedNodes({ ...geometry, inputs: 16, outputs: 24 })).toBe(0);
});

test('for GPUs, the gradient by a kernel is one convolution, and transposed convolutions have equal pads at both ends', () => {
  const geometry = { size: [28, 28], kernel: [5, 5], strides: [2, 2], inputs: 3, outputs: 4, pad: 'same' } as const;
  const nodes = tapesOf(layerRow(geometry)).flatMap((tape) => lowerTape(tape, gpu).nodes);
  expect(nodes.filter(({ op }) => op === 'Conv').length).toBe(3); // twice forward, once by the kernel
  expect(nodes.filter(({ op }) => op === 'Gemm').length).toBe(0);
  for (const { attrs } of nodes.filter(({ op }) => op === 'ConvTranspose')) {
    const pads = (attrs.pads ?? [0, 0, 0, 0]) as number[];
    expect(pads.slice(0, 2)).toEqual(pads.slice(2));
  }
});

if (blockedTargets.length === 0) console.warn('skipped: this machine has no blocked kernels of 16 or 8 floats');

test.skipIf(blockedTargets.length === 0)('integers and booleans of blocked images, and choices among these', () =>
  expectParity(
    row(
      'choices',
      { x: float([2, 5, 4, 16]), w: float([3, 3, 16, 32]), t: float([2, 5, 4, 32]), c: bool([2, 5, 4, 32]) },
      ({ x, w, t, c }) => {
        const y = tf.conv2d(x, w, 1, 'same');
        const z = tf.maxPool(y, 1, 1, 'valid');
        return [
          tf.where(tf.greater(y, 0), t, tf.mul(t, 2)),
          tf.greater(y, 0),
          tf.cast(tf.mul(y, 1e6), 'int32'),
          tf.where(c, y, tf.relu(y)),
          tf.where(tf.less(y, 0), z, tf.neg(z)),
        ];
      },
      { gradients: false },
    ),
    blockedTargets,
  ),
);

/** The rows of `kernels.test.ts` are computed for these targets, too. */
describe('for GPUs and with blocked kernels', () => {
  const property = (makeRow: (geometry: Geometry) => Row) =>
    fc.assert(
      fc.asyncProperty(anyGeometry, (any) => expectParity(makeRow(any), [gpu, ...blockedTargets])),
      { numRuns: 20, seed: 7 },
    );

  test('any convolution, forward and by image and filter', () => property(convRow));
  test('any transposed convolution, forward and by features and filter', () => property(transposeRow));
  test('any layer with bias and relu', () => property(layerRow));
  test('any transposed layer with bias and relu', () => property(transposeLayerRow));
});
