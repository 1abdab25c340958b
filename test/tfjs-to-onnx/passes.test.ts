import './support/tfjs.ts';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { findWeights, type Graph, graphOfFunction, print, serialize } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, runOnce } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';

type Program = (x: Tensor) => Tensor;

/** Converts a function of one tensor, compares its result with tfjs's for three inputs, and gives the graph. */
async function converted(
  program: Program,
  shape: number[],
  keepWeights = false,
  batch: number | 'N' = 'N',
): Promise<Graph> {
  const graph = graphOfFunction(({ x }: { x: Tensor }) => ({ y: program(x) }), {
    name: 'g',
    inputs: { x: { shape: [batch, ...shape], dtype: 'float32' } },
    keepWeights,
  });
  const x = tf.randomUniform([batch === 'N' ? 3 : batch, ...shape], -2, 2, 'float32', 5);
  const expected = read(tf.tidy(() => program(x)));
  expectClose((await runOnce(graph, { x: feed(x) })).y, expected, 1e-5, 'y');
  return graph;
}

const operators = ({ nodes }: Graph): string[] => nodes.map(({ op }) => op);
/** Numbers in [−1, 1] that are the same each time. */
const random = (shape: number[], seed = 1) =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(i * 12.9898 + seed)),
    shape,
  );

describe('what depends on no input is computed beforehand', () => {
  const [a, b] = [random([4]), random([4], 2)];

  test('and leaves nothing else behind', async () => {
    const graph = await converted((x) => tf.add(x, tf.mul(tf.exp(a), tf.sub(b, 1))), [4]);
    expect(operators(graph)).toEqual(['Add']);
    expect(graph.constants).toHaveLength(1);
  });

  test('unless it depends on the batch size', async () => {
    const graph = await converted((x) => tf.add(x, tf.tile(tf.reshape(a, [1, 4]), [x.shape[0] ?? 1, 1])), [4]);
    expect(operators(graph)).toContain('Tile');
    expect(operators(await converted((x) => tf.mul(x, tf.zeros([x.shape[0] ?? 1, 4])), [4]))).toContain('Mul');
  });

  test('and a large tensor of one number is stored as that number', async () => {
    const graph = await converted((x) => tf.mean(tf.mul(x, tf.add(tf.ones([1, 300, 300]), 1)), [1, 2]), [300, 1]);
    expect(serialize(graph).length).toBeLessThan(1000);
  });

  test('but not from named weights that are kept', async () => {
    const weight = tf.variable(random([4], 3), true, 'passes/weight');
    const program: Program = (x) => tf.add(x, tf.exp(weight));
    expect(operators(await converted(program, [4]))).toEqual(['Add']);
    const kept = await converted(program, [4], true);
    expect(operators(kept)).toEqual(['Exp', 'Add']);
    expect(findWeights(kept, serialize(kept)).map(({ name }) => name)).toEqual(['passes/weight']);
    weight.dispose();
  });
});

