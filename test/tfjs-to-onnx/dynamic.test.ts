import './support/tfjs.ts';
import type { DataType, Tensor, Tensor1D, Tensor2D, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { type BatchedInput, convertFunction } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, hostTensors, openSession } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';

const BATCHES = [1, 2, 5, 1000];

type Given = Readonly<Record<string, Tensor>>;
interface Case {
  readonly inputs: Readonly<Record<string, BatchedInput>>;
  program(given: Given): Record<string, Tensor>;
}

const floats = (...shape: (number | 'N')[]): BatchedInput => ({ shape, dtype: 'float32' });
const label: BatchedInput = { shape: ['N'], dtype: 'int32' };
const images = { x: floats('N', 4, 6, 2) };
const rows = { x: floats('N', 6) };
const sizeOf = (x: Tensor | undefined): number => x?.shape[0] ?? 0;
const filter = tf.variable(tf.randomUniform([3, 3, 2, 5], -1, 1, 'float32', 1));

const cases: Readonly<Record<string, Case>> = {
  'reshape there and back': {
    inputs: images,
    program: ({ x }) => {
      const flat = tf.reshape(x as Tensor, [sizeOf(x), 48]);
      return { flat, back: tf.reshape(tf.relu(flat), [-1, 6, 4, 2]) };
    },
  },
  'the batch is part of an axis': {
    inputs: images,
    program: ({ x }) => ({ pixels: tf.reshape(x as Tensor, [-1, 2]), all: tf.reshape(x as Tensor, [-1]) }),
  },
  'the batch size as a number': {
    inputs: { x: floats('N', 3) },
    program: ({ x }) => ({
      mean: tf.div(tf.sum(x as Tensor, 0), sizeOf(x)),
      loss: tf.losses.meanSquaredError(tf.zerosLike(x as Tensor), x as Tensor),
      count: tf.scalar(sizeOf(x), 'int32'),
    }),
  },
  'concat and stack': {
    inputs: { a: floats('N', 3), b: floats('N', 3) },
    program: ({ a, b }) => ({
      wide: tf.concat([a as Tensor, b as Tensor], 1),
      long: tf.concat([a as Tensor, b as Tensor], 0),
      stack: tf.stack([a as Tensor, b as Tensor], 1),
    }),
  },
  'a class as one-hot planes of an image': {
    inputs: { ...images, label },
    program: ({ x, label }) => {
      const planes = tf.reshape(tf.oneHot(label as Tensor1D, 3, 1, 0, 'float32'), [sizeOf(x), 1, 1, 3]);
      return { y: tf.concat([x as Tensor, tf.tile(planes, [1, 4, 6, 1])], 3) };
    },
  },
  'tile and expand': {
    inputs: rows,
    program: ({ x }) => ({
      twice: tf.tile(x as Tensor2D, [2, 1]),
      ones: tf.add(tf.ones([sizeOf(x), 2]), tf.zeros([sizeOf(x), 1])),
      planes: tf.tile(tf.expandDims(x as Tensor2D, 1), [1, 3, 1]),
      broadcast: tf.broadcastTo(tf.reshape(x as Tensor2D, [sizeOf(x), 1, 6]), [sizeOf(x), 2, 6]),
    }),
  },
  'convolution, pooling, upsampling': {
    inputs: images,
    program: ({ x }) => {
      const features = tf.relu(tf.conv2d(x as Tensor4D, filter as Tensor4D, 1, 'same'));
      const pooled = tf.maxPool(features, 2, 2, 'same');
      return {
        doubled: tf.image.resizeNearestNeighbor(pooled, [4, 6]),
        resized: tf.image.resizeBilinear(pooled, [3, 5]),
      };
    },
  },
  'windows of all kinds': {
    inputs: images,
    program: ({ x }) => {
      const volumes = tf.reshape(x as Tensor4D, [sizeOf(x), 2, 2, 6, 2]) as Tensor5D;
      const places = tf.maxPoolWithArgmax(x as Tensor4D, 2, 1, 'same');
      const wide = (image: Tensor) => tf.avgPool(image as Tensor4D, 2, 3, 3);
      const rounded = (image: Tensor) => tf.maxPool(image as Tensor4D, 3, 2, 0, 'ceil');
      return {
        filtered: tf.conv3d(volumes, tf.reshape(filter, [1, 3, 3, 2, 5]) as Tensor5D, 1, 'same'),
        largest: tf.maxPool3d(volumes, 2, 1, 'same'),
        means: wide(x as Tensor),
        meansGradient: tf.grad(wide)(x as Tensor, wide(x as Tensor)),
        maximumGradient: tf.grad(rounded)(x as Tensor, rounded(x as Tensor)),
        byChannel: tf.depthwiseConv2d(x as Tensor4D, filter as Tensor4D, 1, [
          [0, 0],
          [-1, 2],
          [3, 4],
          [0, 0],
        ]),
        dilated: tf.dilation2d(x as Tensor4D, tf.zeros([3, 3, 2]), 1, 'same'),
        places: places.indexes as Tensor,
        normal: tf.localResponseNormalization(x as Tensor4D, 1),
      };
    },
  },
  'crops, turns and sizes': {
    inputs: { ...images, boxes: floats('N', 4), label },
    program: ({ x, boxes, label }) => ({
      crops: tf.image.cropAndResize(x as Tensor4D, boxes as Tensor2D, label as Tensor1D, [3, 5]),
      turned: tf.image.rotateWithOffset(x as Tensor4D, 0.4, [0.1, 0.9, 0.5]),
      resized: tf.image.resizeNearestNeighbor(x as Tensor4D, [7, 5], true),
    }),
  },
  'transposed convolution': {
    inputs: { x: floats('N', 2, 3, 5) },
    program: ({ x }) => ({ y: tf.conv2dTranspose(x as Tensor4D, filter as Tensor4D, [sizeOf(x), 4, 6, 2], 2, 'same') }),
  },
  'outputs without a number': {
    inputs: rows,
    program: ({ x }) => ({
      columns: tf.relu(tf.slice(x as Tensor2D, [0, 0], [-1, 0])),
      means: tf.avgPool(tf.reshape(x as Tensor2D, [sizeOf(x), 3, 2, 1]) as Tensor4D, 3, 1, 'valid'),
    }),
  },
  'slices, reductions, softmax': {
    inputs: rows,
    program: ({ x }) => ({
      slice: tf.slice(x as Tensor2D, [0, 1], [-1, 3]),
      mean: tf.mean(x as Tensor2D, 1),
      total: tf.sum(x as Tensor2D),
      column: tf.sum(x as Tensor2D, 0),
      softmax: tf.softmax(x as Tensor2D),
      largest: tf.argMax(x as Tensor2D, 1),
    }),
  },
  'batched products': {
    inputs: { a: floats('N', 3, 4), b: floats('N', 4, 2) },
    program: ({ a, b }) => ({ y: tf.matMul(a as Tensor, b as Tensor) }),
  },
  'space and batch': {
    inputs: images,
    program: ({ x }) => ({
      blocks: tf.spaceToBatchND(
        x as Tensor,
        [2, 3],
        [
          [0, 0],
          [0, 0],
        ],
      ),
      same: tf.batchToSpaceND(
        tf.spaceToBatchND(
          x as Tensor,
          [2, 2],
          [
            [0, 0],
            [0, 0],
          ],
        ),
        [2, 2],
        [
          [0, 0],
          [0, 0],
        ],
      ),
    }),
  },
  'sizes that could be a batch': {
    inputs: { x: floats('N', 3), y: floats(3, 3) },
    program: ({ x, y }) => ({
      own: tf.mul(x as Tensor, tf.ones([sizeOf(x), 3])),
      fixed: tf.mul(y as Tensor, tf.tile(tf.reshape(tf.range(0, 3), [1, 3]), [3, 1])),
      two: tf.tile(x as Tensor, [2, 1]),
    }),
  },
  'rows by rows': {
    inputs: rows,
    program: ({ x }) => ({ products: tf.matMul(x as Tensor2D, x as Tensor2D, false, true) }),
  },
  'places and counts': {
    inputs: { ...rows, label },
    program: ({ x, label }) => {
      const [data, column] = [x as Tensor2D, tf.reshape(label as Tensor, [sizeOf(x), 1])];
      return {
        added: tf.scatterND(column, data, [4, 6]),
        replaced: tf.tensorScatterUpdate(tf.ones([4, 6]), column, data),
        segments: tf.unsortedSegmentSum(data, label as Tensor1D, 3),
        counts: tf.denseBincount(column as Tensor2D, tf.tensor2d([], [0, 0]), 2),
        gathered: tf.gather(data, column, 1, 1),
        searched: tf.searchSorted(tf.cumsum(tf.abs(data), 1), data),
        topk: tf.topk(data, 2).values,
      };
    },
  },
  'complex numbers': {
    inputs: rows,
    program: ({ x }) => {
      const z = tf.complex(x as Tensor, tf.square(x as Tensor));
      const padded = tf.concat([z, tf.zeros([sizeOf(x), 2], 'complex64')], 1);
      return { six: tf.abs(tf.fft(z)), eight: tf.real(tf.mul(tf.ifft(padded), padded)) };
    },
  },
  'numbers that count the batch': {
    inputs: rows,
    program: ({ x }) => ({
      place: tf.add(tf.sum(x as Tensor, 1), tf.range(0, sizeOf(x))),
      odd: tf.range(1, 2 * sizeOf(x) + 1, 2, 'int32'),
    }),
  },
  'the input itself, and numbers without a batch': {
    inputs: rows,
    program: ({ x }) => ({ y: x as Tensor, constant: tf.range(0, 4), shape: tf.reshape(x as Tensor, [-1]) }),
  },
};

