import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { float, given } from '../support/tensors.ts';

const parts = (x: Tensor): Tensor[] => [tf.real(x), tf.imag(x)];

/** Kernels whose `cpu` form takes no complex numbers: by their parts there. */
const byParts = (x: Tensor, move: (x: Tensor) => Tensor): Tensor[] =>
  tf.getBackend() === 'cpu' ? [move(tf.real(x)), move(tf.imag(x))] : parts(move(x));

const complex = (name: string, program: (x: Tensor, y: Tensor) => readonly Tensor[], shape = [2, 3]): Row =>
  row(
    name,
    { a: float(shape), b: float(shape), c: float(shape), d: float(shape) },
    ({ a, b, c, d }) => program(tf.complex(a, b), tf.complex(c, d)),
    { gradients: false },
  );

export const complexRows: Row[] = [
  complex('real and imaginary parts', (x) => parts(x)),
  complex('complex arithmetic', (x, y) => [
    ...parts(tf.add(x, y)),
    ...parts(tf.sub(x, y)),
    ...parts(tf.mul(x, y)),
    ...parts(tf.mul(x, tf.complex([[2, 0, 1]], [[0, 1, -1]]))),
    ...parts(tf.add(x, tf.ones([1, 3]))),
    tf.square(tf.abs(x)),
  ]),
  complex('complex scalars', (x, y) => [...parts(tf.mul(tf.add(x, y), x)), tf.abs(x)], []),
  complex('no complex numbers', (x, y) => [...parts(tf.mul(tf.add(x, y), x)), tf.abs(x)], [0, 2]),
  complex('complex shapes', (x, y) => [
    ...parts(tf.concat([x, y], 1)),
    ...parts(tf.zerosLike(x)),
    ...parts(tf.onesLike(x)),
    ...parts(tf.clone(x)),
    ...parts(tf.ones([2], 'complex64')),
    ...parts(tf.transpose(x)),
    // Last, because the `cpu` backend reshapes the parts of x itself.
    ...parts(tf.expandDims(x, 1)),
  ]),
  complex('reshape complex numbers', (x) => parts(tf.reshape(x, [3, 2]))),
  complex('stack complex numbers', (x, y) => parts(tf.stack([x, y]))),
  complex('complex shapes that only graphs have', (x) => [
    ...byParts(x, (one) => tf.slice(one, [0, 1], [2, 2])),
    ...byParts(x, (one) => tf.stridedSlice(one, [0, 2], [2, -4], [1, -1])),
    ...byParts(x, (one) => tf.reverse(one, 1)),
    ...byParts(x, (one) => tf.tile(one, [1, 2])),
    ...byParts(x, (one) => tf.gather(one, tf.tensor1d([2, 0], 'int32'), 1)),
    ...byParts(x, (one) =>
      tf.gatherND(
        one,
        tf.tensor2d(
          [
            [1, 2],
            [0, 0],
          ],
          [2, 2],
          'int32',
        ),
      ),
    ),
    ...byParts(x, (one) => tf.split(one, 3, 1)[1] as Tensor),
    ...byParts(x, (one) => tf.unstack(one)[1] as Tensor),
    ...byParts(x, (one) => tf.sum(one, 0)),
  ]),
  complex('complex casts', (x) => [
    tf.cast(x, 'float32'),
    tf.cast(x, 'int32'),
    tf.cast(x, 'bool'),
    ...parts(tf.cast(tf.real(x), 'complex64')),
  ]),
  row(
    'absolute values of very large and very small numbers',
    { a: given([5], [3e-30, 3e30, 0, -3, 1e-20]), b: given([5], [4e-30, 4e30, 0, 4, 0]) },
    ({ a, b }) => [tf.mul(tf.abs(tf.complex(a, b)), tf.tensor1d([1e30, 1e-30, 1, 1, 1e20]))],
    { gradients: false },
  ),
  ...[1, 2, 3, 8, 97, 128].flatMap((n) => [
    complex(`fft and ifft of ${n}`, (x) => [...parts(tf.fft(x)), ...parts(tf.ifft(x))], [2, n]),
    row(
      `rfft and irfft of ${n}`,
      { x: float([3, n]) },
      ({ x }) => [
        ...parts(tf.spectral.rfft(x)),
        ...parts(tf.spectral.rfft(x, n + 2)),
        ...parts(tf.spectral.rfft(x, Math.ceil(n / 2))),
        tf.spectral.irfft(tf.spectral.rfft(x)),
      ],
      { gradients: false },
    ),
  ]),
  complex('fft of a list and of rank 3', (x) => [...parts(tf.fft(x)), ...parts(tf.fft(tf.reshape(x, [4])))], [2, 1, 2]),
  row('stft', { x: float([100]) }, ({ x }) => parts(tf.signal.stft(x as tf.Tensor1D, 16, 8)), { gradients: false }),
];