describe('constants per channel become part of the weights before them', () => {
  const [vector, other] = [random([6]), random([6], 2)];
  const after = (y: Tensor) => tf.neg(tf.sub(other, tf.div(tf.add(tf.mul(y, vector), 2), 3)));
  const normal = (y: Tensor) => tf.batchNorm(y, vector, tf.abs(other), vector, other, 1e-3);

  test.each<[string, number[], Program, string[]]>([
    [
      'convolution',
      [5, 5, 3],
      (x) => tf.conv2d(x as Tensor4D, random([3, 3, 3, 6]) as Tensor4D, 1, 'same'),
      ['Transpose', 'Conv', 'Neg', 'Transpose'],
    ],
    [
      'depthwise convolution',
      [5, 5, 3],
      (x) => tf.depthwiseConv2d(x as Tensor4D, random([3, 3, 3, 2]) as Tensor4D, 1, 'valid'),
      ['Transpose', 'Conv', 'Neg', 'Transpose'],
    ],
    [
      'transposed convolution',
      [5, 5, 3],
      (x) =>
        tf.conv2dTranspose(x as Tensor4D, random([3, 3, 6, 3]) as Tensor4D, [x.shape[0] ?? 1, 10, 10, 6], 2, 'same'),
      ['Transpose', 'ConvTranspose', 'Neg', 'Transpose'],
    ],
    [
      'sequence',
      [5, 3],
      (x) => tf.conv1d(x as Tensor3D, random([3, 3, 6]) as Tensor3D, 1, 'same'),
      ['Reshape', 'Transpose', 'Conv', 'Neg', 'Reshape', 'Transpose'],
    ],
    ['matrix', [4], (x) => tf.matMul(x, random([4, 6])), ['Gemm', 'Neg']],
    ['transposed matrix', [4], (x) => tf.matMul(x, random([6, 4]), false, true), ['Gemm', 'Neg']],
  ])('%s', async (_, shape, linear, expected) => {
    expect(operators(await converted((x) => after(normal(linear(x))), shape))).toEqual(expected);
  });

  test('unless the result before is used too', async () => {
    const graph = await converted(
      (x) => {
        const y = tf.matMul(x, random([4, 6]));
        return tf.add(y, tf.mul(y, vector));
      },
      [4],
    );
    expect(operators(graph)).toEqual(['Gemm', 'Mul', 'Add']);
  });

  test('of weights that are kept only a bias', async () => {
    const weight = tf.variable(random([4, 6]), true, 'passes/kernel');
    const graph = await converted((x) => tf.mul(tf.add(tf.matMul(x, weight), vector), vector), [4], true);
    expect(operators(graph)).toEqual(['Gemm', 'Mul']);
    weight.dispose();
  });

  test('unless there is a bias that is one number per row', async () => {
    const product = (x: Tensor) =>
      tf.fused.matMul({ a: x as Tensor2D, b: random([4, 6]) as Tensor2D, bias: random([6, 1], 4) });
    const graph = await converted((x) => tf.mul(product(x), vector), [4], false, 6);
    expect(operators(graph)).toEqual(['Reshape', 'MatMul', 'Add', 'Mul', 'Reshape']);
  });

  test('and a normalization after nothing linear is one product and one sum', async () => {
    expect(operators(await converted((x) => normal(tf.tanh(x)), [6]))).toEqual(['Tanh', 'Mul', 'Add']);
  });
});

test('equal large constants are stored once, named ones that are kept each', async () => {
  const make = (name: string) => tf.variable(random([10, 10]), true, name);
  const [a, b] = [make('twins/a'), make('twins/b')];
  const program: Program = (x) => tf.matMul(tf.relu(tf.matMul(x, a)), b);
  expect((await converted(program, [10])).constants).toHaveLength(1);
  expect((await converted(program, [10], true)).constants.map(({ name }) => name)).toEqual(['twins/a', 'twins/b']);
  tf.dispose([a, b]);
});

test.each<[string, Program, string[]]>([
  [
    'pads of 0',
    (x) =>
      tf.pad(x, [
        [0, 0],
        [0, 0],
        [0, 0],
      ]),
    ['Identity'],
  ],
  ['a slice of all', (x) => tf.slice(x, [0, 0, 0], [-1, -1, -1]), ['Identity']],
  ['one tile', (x) => tf.tile(x, [1, 1, 1]), ['Identity']],
  ['a cast to the same type', (x) => tf.cast(x, 'float32'), ['Identity']],
  ['products with 1, and nothing subtracted', (x) => tf.sub(tf.div(tf.mul(1, x), 1), 0), ['Identity']],
  ['reshapes back and forth', (x) => tf.reshape(tf.reshape(x, [-1, 12]), [-1, 4, 3]), ['Identity']],
  ['transposes that cancel', (x) => tf.transpose(tf.transpose(x, [2, 0, 1]), [1, 2, 0]), ['Identity']],
  ['transposes that do not', (x) => tf.transpose(tf.transpose(x, [2, 0, 1]), [0, 2, 1]), ['Transpose']],
  ['a concatenation of concatenations', (x) => tf.concat([x, tf.concat([x, tf.neg(x)], 2)], 2), ['Neg', 'Concat']],
  [
    'a concatenation along another axis',
    (x) => tf.concat([tf.concat([x, x], 1), tf.concat([x, x], 1)], 2),
    ['Concat', 'Concat'],
  ],
])('%s: no more nodes than it takes', async (_, program, expected) => {
  expect(operators(await converted(program, [4, 3]))).toEqual(expected);
});

