import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { configure, type EagerOptions, explain } from '../../pipeline/tfjs-to-onnx/src/eager.ts';
import { floats, type SpecialRow, unaryKernels } from './rows/special.ts';
import { attr, graphModel, node, placeholder } from './support/graph-model.ts';

const BACKEND = 'onnx';

/** Makes the backend the current one, without graphs. */
async function start(options: EagerOptions = {}): Promise<void> {
  await tf.setBackend(BACKEND);
  configure({ threads: 1, ...options });
}

beforeEach(() => start());
afterAll(() => tf.setBackend('cpu'));

const image = () =>
  tf.tensor4d(
    Float32Array.from({ length: 2 * 64 }, (_, i) => Math.sin(i)),
    [2, 8, 8, 1],
  );

/** A conv net with batch normalization and dropout, always the same. */
function convNet(): layers.Sequential {
  const seeded = (seed: number) => ({ kernelInitializer: layers.initializers.glorotUniform({ seed }) });
  return layers.sequential({
    layers: [
      layers.layers.conv2d({ inputShape: [8, 8, 1], filters: 16, kernelSize: 3, activation: 'relu', ...seeded(1) }),
      layers.layers.conv2d({ filters: 16, kernelSize: 3, padding: 'same', useBias: false, ...seeded(2) }),
      layers.layers.batchNormalization(),
      layers.layers.maxPooling2d({ poolSize: 2 }),
      layers.layers.flatten(),
      layers.layers.dropout({ rate: 0.2, seed: 3 }),
      layers.layers.dense({ units: 3, activation: 'softmax', ...seeded(4) }),
    ],
  });
}

/** Losses of `fit` by epoch, the weights that it gives, and predictions with them. */
async function fitted(optimizer: string) {
  const model = convNet();
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const xs = tf.tensor4d(
    Float32Array.from({ length: 20 * 64 }, (_, i) => Math.sin(i * i)),
    [20, 8, 8, 1],
  );
  const ys = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: 20 }, (_, i) => i % 3),
      'int32',
    ),
    3,
  );
  const { history } = await model.fit(xs, ys, { epochs: 2, batchSize: 8, shuffle: false, validationData: [xs, ys] });
  const predicted = model.predict(xs) as tf.Tensor;
  const weights = await Promise.all(model.getWeights().map((weight) => weight.data()));
  return { history, weights, predicted: await predicted.data() };
}

describe('model.fit, unchanged', () => {
  test.for(['sgd', 'adam', 'rmsprop'])('is the same as on cpu with %s', { timeout: 60_000 }, async (optimizer) => {
    const got = await fitted(optimizer);
    const { graphs } = explain();
    await tf.setBackend('cpu');
    const expected = await fitted(optimizer);
    for (const key of ['loss', 'val_loss', 'acc']) {
      const [a, b] = [got.history[key], expected.history[key]] as [number[], number[]];
      a.forEach((value, i) => void expect(value).toBeCloseTo(b[i] as number, 4));
    }
    expectClose(got.predicted, expected.predicted, 1e-3);
    got.weights.forEach((weight, i) => void expectClose(weight, expected.weights[i] as Float32Array, 1e-3));
    // Two batch sizes for each of training and validation, and the prediction.
    expect(graphs).toBeLessThanOrEqual(6);
  });

  test('is one graph for all steps and epochs', async () => {
    const model = convNet();
    model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
    const [xs, ys] = [tf.zeros([32, 8, 8, 1]), tf.tensor2d(new Float32Array(96), [32, 3])];
    await xs.data();
    await model.fit(xs, ys, { epochs: 5, batchSize: 16 });
    const { graphs, hits, misses, onCpu } = explain();
    expect({ graphs, hits, onCpu }).toEqual({ graphs: 1, hits: 9, onCpu: {} });
    expect(misses[0]?.calls).toBeGreaterThan(100);
    expect(misses[0]?.line).toMatch(/eager\.test\.ts:\d+/); // also in a step after the first `await`
  });
});

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(expected.length);
  for (let i = 0; i < got.length; i++) {
    expect(Math.abs((got[i] as number) - (expected[i] as number))).toBeLessThanOrEqual(tolerance);
  }
}