function sample({ shape, dtype }: BatchedInput, n: number): Tensor {
  const sizes = shape.map((d) => (d === 'N' ? n : d));
  if (dtype === 'int32') return tf.cast(tf.randomUniform(sizes, 0, 3, 'float32', 5), 'int32');
  return tf.randomUniform(sizes, -1, 1, dtype as DataType & 'float32', 5);
}

describe('one file for batches of any size', () => {
  test.each(Object.entries(cases))('%s', async (name, { inputs, program }) => {
    const session = await openSession(convertFunction(program, { name: 'model', inputs }));
    for (const n of BATCHES) {
      const given = Object.fromEntries(Object.entries(inputs).map(([input, spec]) => [input, sample(spec, n)]));
      const feeds = Object.fromEntries(Object.entries(given).map(([input, tensor]) => [input, feed(tensor)]));
      const outputs = hostTensors(await session.run(feeds));
      const expected = program(given);
      expect(Object.keys(outputs)).toEqual(Object.keys(expected));
      for (const [output, tensor] of Object.entries(expected)) {
        expectClose(outputs[output], read(tensor), 2e-5, `${name}, batch ${n}, ${output}`);
      }
    }
    await session.release();
  });

  test('the shapes of inputs and outputs name the batch dimension', async () => {
    const session = await openSession(
      convertFunction(cases['the batch is part of an axis']?.program as Case['program'], {
        name: 'model',
        inputs: images,
      }),
    );
    const shapes = (metadata: typeof session.inputMetadata) =>
      Object.fromEntries(metadata.map((value) => [value.name, value.isTensor ? value.shape : []]));
    expect(shapes(session.inputMetadata)).toEqual({ x: ['N', 4, 6, 2] });
    expect(shapes(session.outputMetadata)).toEqual({ pixels: ['24*N', 2], all: ['48*N'] });
    await session.release();
  });

  test('inputs and outputs may have the names of nodes and constants', async () => {
    const program = ({ batch }: Given) => ({
      Relu: tf.relu(tf.ones([sizeOf(batch), 3])),
      shape: tf.add(batch as Tensor, 1),
    });
    const session = await openSession(convertFunction(program, { name: 'model', inputs: { batch: floats('N', 3) } }));
    const outputs = hostTensors(await session.run({ batch: feed(tf.zeros([2, 3])) }));
    expect(outputs).toMatchObject({ Relu: { shape: [2, 3] }, shape: { shape: [2, 3] } });
    expect([...(outputs.shape?.values ?? [])]).toEqual([1, 1, 1, 1, 1, 1]);
    await session.release();
  });
});

