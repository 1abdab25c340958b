import { backend_util } from '@tensorflow/tfjs-core';
import type { ElementType, OpType, Ref } from './graph.ts';
import { conv, convTranspose, einsum, gemm, matMul, pool } from './infer-products.ts';
import { at, constantInts, type Infer, ints, need, product } from './sizes.ts';

export { product } from './sizes.ts';

const first: Infer = ([x]) => ({ shape: need(x).shape, type: need(x).type });
const broadcast: Infer = (inputs) => ({ shape: broadcastAll(inputs), type: need(inputs[0]).type });
const compare: Infer = (inputs) => ({ shape: broadcastAll(inputs), type: 'bool' });
const predicate: Infer = ([x]) => ({ shape: need(x).shape, type: 'bool' });

const reduce: Infer = ([x, axes], { keepdims = 1 }) => {
  const { shape, type } = need(x);
  const reduced = axes ? constantInts(axes) : shape.map((_, i) => i);
  const kept = shape.map((d, i) => (reduced.includes(i) ? 1 : d));
  return { shape: keepdims ? kept : shape.filter((_, i) => !reduced.includes(i)), type };
};

const argReduce: Infer = ([x], { axis }) => ({
  shape: need(x).shape.filter((_, i) => i !== axis),
  type: 'int64',
});

