import type { DataType, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { lowerTape, portable, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { binaryKernels, bools, floats, ints, reductionKernels, type SpecialRow, unaryKernels } from './rows/special.ts';
import { feed, type HostTensor, runOnce } from './support/ort.ts';
import { read } from './support/parity.ts';
import './support/tfjs.ts';

type Tensors = Record<string, Tensor>;

const grids: Readonly<Record<string, readonly number[]>> = { float32: floats, int32: ints, bool: bools };
const grid = (dtype: DataType, except: SpecialRow['except']) =>
  (grids[dtype] ?? []).filter((value) => dtype !== 'int32' || !except?.(value));

const run = (kernel: string, inputs: Tensors, attrs: SpecialRow['attrs']): Tensor =>
  tf.engine().runKernel(kernel, inputs, attrs) as Tensor;

/** Traces a program of tensors, and runs its graph once. */
async function outputsOf(
  inputs: Tensors,
  program: (given: Tensors) => Record<string, Tensor>,
): Promise<Record<string, HostTensor>> {
  const specs = Object.entries(inputs).map(([name, { shape, dtype }]) => [name, { shape, dtype }] as const);
  const tape = trace(program, { inputs: Object.fromEntries(specs) });
  const feeds = Object.entries(inputs).map(([name, tensor]) => [name, feed(tensor)]);
  return runOnce(lowerTape(tape, portable), Object.fromEntries(feeds));
}

/** Runs several calls of a kernel in one graph, and compares each with `cpu`. */
async function expectSame({ kernel, attrs, absolute = 0 }: SpecialRow, calls: readonly Tensors[]): Promise<void> {
  const inputs = calls.flatMap((call, i) => Object.entries(call).map(([name, tensor]) => [`${name}${i}`, tensor]));
  const results = await outputsOf(Object.fromEntries(inputs), (given) => {
    const outputs = calls.map((call, i) => {
      const own = Object.keys(call).map((name) => [name, given[`${name}${i}`]]);
      return [`out${i}`, run(kernel, Object.fromEntries(own), attrs)];
    });
    return Object.fromEntries(outputs);
  });
  calls.forEach((call, i) => {
    const [want, got] = [read(run(kernel, call, attrs)), results[`out${i}`] as HostTensor];
    expect({ shape: got.shape, dtype: got.dtype }).toEqual({ shape: want.shape, dtype: want.dtype });
    const wrong = Array.from(want.values, (value, at) => {
      const [given, wanted] = [got.values[at] ?? 0, asStored(value, want.dtype)];
      const of = Object.values(call).map((tensor) => elementAt(tensor, at, want.shape));
      return isSame(given, wanted, absolute) ? '' : `${of.join(', ')} gave ${given}, not ${wanted}`;
    });
    expect(wrong.filter(Boolean)).toEqual([]);
  });
}

/** Booleans of tfjs can be any byte; here they are 0 or 1. */
const asStored = (value: number, dtype: DataType): number => (dtype === 'bool' ? Number(value !== 0) : value);

const isSame = (got: number, want: number, absolute: number): boolean =>
  Object.is(got, want) || got === want || Math.abs(got - want) <= absolute + 2e-6 * Math.abs(want);

/** What an element of the result was computed from: an element of the tensor, or a row of it. */
function elementAt(tensor: Tensor, at: number, shape: readonly number[]): string {
  const [values, [rows = 1, columns = 1]] = [tensor.dataSync(), tensor.shape];
  if (values.length === product(shape)) return String(values[at]);
  if (shape.length < tensor.shape.length) return values.slice(at * columns, (at + 1) * columns).join();
  return String(rows === 1 ? values[at % columns] : values[Math.floor(at / (shape[1] ?? 1))]);
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const rowsByDtype = (rows: readonly SpecialRow[]) =>
  rows.flatMap((row) => {
    const { kernel, attrs = {}, dtypes = ['float32', 'int32', 'bool'] as const } = row;
    return dtypes.map((dtype) => ({ name: `${kernel} of ${dtype} ${Object.values(attrs)}`, dtype, row }));
  });

describe('one tensor', () => {
  test.each(rowsByDtype(unaryKernels))('$name', async ({ row, dtype }) => {
    const values = grid(dtype, row.except);
    await expectSame(row, [
      { x: tf.tensor1d([...values], dtype) },
      { x: tf.scalar(values[1] ?? 0, dtype) },
      { x: tf.tensor([values[3] ?? 0], [1, 1], dtype) },
      { x: tf.tensor([], [0, 3], dtype) },
    ]);
  });
});

describe('two tensors', () => {
  test.each(rowsByDtype(binaryKernels))('$name', async ({ row, dtype }) => {
    const values = grid(dtype, row.except);
    const column = tf.tensor([...values], [values.length, 1], dtype);
    const all = [...values, ...values];
    const same = tf.tensor(all, [all.length], dtype);
    const calls = [
      { a: column, b: tf.tensor([...values], [1, values.length], dtype) },
      { a: same, b: tf.reverse(same) },
      { a: tf.scalar(values[2] ?? 0, dtype), b: tf.scalar(values[1] ?? 0, dtype) },
      { a: same, b: tf.scalar(values[1] ?? 0, dtype) },
      { a: tf.tensor([], [0, 3], dtype), b: tf.tensor([1], [1], dtype) },
      { a: tf.ones([1, 2, 1, 1, 2, 1, 2], dtype), b: tf.ones([2, 1, 1, 3, 1, 1, 2], dtype) },
    ];
    const names = { Prelu: ['x', 'alpha'], EluGrad: ['dy', 'y'] }[row.kernel] ?? ['a', 'b'];
    const renamed = calls.map(({ a, b }) => ({ [names[0] as string]: a, [names[1] as string]: b }));
    await expectSame(row, row.kernel === 'EluGrad' ? [renamed[1] as Tensors] : renamed);
  });
});

describe('along an axis', () => {
  test.each(rowsByDtype(reductionKernels))('$name', async ({ row, dtype }) => {
    const values = grid(dtype, row.except);
    const [a = 0, b = 0, c = 0] =
      dtype === 'float32' ? [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : values;
    // Where numbers cancel, sums depend on their order.
    const positive = values.filter((value) => !(value < 0));
    const rows = [
      ...[
        [1, a, 2],
        [a, 1, 2],
        [1, 2, a],
        [a, a, a],
        [b, b, b],
        [b, c, 1],
        [c, c, 0],
        [3, 3, 1],
        [1, 3, 3],
        [a, c, b],
        [b, a, 1],
      ],
      ...positive.map((value, i) => [value, positive[i + 1] ?? 2, positive[i + 2] ?? 1]),
    ];
    const wide = Array.from({ length: 3 * 40 }, (_, i) => positive[(7 * i) % positive.length] ?? 0);
    await expectSame(
      row,
      [
        { x: tf.tensor(rows.flat(), [rows.length, 3], dtype) },
        { x: tf.tensor(wide, [3, 40], dtype) },
        { x: tf.tensor([1, 0], [2, 1], dtype) },
        { x: tf.tensor([], [2, 0], dtype) },
        { x: tf.tensor([], [0, 3], dtype) },
      ].map(({ x }) => ({ [row.kernel === 'Softmax' ? 'logits' : 'x']: x })),
    );
  });
});

test('kernels that cpu does not have', async () => {
  const [a, b] = [tf.tensor1d([0, 0, 1, 1], 'bool'), tf.tensor1d([0, 1, 0, 1], 'bool')];
  const logits = tf.tensor2d([
    [1, 2, -3],
    [1000, 0, 1000],
  ]);
  const outputs = await outputsOf({ a, b, logits }, (given) => ({
    different: run('LogicalXor', { a: given.a as Tensor, b: given.b as Tensor }, {}),
    normal: run('LogSoftmax', { logits: given.logits as Tensor }, { axis: 1 }),
  }));
  expect([...(outputs.different?.values ?? [])]).toEqual([0, 1, 1, 0]);
  expect(outputs.normal?.values).toEqual(tf.logSoftmax(logits).dataSync());
});

/** Where a graph gives other numbers than `cpu`, and why; the README lists them. */
const differences: readonly {
  readonly why: string;
  readonly x: Tensor;
  readonly program: (x: Tensor) => Tensor;
  readonly cpu: number;
  readonly graph: number;
}[] = [
  {
    why: 'cpu computes absolute values of integers in float32',
    x: tf.scalar(16777217, 'int32'),
    program: tf.abs,
    cpu: 16777216,
    graph: 16777217,
  },
  {
    why: 'cpu multiplies integers in double precision, which has no digits beyond 2^53',
    x: tf.scalar(2147483647, 'int32'),
    program: (x) => tf.mul(x, x),
    cpu: 0,
    graph: 1,
  },
  {
    why: 'cpu keeps integers that it casts to float32',
    x: tf.scalar(16777217, 'int32'),
    program: (x) => tf.cast(tf.equal(tf.cast(x, 'float32'), 16777216), 'int32'),
    cpu: 0,
    graph: 1,
  },
  {
    why: 'ONNX Runtime adds before it divides',
    x: tf.tensor1d([3e38, 3e38]),
    program: tf.mean,
    cpu: Math.fround(3e38),
    graph: Number.POSITIVE_INFINITY,
  },
  {
    why: 'ONNX Runtime cuts sigmoids off',
    x: tf.scalar(-20),
    program: tf.sigmoid,
    cpu: Math.fround(1 / (1 + Math.exp(20))),
    graph: 0,
  },
  {
    why: 'ONNX Runtime computes exp(x) − 1 in float32',
    x: tf.scalar(-1e-8),
    program: tf.elu,
    cpu: Math.fround(Math.expm1(-1e-8)),
    graph: 0,
  },
];

test.each(differences)('$why', async ({ x, program, cpu, graph }) => {
  expect(program(x).dataSync()[0]).toBeCloseTo(cpu, 9);
  const { y } = await outputsOf({ x }, (given) => ({ y: program(given.x as Tensor) }));
  expect(y?.values[0]).toBe(graph);
});

test('axes counted from the end, which cpu miscounts in cumulative sums', async () => {
  const { y } = await outputsOf(
    {
      x: tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
    },
    ({ x }) => ({ y: tf.cumsum(x as Tensor, -1) }),
  );
  expect(y).toMatchObject({ shape: [2, 2], values: Float32Array.of(1, 3, 3, 7) });
});

test('a logarithm of a sigmoid far from 0', async () => {
  const x = tf.tensor1d([-100, -20, 0, 20]);
  const program = (given: Tensor) => tf.log(tf.sigmoid(given));
  const { y } = await outputsOf({ x }, (given) => ({ y: program(given.x as Tensor) }));
  const wanted = [-100, -20, -Math.LN2, 0];
  for (const [i, value] of wanted.entries()) expect(y?.values[i]).toBeCloseTo(value, 6);
});