test('where a slice begins and ends may both follow from an open size', async () => {
  const program = ({ x }: { x: Tensor }) => {
    const [n = 0, w = 0] = x.shape;
    return {
      part: tf.stridedSlice(x, [0, w - 5], [n, w - 1], [1, 2]),
      reversed: tf.stridedSlice(x, [0, w - 2], [n, -w - 1], [1, -1]),
    };
  };
  const inputs = { x: { shape: ['N', 'W'], dtype: 'float32' } } as const;
  const session = await openSession(convertFunction(program, { name: 'model', inputs }));
  for (const shape of [
    [1, 6],
    [3, 40],
  ]) {
    const x = tf.randomUniform(shape, -1, 1, 'float32', 5);
    const outputs = hostTensors(await session.run({ x: feed(x) }));
    for (const [name, y] of Object.entries(program({ x })))
      expectClose(outputs[name], read(y), 0, `${name} of ${shape}`);
  }
  await session.release();
});

test.each<[string, (x: Tensor4D) => Tensor]>([
  ['half of the height', (x) => tf.slice(x, 0, [-1, x.shape[1] >> 1, -1, -1])],
  ['an image of half the size', (x) => tf.image.resizeBilinear(x, [x.shape[1] >> 1, Math.ceil(x.shape[2] / 2)])],
  ['a sum over pixels by their number', (x) => tf.div(tf.sum(x, [1, 2]), x.shape[1] * x.shape[2])],
])('%s may be open', async (name, compute) => {
  const program = ({ x }: { x: Tensor }) => ({ y: compute(x as Tensor4D) });
  const inputs = { x: { shape: ['N', 'H', 'W', 2], dtype: 'float32' } } as const;
  const session = await openSession(convertFunction(program, { name: 'model', inputs }));
  for (const shape of [
    [1, 5, 8, 2],
    [3, 6, 7, 2],
  ]) {
    const x = tf.randomUniform(shape, -1, 1, 'float32', 5);
    const { y } = hostTensors(await session.run({ x: feed(x) }));
    expectClose(y, read(program({ x }).y), 2e-5, `${name} of ${shape}`);
  }
  await session.release();
});