test('stacks of few small matrices are broadcast as those of many are', () => {
  const [many, few] = [tf.reshape(tf.range(0, 12), [2, 3, 2, 1]), tf.reshape(tf.range(0, 4), [2, 1, 1, 2])];
  const right = tf.matMul(many, tf.tile(few, [1, 3, 1, 1])).dataSync();
  expect(tf.matMul(many, few).dataSync()).toEqual(right);
  expect(explain().graphs).toBe(0);
});

describe("kernels that tfjs's cpu backend computes wrongly are right, at once, call by call and in a graph", () => {
  const row = (size: number) => tf.add(tf.zeros([size]), 1);
  const squares = (program: (x: tf.Tensor4D) => tf.Tensor) =>
    tf.grad((x) => tf.sum(tf.square(program(x as tf.Tensor4D))));
  const images = (shape: number[]) => tf.reshape(tf.range(1, 1 + shape.reduce((a, b) => a * b)), shape);
  const enlarged = (shape: number[]) =>
    squares((x) => tf.image.resizeNearestNeighbor(x, [2 * (shape[1] as number), 2 * (shape[2] as number)]))(
      images(shape),
    );
  const everyOther = (size: number) => tf.stridedSlice(images([2, size]), [1, 0], [2, size], [1, 2], 0, 0, 0, 0, 1);
  const moved = (size: number) =>
    tf.image.transform(tf.ones([2, size, size, 1]), tf.tensor2d([[1, 0, 0, 0, 1, 0, 0, 0]])) as tf.Tensor;

  test.each<[string, () => tf.Tensor, number[]]>([
    ['a sum along the last axis', () => tf.cumsum(row(3), -1), [1, 2, 3]],
    ['a sum along the last axis of many', () => tf.cumsum(row(100), -1), Array.from({ length: 100 }, (_, i) => i + 1)],
    ['a product along the last axis', () => tf.cumprod(tf.tensor1d([1, 2, 3]), -1), [1, 2, 6]],
    ['every other number of a row', () => everyOther(4), [5, 7]],
    ['every other number of a row of many', () => everyOther(20), Array.from({ length: 10 }, (_, i) => 21 + 2 * i)],
    ['two images', () => moved(3), new Array(18).fill(1)],
    ['two larger images', () => moved(8), new Array(128).fill(1)],
    ['a gradient of two enlarged images', () => enlarged([2, 1, 2, 1]), [8, 16, 24, 32]],
    ['a gradient of two larger ones', () => enlarged([2, 4, 3, 1]), Array.from({ length: 24 }, (_, i) => 8 * (i + 1))],
    [
      'a gradient by the centers of pixels',
      () => tf.grad((x) => tf.image.resizeBilinear(x as tf.Tensor4D, [4, 4], false, true))(images([1, 2, 2, 1])),
      [4, 4, 4, 4],
    ],
    [
      'a gradient of a maximum',
      () => tf.grad((x) => tf.maxPool3d(x as tf.Tensor5D, [1, 2, 3], 1, 'valid'))(images([1, 1, 2, 3, 1])),
      [0, 0, 0, 0, 0, 1],
    ],
    [
      'sums of segments',
      () => tf.unsortedSegmentSum(tf.tensor1d([Number.NaN, 1, 2]), tf.tensor1d([0, 1, 1], 'int32'), 2),
      [Number.NaN, 3],
    ],
  ])('%s', (_, program, expected) => {
    for (const time of ['first', 'second']) expect([...program().dataSync()], time).toEqual(expected);
  });

  test.each([4, 400])('an update of a part of %i numbers, which leaves the whole as it was', (size) => {
    const x = tf.add(tf.zeros([size]), 1);
    for (const time of ['first', 'second']) {
      const updated = tf.tensorScatterUpdate(x, tf.tensor2d([[1]], [1, 1], 'int32'), tf.tensor1d([9]));
      expect([...updated.dataSync().slice(0, 3)], time).toEqual([1, 9, 1]);
      expect([...x.dataSync().slice(0, 3)], time).toEqual([1, 1, 1]);
    }
  });
});

