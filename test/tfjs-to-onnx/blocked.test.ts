import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpu, lowerTape, type Tape } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { convRows } from './rows/conv.ts';
import { convInputRows } from './rows/conv-inputs.ts';
import { depthwiseRows, normalizeRows } from './rows/depthwise.ts';
import { poolRows } from './rows/pool.ts';
import { anyGeometry, convRow, type Geometry, layerRow, transposeLayerRow, transposeRow } from './support/geometry.ts';
import { blockedTargets } from './support/machine.ts';
import { expectParity, row, tapesOf } from './support/parity.ts';
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

const [target] = blockedTargets;
if (!target) console.warn('skipped: this machine has no blocked kernels of 16 or 8 floats');

describe.skipIf(!target)('blocked kernels', () => {
  const expectBlocked = (row: Parameters<typeof expectParity>[0]) => expectParity(row, target);

  test.each([...convRows, ...convInputRows, ...depthwiseRows, ...normalizeRows, ...poolRows])('$name', expectBlocked);

  test('integers and booleans of blocked images, and choices among these', () =>
    expectBlocked(
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
    ));

  const property = (makeRow: (geometry: Geometry) => Parameters<typeof expectParity>[0]) =>
    fc.assert(
      fc.asyncProperty(anyGeometry, (any) => expectBlocked(makeRow(any))),
      { numRuns: 20, seed: 7 },
    );

  test('any convolution, forward and by image and filter', () => property(convRow));
  test('any transposed convolution, forward and by features and filter', () => property(transposeRow));
  test('any layer with bias and relu', () => property(layerRow));
  test('any transposed layer with bias and relu', () => property(transposeLayerRow));
});
