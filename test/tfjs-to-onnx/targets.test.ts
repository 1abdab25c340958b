import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpu, gpu, lowerTape, portable, type Tape } from '../../pipeline/tfjs-to-onnx/src/index.ts';
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

test('no convolution of an image by a kernel as large has pads at the ends alone, which WebGPU ignores', () => {
  const geometry = { inputs: 3, outputs: 4, pad: 'same' } as const;
  const tapes = [
    ...tapesOf(layerRow({ ...geometry, size: [2, 2], kernel: [2, 2] })),
    ...tapesOf(layerRow({ ...geometry, size: [2, 2], kernel: [3, 3], strides: [2, 2] })), // dy is one pixel
  ];
  const nodes = [gpu, portable].flatMap((target) => tapes.flatMap((tape) => lowerTape(tape, target).nodes));
  const convolutions = nodes.filter(({ op }) => op === 'Conv');
  expect(convolutions.length).toBeGreaterThan(4);
  for (const { attrs, inputs } of convolutions) {
    const [top, left, bottom, right] = attrs.pads as number[];
    const isWhole = `${attrs.kernel_shape}` === `${inputs[0]?.shape.slice(2)}`;
    expect(isWhole && !top && !left && (bottom || right)).toBeFalsy();
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

test.skipIf(blockedTargets.length === 0).each([
  [1, 1],
  [7, 7],
  [5, 3],
  [11, 13],
  [37, 1],
  [8, 12],
] as const)('blocked images of %i × %i pixels with a number for each channel, the same for all images or not', (h, w) =>
  expectParity(
    row(
      'by channel',
      { x: float([3, h, w, 16]), k: float([1, 1, 16, 32]), all: float([32]), each: float([3, 1, 1, 32]) },
      ({ x, k, all, each }) => {
        const y = tf.conv2d(x, k, 1, 'same');
        return [
          tf.mul(tf.sub(all, y), each),
          tf.div(y, tf.add(tf.square(each), 1)),
          tf.cast(tf.less(y, all), 'float32'),
        ];
      },
    ),
    blockedTargets,
  ),
);

interface Halvings {
  readonly batch: number;
  readonly size: readonly [number, number];
  readonly channels: number;
  readonly kernels: readonly [number, number];
  readonly first: 1 | 2;
}

/** Two convolutions, of stride 2 the second, and their transposes, with bias and relu: an autoencoder without its middle. */
function halvingsRow({ batch, size, channels, kernels: [k1, k2], first }: Halvings): Row {
  const image = [batch, size[0] * first, size[1] * first, channels] as const;
  const between = [batch, ...size, 16] as const;
  const layer = (x: tf.Tensor4D, bias: tf.Tensor) => tf.relu(tf.add(x, bias)) as tf.Tensor4D;
  return row(
    `halvings of ${image} by kernels of ${k1} and ${k2}`,
    {
      x: float(image),
      conv1: float([k1, k1, channels, 16]),
      conv2: float([k2, k2, 16, 32], -0.1, 0.1),
      deconv2: float([k2, k2, 16, 32], -0.1, 0.1),
      deconv1: float([k1, k1, channels, 16]),
      bias: float([16]),
      last: float([channels]),
    },
    ({ x, conv1, conv2, deconv2, deconv1, bias, last }) => {
      const y = layer(tf.conv2d(x, conv1, first, 'same'), bias);
      const z = tf.conv2d(y, conv2, 2, 'same');
      const features = layer(tf.conv2dTranspose(z, deconv2, [...between], 2, 'same'), bias);
      return layer(tf.conv2dTranspose(features, deconv1, [...image], first, 'same'), last);
    },
    { tolerance: 1e-4 },
  );
}

const sumsOf = (tapes: readonly Tape[]) =>
  tapes
    .flatMap((tape) => lowerTape(tape, cpu(16)).nodes)
    .filter(({ op, inputs }) => op === 'nchwc.Conv' && inputs.length === 4);

test('convolutions of stride 2 take even images by phases', () => {
  const halvings = { batch: 2, channels: 1, kernels: [5, 5], first: 2 } as const;
  const tapes = (size: readonly [number, number]) => tapesOf(halvingsRow({ ...halvings, size }));
  // Of four phases each: conv2 twice, deconv1 twice; and backward deconv2 by its features, conv1 and deconv1 by their kernels.
  expect(sumsOf(tapes([6, 6])).length).toBe(3 * 7);
  expect(sumsOf(tapes([6, 7])).length).toBe(0);
  const joined = tapes([6, 6]).flatMap((tape) => lowerTape(tape, cpu(16)).nodes);
  expect(joined.filter(({ op }) => op === 'Split').length).toBe(0);
});

test.skipIf(blockedTargets.length === 0)('values that are combined with images by phases, of any type', () =>
  expectParity(
    row(
      'by phases',
      {
        x: float([2, 8, 8, 1]),
        w: float([3, 3, 1, 16]),
        v: float([3, 3, 16, 32]),
        t: float([2, 4, 4, 16]),
        c: bool([2, 4, 4, 16]),
      },
      ({ x, w, v, t, c }) => {
        const y = tf.relu(tf.conv2d(x, w, 2, 'same')) as tf.Tensor4D;
        const chosen = tf.where(c, tf.mul(y, tf.mean(t, [0, 1, 2])), t) as tf.Tensor4D;
        return [
          tf.conv2d(y, v, 2, 'same'),
          tf.add(tf.conv2d(chosen, v, 2, 'same'), 1),
          tf.sum(tf.cast(tf.greater(y, 0.5), 'int32'), [0, 1, 2]),
          tf.maxPool(y, 2, 2, 'valid'),
          tf.logicalAnd(c, tf.greater(y, t)),
          tf.sum(y, [1, 2]),
          tf.mul(y, tf.sum(t, [1, 2], true)),
          tf.reshape(y, [2, 256]),
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
  const anyHalvings = fc.record({
    batch: fc.constantFrom(1, 3, 17),
    size: fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 })),
    channels: fc.integer({ min: 1, max: 5 }),
    kernels: fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 })),
    first: fc.constantFrom(1 as const, 2 as const),
  });
  test('any two convolutions, the second of stride 2, and back', () =>
    fc.assert(
      fc.asyncProperty(anyHalvings, (any) => expectParity(halvingsRow(any), blockedTargets)),
      { numRuns: 40, seed: 7 },
    ));
  test('any layer with bias and relu', () => property(layerRow));
  test('any transposed layer with bias and relu', () => property(transposeLayerRow));
});