test('special values in graphs are as on cpu, aside from denormal numbers, which are 0', async () => {
  const [normal, denormal] = [floats.filter((x) => !isDenormal(x)), [1e-40, -1e-40]];
  const kernels = unaryKernels.filter(({ dtypes }) => !dtypes || dtypes.includes('float32'));
  const results = (values: readonly number[]) =>
    kernels.map(({ kernel, attrs }) => {
      const y = tf.engine().runKernel(kernel, { x: tf.tensor1d([...values]) }, { ...attrs }) as tf.Tensor;
      return y.dataSync();
    });
  await start({ onlyGraphs: true });
  const got = results(normal);
  const zeros = [tf.mul(tf.tensor1d(denormal), 1e3).dataSync(), tf.greater(tf.tensor1d(denormal), 0).dataSync()];
  await tf.setBackend('cpu');
  results(normal).forEach((expected, i) => {
    const { kernel, attrs, absolute = 0 } = kernels[i] as SpecialRow;
    expected.forEach((want, at) => {
      const value = got[i]?.[at] as number;
      const same = value === want || (Number.isNaN(value) && Number.isNaN(want)) || (value === 0 && isDenormal(want));
      const near = Math.abs(value - want) <= absolute + 2e-6 * Math.abs(want);
      expect(same || near, `${kernel} ${JSON.stringify(attrs)} of ${normal[at]}: ${value}, not ${want}`).toBe(true);
    });
  });
  expect(zeros.map((values) => [...values].map(Math.abs))).toEqual([
    [0, 0],
    [0, 0],
  ]);
});

const isDenormal = (x: number): boolean => x !== 0 && Math.abs(x) < 2 ** -126;

describe('graphs', () => {
  /** Some work, too much to be done without a graph. */
  const work = (x: tf.Tensor, factor: number): tf.Tensor =>
    tf.tidy(() => tf.mul(tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D), factor));

  test('are found again whatever the numbers', () => {
    const x = tf.randomNormal([64, 64]);
    for (const factor of [1, 0.5, 0.25]) work(x, factor).dispose();
    work(tf.zeros([64, 64]), -1).dataSync();
    expect(explain()).toMatchObject({ graphs: 1, hits: 3 });
    for (const factor of [2, 3, 4]) tf.tidy(() => work(tf.fill([64, 64], factor), factor)).dispose();
    expect(explain()).toMatchObject({ graphs: 1, hits: 6 });
  });

  test('do not take along variables that were made of equal numbers', async () => {
    await start({ cpuFallback: false });
    const x = tf.randomNormal([64, 64]);
    work(x, 1).dispose();
    for (const size of [100, 101, 102]) {
      const filled = tf.variable(tf.fill([size], 3));
      work(x, 2).dispose();
      expect(filled.dataSync()).toEqual(new Float32Array(size).fill(3));
    }
    expect(explain()).toMatchObject({ graphs: 1, hits: 3 });
  });

  test('name the line of the program that caused them', () => {
    work(tf.randomNormal([64, 64]), 2).dataSync();
    const [{ line } = { line: '' }] = explain().misses;
    expect(line).toMatch(/eager\.test\.ts:\d+/);
  });

  test('are forgotten when others were used more recently', async () => {
    await start({ graphs: 2 });
    const sizes = [60, 61, 62];
    for (const size of [...sizes, ...sizes]) work(tf.ones([size, size]), 2).dataSync();
    expect(explain()).toMatchObject({ graphs: 6, hits: 0 });
    work(tf.ones([62, 62]), 3).dataSync();
    expect(explain()).toMatchObject({ graphs: 6, hits: 1 });
  });

  test('are kept in greater numbers where they are light', async () => {
    await start({ graphs: 1, onlyGraphs: true });
    const sizes = [2, 3, 4];
    for (const size of [...sizes, ...sizes]) work(tf.ones([size, size]), 2).dataSync();
    expect(explain()).toMatchObject({ graphs: 3, hits: 3 });
  });

  test('take in all that a GraphModel does until it reads a value', async () => {
    const product = (name: string, a: string) =>
      node(name, 'MatMul', [a, 'w'], { T: attr.type('DT_FLOAT'), transpose_a: attr.bool(false) });
    const model = await graphModel({
      nodes: [
        placeholder('x', [64, 64]),
        product('once', 'x'),
        product('twice', 'once'),
        product('thrice', 'twice'),
        node('places', 'Where', ['thrice'], { T: attr.type('DT_FLOAT') }),
      ],
      weights: { w: { shape: [64, 64], values: Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i)) } },
      outputs: { places: 'places', thrice: 'thrice' },
    });
    const x = tf.randomNormal([64, 64]);
    await start();
    for (let i = 0; i < 3; i++) tf.dispose(await model.executeAsync({ x }));
    expect(explain()).toMatchObject({ graphs: 1, hits: 2 });
  });

  test('nothing runs before a value is needed', () => {
    const x = tf.randomNormal([64, 64]);
    const y = tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D);
    expect(y.shape).toEqual([64, 64]);
    tf.memory();
    y.dispose();
    expect(explain()).toMatchObject({ graphs: 0, hits: 0 });
  });

  test('what is pending is bounded', async () => {
    await start({ pendingBytes: 10_000 });
    let x: tf.Tensor = tf.ones([64]);
    for (let i = 0; i < 100; i++) x = tf.add(x, 1);
    expect(explain().graphs + explain().small).toBeGreaterThan(0);
    expect(x.dataSync()[5]).toBe(101);
  });
});