test.each<[string, Program, RegExp]>([
  ['relu up to 1', (x) => tf.minimum(tf.relu(x), 1), /^.*\n.*Clip\(x, 0, 1\)\n.*return/],
  ['a bounded relu', (x) => tf.clipByValue(tf.relu(x), 0, 1), /^.*\n.*Clip\(x, 0, 1\)\n.*return/],
  ['bounds of bounds', (x) => tf.clipByValue(tf.clipByValue(x, -1, 1), -0.5, 3), /^.*\n.*Clip\(x, -0.5, 1\)\n.*return/],
  ['bounds above bounds', (x) => tf.clipByValue(tf.clipByValue(x, -1, 0), 0.5, 3), /Clip.*\n.*Clip/],
  ['bounds below bounds', (x) => tf.clipByValue(tf.relu(x), -2, -1), /Relu.*\n.*Clip/],
])('%s', async (_, program, expected) => {
  expect(print(await converted(program, [3]))).toMatch(expected);
});

test.each<[string, Program, string[]]>([
  ['a sixth of the product', (x) => tf.div(tf.mul(x, tf.relu6(tf.add(x, 3))), 6), ['HardSwish']],
  ['a sixth of the gate', (x) => tf.mul(tf.mul(tf.relu6(tf.add(3, x)), 1 / 6), x), ['HardSwish']],
  [
    'a gate of something else',
    (x) => tf.div(tf.mul(x, tf.relu6(tf.add(tf.neg(x), 3))), 6),
    ['Neg', 'Add', 'Clip', 'Mul', 'Div'],
  ],
  ['a fifth', (x) => tf.div(tf.mul(x, tf.relu6(tf.add(x, 3))), 5), ['Add', 'Clip', 'Mul', 'Div']],
])('hard swish: %s', async (_, program, expected) => {
  expect(operators(await converted((x) => program(tf.mul(x, 2.5)), [16])).slice(1)).toEqual(expected);
});

describe('channels stay first between convolutions', () => {
  const filter = (inputs: number, rank = 2) => random([...new Array<number>(rank).fill(1), inputs, 6]);
  const planes = (y: Tensor) => tf.conv2d(y as Tensor4D, filter(y.shape.at(-1) ?? 1) as Tensor4D, 1, 'valid');

  test.each<[string, Program]>([
    ['concatenation of channels', (y) => tf.concat([y, tf.neg(y)], 3)],
    ['concatenation of rows', (y) => tf.concat([y, tf.neg(y)], 1)],
    ['concatenation with a constant', (y) => tf.concat([y, tf.ones([y.shape[0] ?? 1, 4, 5, 1])], -1)],
    [
      'padding',
      (y) =>
        tf.pad(
          y,
          [
            [0, 0],
            [1, 2],
            [0, 1],
            [3, 0],
          ],
          0.5,
        ),
    ],
    [
      'mirrored padding',
      (y) =>
        tf.mirrorPad(
          y,
          [
            [0, 0],
            [1, 2],
            [0, 1],
            [0, 0],
          ],
          'reflect',
        ),
    ],
    ['a slice', (y) => tf.slice(y, [0, 1, 0, 2], [-1, 2, -1, 3])],
    ['a strided slice', (y) => tf.stridedSlice(y, [0, 3, 0, 1], [y.shape[0] ?? 1, 0, 5, 6], [1, -1, 2, 2])],
    ['a reversal', (y) => tf.reverse(y, [1, 3])],
    ['tiles', (y) => tf.tile(y, [1, 2, 1, 3])],
    ['parts', (y) => tf.concat(tf.split(y, [1, 2, 3], 3).reverse(), 3)],
    ['nearest neighbours', (y) => tf.image.resizeNearestNeighbor(y as Tensor4D, [8, 10])],
    ['means of images', (y) => tf.mul(y, tf.mean(y, [1, 2], true))],
    ['sums of channels', (y) => tf.add(y, tf.sum(y, 3, true))],
    ['means of channels', (y) => tf.mul(y, tf.expandDims(tf.mean(y, 3), 3))],
    ['numbers per row and column', (y) => tf.add(y, random([4, 5, 1]))],
    ['numbers per row', (y) => tf.mul(random([4, 1, 1]), y)],
    ['a choice', (y) => tf.where(tf.greater(y, 0), y, tf.mul(y, random([1, 4, 5, 6])))],
  ])('%s', async (_, program) => {
    const graph = await converted((x) => planes(program(planes(x))), [4, 5, 3]);
    expect(operators(graph).filter((op) => op === 'Transpose')).toHaveLength(2);
  });

  test('and what is left of reductions is in the order of tfjs', async () => {
    const reduced = (axes: number[], keepDims = false) =>
      converted((x) => tf.sum(planes(x), axes, keepDims), [4, 5, 3]);
    expect(operators(await reduced([1, 2])).filter((op) => op === 'Transpose')).toHaveLength(1);
    expect(operators(await reduced([3])).filter((op) => op === 'Transpose')).toHaveLength(1);
    expect(operators(await reduced([1])).filter((op) => op === 'Transpose')).toHaveLength(2);
    expect(operators(await reduced([2, 3], true)).filter((op) => op === 'Transpose')).toHaveLength(1);
  });

  test('in volumes', async () => {
    const conv = (y: Tensor) => tf.conv3d(y as Tensor5D, filter(y.shape.at(-1) ?? 1, 3) as Tensor5D, 1, 'valid');
    const graph = await converted((x) => conv(tf.concat([tf.relu(conv(x)), conv(x)], 4)), [2, 3, 4, 3]);
    expect(operators(graph).filter((op) => op === 'Transpose')).toHaveLength(2);
  });
});