describe('a program is refused', () => {
  const refusal = (program: Case['program']): string => {
    try {
      convertFunction(program, { name: 'model', inputs: rows });
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('nothing was refused');
  };

  test('if values depend on the batch size', () => {
    expect(refusal(({ x }) => ({ y: tf.div(x as Tensor, Math.sqrt(sizeOf(x))) }))).toMatch(/^model: .*\bDiv\b/);
    const squares = (n: number) => tf.tensor1d(Array.from({ length: n }, (_, i) => i * i));
    expect(refusal(({ x }) => ({ y: tf.add(tf.sum(x as Tensor, 1), squares(sizeOf(x))) }))).toMatch(
      /^model: .*\bAdd\b/,
    );
    expect(refusal(({ x }) => ({ y: tf.mul(x as Tensor, sizeOf(x) % 2) }))).toMatch(/^model: .*\bIdentity\b/);
  });

  test('if a size is not a multiple of it', () => {
    expect(refusal(({ x }) => ({ y: tf.ones([sizeOf(x) + 1, 2]) }))).toMatch(/^model: .*\bExpand\b.*\b90\b.*\b107\b/);
  });

  test('if its operations depend on it', () => {
    expect(refusal(({ x }) => ({ y: sizeOf(x) > 90 ? tf.relu(x as Tensor) : tf.abs(x as Tensor) }))).toMatch(
      /^model: .*\bAbs\b/,
    );
    expect(refusal(({ x }) => ({ y: sizeOf(x) > 90 ? tf.relu(tf.sin(x as Tensor)) : tf.abs(x as Tensor) }))).toMatch(
      /^model: .*\boperations differ\b/,
    );
    expect(
      refusal(({ x }) => ({
        y:
          sizeOf(x) > 90
            ? tf.sub(tf.sin(x as Tensor), tf.cos(x as Tensor))
            : tf.sub(tf.cos(x as Tensor), tf.sin(x as Tensor)),
      })),
    ).toMatch(/^model: .*\bCos\b/);
    expect(refusal(({ x }) => ({ y: tf.concat(tf.unstack(x as Tensor, 0), 0) }))).toMatch(
      /^model: .*\boperations differ\b/,
    );
  });
});