describe('tensors', () => {
  test('keep their values when the program changes its array', () => {
    const array = Float32Array.of(1, 2, 3);
    const doubled = tf.mul(tf.tensor1d(array), 2);
    array.fill(9);
    expect([...doubled.dataSync()]).toEqual([2, 4, 6]);
  });

  test('keep their values when the program changes what it read', () => {
    const x = tf.tensor1d([1, 2, 3]);
    x.dataSync().fill(9);
    expect([...tf.mul(x, 2).dataSync()]).toEqual([2, 4, 6]);
  });

  test('of an older step keep their values while a variable goes on', () => {
    const w = tf.variable(tf.randomNormal([70, 70]));
    const optimizer = tf.train.adam(0.1);
    const snapshots: [tf.Tensor, Float32Array][] = [];
    for (let i = 0; i < 6; i++) {
      optimizer.minimize(() => tf.sum(tf.square(tf.matMul(w as tf.Tensor2D, w as tf.Tensor2D))) as tf.Scalar);
      const now = tf.clone(w);
      snapshots.push([now, i % 2 ? (now.dataSync() as Float32Array) : new Float32Array()]);
    }
    const later = snapshots.map(([tensor]) => tensor.dataSync());
    snapshots.forEach(([, then], i) => {
      if (then.length > 0) expect(later[i]).toEqual(then);
    });
    expect(new Set(later.map(([first]) => first)).size).toBe(6);
  });

  test.each<[string, (w: tf.Tensor) => tf.Tensor]>([
    ['another shape', (w) => tf.reshape(w, [-1])],
    ['a part', (w) => tf.slice(w, [0, 0], [10, 70])],
    ['another type', (w) => tf.cast(tf.cast(w, 'float32'), 'float32')],
    ['a row', (w) => tf.unstack(w)[1] as tf.Tensor],
    ['one half', (w) => tf.split(w, 2)[1] as tf.Tensor],
  ])('that are %s of a variable keep their values while it goes on', (_, view) => {
    const w = tf.variable(tf.randomNormal([70, 70], 0, 1, 'float32', 3));
    const optimizer = tf.train.sgd(1e-5);
    const step = () =>
      optimizer.minimize(() => tf.sum(tf.square(tf.matMul(w as tf.Tensor2D, w as tf.Tensor2D))) as tf.Scalar);
    for (let i = 0; i < 3; i++) step();
    const seen = view(w);
    const then = seen.dataSync();
    for (let i = 0; i < 3; i++) step();
    expect(seen.dataSync()).toEqual(then);
    expect(view(w).dataSync()).not.toEqual(then);
  });

  test('of another backend can be used', async () => {
    await tf.setBackend('cpu');
    const x = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    const view = tf.reshape(x, [4]);
    const asFloat = tf.cast(tf.tensor1d([1, 2], 'int32'), 'float32');
    await tf.setBackend(BACKEND);
    expect([...tf.add(view, 1).dataSync()]).toEqual([2, 3, 4, 5]);
    expect([...tf.div(asFloat, 4).dataSync()]).toEqual([0.25, 0.5]);
    expect([...tf.unique(view).values.dataSync()]).toEqual([1, 2, 3, 4]);
    expect([...tf.unique(asFloat).values.dataSync()]).toEqual([1, 2]);
    await tf.setBackend('cpu');
    expect([...tf.add(view, 2).dataSync()]).toEqual([3, 4, 5, 6]);
  });

  test('are all freed', () => {
    const before = tf.memory().numTensors;
    const ids = tf.backend().numDataIds();
    const model = convNet();
    tf.tidy(() => model.predict(image()) as tf.Tensor).dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.backend().numDataIds()).toBe(ids);
  });
});