/** What each ONNX operator yields: the builder's own check of every node. A new operator is a row here. */
export const infer: { readonly [K in OpType]: Infer } = {
  Abs: first,
  Acos: first,
  Acosh: first,
  Asin: first,
  Asinh: first,
  Atan: first,
  Atanh: first,
  Ceil: first,
  Clip: first,
  Cos: first,
  Cosh: first,
  Elu: first,
  Erf: first,
  Exp: first,
  Floor: first,
  HardSigmoid: first,
  IsInf: predicate,
  IsNaN: predicate,
  LeakyRelu: first,
  Log: first,
  Neg: first,
  Not: first,
  Reciprocal: first,
  Relu: first,
  Round: first,
  Selu: first,
  Sigmoid: first,
  Sign: first,
  Sin: first,
  Sinh: first,
  Softplus: first,
  Sqrt: first,
  Tan: first,
  Tanh: first,
  Softmax: first,
  Identity: first,
  CumSum: first,
  LRN: first,
  ScatterND: first,
  Add: broadcast,
  And: broadcast,
  Div: broadcast,
  Max: broadcast,
  Min: broadcast,
  Mul: broadcast,
  Or: broadcast,
  Pow: broadcast,
  PRelu: broadcast,
  Sub: broadcast,
  Equal: compare,
  Greater: compare,
  GreaterOrEqual: compare,
  Less: compare,
  LessOrEqual: compare,
  Where: (inputs) => ({ shape: broadcastAll(inputs), type: need(inputs[1]).type }),
  ReduceMax: reduce,
  ReduceMean: reduce,
  ReduceMin: reduce,
  ReduceProd: reduce,
  ReduceSum: reduce,
  ArgMax: argReduce,
  ArgMin: argReduce,
  Cast: ([x], { to }) => ({ shape: need(x).shape, type: to as ElementType }),
  Reshape: ([x, target]) => {
    const { shape, type } = need(x);
    const wanted = constantInts(need(target));
    if (product(wanted) !== product(shape)) throw new Error(`Reshape of [${shape}] to [${wanted}]`);
    return { shape: wanted, type };
  },
  Shape: (_, { start = 0, end = 0 }) => ({ shape: [Number(end) - Number(start)], type: 'int64' }),
  Transpose: ([x], { perm }) => ({ shape: ints(perm ?? []).map((i) => at(need(x).shape, i)), type: need(x).type }),
  Expand: ([x, target]) => {
    const { shape, type } = need(x);
    return { shape: backend_util.assertAndGetBroadcastShape([...shape], constantInts(need(target))), type };
  },
  Tile: ([x, reps]) => {
    const times = constantInts(need(reps));
    return { shape: need(x).shape.map((d, i) => d * at(times, i)), type: need(x).type };
  },
  Concat: (inputs, { axis }) => {
    const { shape, type } = need(inputs[0]);
    const length = inputs.reduce((sum, { shape: s }) => sum + at(s, Number(axis)), 0);
    return { shape: shape.map((d, i) => (i === axis ? length : d)), type };
  },
  Split: ([x, sizes], { axis }) => {
    const { shape, type } = need(x);
    return constantInts(need(sizes)).map((size) => ({ shape: shape.map((d, i) => (i === axis ? size : d)), type }));
  },
  Slice: ([x, starts, ends, axes, steps]) => {
    const shape = [...need(x).shape];
    const [from, to, along] = [constantInts(need(starts)), constantInts(need(ends)), constantInts(need(axes))];
    const by = steps ? constantInts(steps) : along.map(() => 1);
    along.forEach((axis, i) => {
      const d = at(shape, axis);
      const clamp = (p: number, low: number, high: number) => Math.min(Math.max(p < 0 ? p + d : p, low), high);
      const step = at(by, i);
      const [start, end] =
        step > 0
          ? [clamp(at(from, i), 0, d), clamp(at(to, i), 0, d)]
          : [clamp(at(from, i), 0, d - 1), clamp(at(to, i), -1, d - 1)];
      shape[axis] = Math.max(0, Math.ceil((end - start) / step));
    });
    return { shape, type: need(x).type };
  },
  Pad: ([x, pads]) => {
    const by = constantInts(need(pads));
    const { shape, type } = need(x);
    return { shape: shape.map((d, i) => d + at(by, i) + at(by, i + shape.length)), type };
  },
  Gather: ([x, indices], { axis = 0 }) => {
    const { shape, type } = need(x);
    return { shape: [...shape.slice(0, Number(axis)), ...need(indices).shape, ...shape.slice(Number(axis) + 1)], type };
  },
  GatherND: ([x, indices]) => {
    const { shape, type } = need(x);
    const places = need(indices).shape;
    return { shape: [...places.slice(0, -1), ...shape.slice(at(places, places.length - 1))], type };
  },
  OneHot: ([indices, depth, values]) => ({
    shape: [...need(indices).shape, ...constantInts(need(depth))],
    type: need(values).type,
  }),
  TopK: ([x, k], { axis }) => {
    const [count] = constantInts(need(k));
    const shape = need(x).shape.map((d, i) => (i === axis ? at([count], 0) : d));
    return [
      { shape, type: need(x).type },
      { shape, type: 'int64' },
    ];
  },
  Resize: ([x, , scales, sizes]) => {
    const { shape, type } = need(x);
    const factors = sizes ? undefined : constantInts(need(scales));
    return { shape: sizes ? constantInts(sizes) : shape.map((d, i) => Math.floor(d * at(factors ?? [], i))), type };
  },
  DepthToSpace: ([x], { blocksize }) => {
    const { shape, type } = need(x);
    const [n, c, h, w, b] = [at(shape, 0), at(shape, 1), at(shape, 2), at(shape, 3), Number(blocksize)];
    return { shape: [n, c / b ** 2, h * b, w * b], type };
  },
  Einsum: einsum,
  MatMul: matMul,
  Gemm: gemm,
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  'nchwc.Conv': conv,
  'nchwc.ReorderInput': ([x], { channels_last }) => {
    const { shape } = need(x);
    const [n, a, b, c] = [at(shape, 0), at(shape, 1), at(shape, 2), at(shape, 3)];
    return { shape: channels_last ? [n, c, a, b] : [n, a, b, c], type: 'float' };
  },
  'nchwc.ReorderOutput': ([x], { channels, channels_last }) => {
    const { shape } = need(x);
    const [n, h, w, c] = [at(shape, 0), at(shape, 2), at(shape, 3), Number(channels)];
    return { shape: channels_last ? [n, h, w, c] : [n, c, h, w], type: 'float' };
  },
};

const broadcastAll = (inputs: readonly Ref[]): number[] =>
  inputs.reduce<number[]>((shape, ref) => backend_util.assertAndGetBroadcastShape(shape, [...ref.shape]), []);