test('what is normalized by the mean of another row is no layer normalization', async () => {
  const program = (x: Tensor) => {
    const mean = tf.mean(x, -1);
    const variance = tf.mean(tf.square(tf.sub(x, mean)), -1);
    return tf.batchNorm(x, mean as Tensor1D, variance as Tensor1D);
  };
  expect(operators(await converted(program, [4], false, 4))).not.toContain('LayerNormalization');
});

test('a convolution has its relu, also where the sign of its result is asked for before', async () => {
  const [kernel, bias] = [random([3, 3, 1, 2]), random([2])];
  const [shape, x] = [[2, 4, 4, 1], random([2, 4, 4, 1], 3)];
  const program = ({ x }: { x: Tensor }) => {
    const y = tf.add(tf.conv2d(x as Tensor4D, kernel as Tensor4D, 1, 'same'), bias);
    return { sign: tf.step(y), relu: tf.relu(y) };
  };
  const graph = graphOfFunction(program, { name: 'g', inputs: { x: { shape, dtype: 'float32' } } });
  expect(operators(graph).filter((op) => op === 'Conv' || op === 'Relu')).toEqual(['Conv', 'Relu']);
  const [outputs, expected] = [await runOnce(graph, { x: feed(x) }), program({ x })];
  for (const name of ['sign', 'relu'] as const) expectClose(outputs[name], read(expected[name]), 1e-5, name);
});

describe('calls that differ in numbers which JSON does not have stay apart', () => {
  const run = async (program: (x: Tensor) => Tensor[], values: number[]) => {
    const x = tf.tensor2d(values, [4, values.length / 4]);
    const graph = graphOfFunction(
      ({ x }: { x: Tensor }) => Object.fromEntries(program(x).map((y, i) => [`y${i}`, y])),
      { name: 'g', inputs: { x: { shape: [4, values.length / 4], dtype: 'float32' } } },
    );
    const outputs = await runOnce(graph, { x: feed(x) });
    program(x).forEach((y, i) => void expectClose(outputs[`y${i}`], read(y), 0, `y${i}`));
    return operators(graph);
  };
  const { POSITIVE_INFINITY: infinity } = Number;

  test('two calls of one tensor', async () => {
    const kernels = await run((x) => [tf.leakyRelu(x, infinity), tf.leakyRelu(x, -infinity)], [1, -1, 2, -3]);
    expect(kernels).toHaveLength(2);
  });

  test('and the steps of a loop', async () => {
    const steps = (step: (row: Tensor, i: number) => Tensor) => (x: Tensor) => [tf.stack(tf.unstack(x).map(step))];
    const values = [1, -1, 2, -3, 4, 5, -6, -7];
    expect(
      await run(
        steps((row) => tf.leakyRelu(row, infinity)),
        values,
      ),
    ).toContain('Scan');
    await run(
      steps((row, i) => tf.leakyRelu(row, i < 2 ? infinity : -infinity)),
      values,
    );
    await run(
      steps((row, i) => tf.div(1, tf.mul(tf.abs(row), i < 2 ? 0 : -0))),
      values,
    );
  });
});