test('indices along an axis from the end are looked for on it', async () => {
  await start({ cpuFallback: false });
  const x = tf.randomNormal([40, 3]);
  const indices = tf.tensor1d([2, 0], 'int32');
  expect([...tf.gather(x, indices, -1).dataSync().slice(0, 2)]).toEqual([x.dataSync()[2], x.dataSync()[0]]);
  expect(() => tf.gather(x, tf.tensor1d([3], 'int32'), -1)).toThrow(/\b3\b.*\b0 to 2\b/);
});

describe('kernels that cannot be part of a graph', () => {
  const boxes = () =>
    tf.tensor2d([
      [0, 0, 1, 1],
      [0, 0.1, 1, 1.1],
      [0, 10, 1, 11],
    ]);

  test('run on cpu, are counted, and are reported once', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    tf.env().set('PROD', false);
    for (let i = 0; i < 2; i++)
      tf.unique(
        tf.tensor1d(
          Array.from({ length: 100 }, (_, at) => at % 7),
          'int32',
        ),
      );
    expect([...tf.image.nonMaxSuppression(boxes(), tf.tensor1d([0.9, 0.75, 0.6]), 3).dataSync()]).toEqual([0, 2]);
    const { onCpu } = explain();
    expect(onCpu.Unique).toBe(2);
    expect(warn.mock.calls.filter(([text]) => String(text).includes('Unique'))).toHaveLength(1);
    warn.mockRestore();
  });

  test('are refused where nothing may run on cpu, by layer and op', async () => {
    await start({ cpuFallback: false });
    const { values, indices } = tf.unique(tf.tensor1d(['a', 'b', 'a']));
    expect(values.dataSync()).toEqual(['a', 'b']);
    expect([...indices.dataSync()]).toEqual([0, 1, 0]);
    expect(() => tf.unique(tf.tensor1d([1, 2, 1]))).toThrow(/tf\.unique: kernel Unique\(float32\[3\]\)/);
  });
});

describe.each([true, false])('a failure, with fallback to cpu: %s,', (cpuFallback) => {
  /** The second time, the structure is computed by a graph; the third time, the graph fails that was there already. */
  const times = cpuFallback ? ['call by call', 'by a graph'] : ['call by call', 'by a new graph', 'by a known graph'];
  const row = (first: number) =>
    tf.tensor1d(
      Int32Array.from({ length: 200 }, (_, i) => first + i),
      'int32',
    );

  test('is told to who reads, and leaves everything else as it was', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    await start({ cpuFallback });
    const gathered = (first: number) => tf.gather(row(0), tf.add(row(first), tf.scalar(1, 'int32')));
    for (const time of times) {
      const [wrong, right] = [gathered(100), tf.add(row(7), row(8))];
      if (cpuFallback || time === 'call by call') expect(right.dataSync()[3], time).toBe(21);
      else expect(() => right.dataSync(), time).toThrow(/\b200\b.*199\]/);
      expect(() => wrong.dataSync(), time).toThrow(/\b200\b.*199\]/);
      expect(() => tf.mul(wrong, 2).dataSync(), time).toThrow(/\b200\b.*199\]/);
      const ofTidy = tf.tidy(() => gathered(100));
      expect(() => ofTidy.dataSync(), time).toThrow(/\b200\b.*199\]/);
      tf.dispose([wrong, right]);
      expect([...gathered(-1).dataSync().slice(0, 3)], time).toEqual([0, 1, 2]);
      await tf.nextFrame();
    }
    if (!cpuFallback) expect(() => gathered(100).dataSync()).toThrow(/GatherV2: Gather: /);
    vi.restoreAllMocks();
  });
});
