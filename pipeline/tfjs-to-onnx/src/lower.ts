import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { GraphBuilder, OpType } from './graph.ts';
import type { KernelName, Kernels } from './kernels.ts';
import { activate, conv2d, conv2dBackpropFilter, conv2dBackpropInput, pool } from './rules/conv.ts';
import { elementwise, map } from './rules/elementwise.ts';
import { matMul } from './rules/matmul.ts';
import { argReduce, reduce } from './rules/reduce.ts';
import {
  concat,
  expandDims,
  filled,
  numbers,
  oneHot,
  pack,
  pad,
  reverse,
  slice,
  split,
  unpack,
} from './rules/shape.ts';
import { elementType, plain, plainValue, type Value } from './value.ts';

/** tfjs's inputs of a kernel with tensors replaced by the values that they are lowered to. */
export type Lowered<T> = T extends readonly TensorInfo[]
  ? readonly Value[]
  : { readonly [P in keyof T]: TensorInfo extends Exclude<T[P], undefined> ? Value : T[P] };

/** Writes one kernel call as ONNX nodes. */
export type Rule<K extends KernelName> = (
  inputs: Lowered<Kernels[K]['inputs']>,
  attrs: Kernels[K]['attrs'],
  g: GraphBuilder,
) => Value | Value[];

type Unary = (inputs: { readonly x: Value }, attrs: unknown, g: GraphBuilder) => Value;
type Binary = (inputs: { readonly a: Value; readonly b: Value }, attrs: unknown, g: GraphBuilder) => Value;
type Reduce = (
  inputs: { readonly x: Value },
  attrs: { axis: number | number[]; keepDims: boolean },
  g: GraphBuilder,
) => Value;

const unary =
  (op: OpType): Unary =>
  ({ x }, _, g) =>
    map(g, op, x);
/** ONNX has no arithmetic of booleans: they are taken as int32. */
const binary =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    cast(
      g,
      elementwise(g, [counted(g, a), counted(g, b)], (refs) => g.op(op, refs)),
      a.dtype as Numeric,
    );
const comparison =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    elementwise(g, [counted(g, a), counted(g, b)], (refs) => g.op(op, refs));
const connective =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    elementwise(g, [a, b], (refs) => g.op(op, refs));
const not =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    elementwise(g, [a, b], (refs) => g.op('Not', [g.op(op, refs)]));
const reduction =
  (op: Extract<OpType, `Reduce${string}`>): Reduce =>
  ({ x }, { axis, keepDims }, g) =>
    reduce(g, op, x, axis, keepDims);
/** `all` and `any` through int32, as ONNX reduces no booleans. */
const logical =
  (op: 'ReduceMin' | 'ReduceMax'): Reduce =>
  ({ x }, { axis, keepDims }, g) =>
    cast(g, reduce(g, op, cast(g, x, 'int32'), axis, keepDims), 'bool');

type Numeric = 'float32' | 'int32' | 'bool';

const cast = (g: GraphBuilder, x: Value, dtype: Numeric): Value =>
  x.dtype === dtype ? x : elementwise(g, [x], ([ref]) => g.cast(ref as NonNullable<typeof ref>, elementType(dtype)));

const counted = (g: GraphBuilder, x: Value): Value => (x.dtype === 'bool' ? cast(g, x, 'int32') : x);

/** THE table: how each tfjs kernel is written in standard ONNX operators. */
export const lower: { readonly [K in KernelName]: Rule<K> } = {
  Abs: unary('Abs'),
  Acos: unary('Acos'),
  Acosh: unary('Acosh'),
  Asin: unary('Asin'),
  Asinh: unary('Asinh'),
  Atan: unary('Atan'),
  Atanh: unary('Atanh'),
  Ceil: unary('Ceil'),
  ClipByValue: ({ x }, { clipValueMin, clipValueMax }, g) => {
    const [low, high] = [numbers(g, [clipValueMin], [], x.dtype), numbers(g, [clipValueMax], [], x.dtype)];
    return elementwise(g, [x], ([ref]) => g.op('Clip', [ref, low, high]));
  },
  Cos: unary('Cos'),
  Cosh: unary('Cosh'),
  Elu: unary('Elu'),
  // 1 where y ≥ 0, else exp(x) = y + 1
  EluGrad: ({ dy, y }, _, g) =>
    elementwise(g, [dy, y], ([d, v]) => g.op('Mul', [d, g.op('Add', [g.op('Min', [v, g.float(0)]), g.float(1)])])),
  Erf: unary('Erf'),
  Exp: unary('Exp'),
  Expm1: ({ x }, _, g) => elementwise(g, [x], (refs) => g.op('Sub', [g.op('Exp', refs), g.float(1)])),
  Floor: unary('Floor'),
  IsFinite: ({ x }, _, g) =>
    elementwise(g, [x], (refs) => g.op('Not', [g.op('Or', [g.op('IsNaN', refs), g.op('IsInf', refs)])])),
  IsInf: unary('IsInf'),
  IsNan: unary('IsNaN'),
  LeakyRelu: ({ x }, { alpha }, g) => map(g, 'LeakyRelu', x, { alpha }),
  Log: unary('Log'),
  Log1p: ({ x }, _, g) => elementwise(g, [x], ([ref]) => g.op('Log', [g.op('Add', [ref, g.float(1)])])),
  LogicalNot: unary('Not'),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  Relu6: ({ x }, _, g) => activate(g, x, 'relu6'),
  Round: unary('Round'),
  Rsqrt: ({ x }, _, g) => elementwise(g, [x], (refs) => g.op('Reciprocal', [g.op('Sqrt', refs)])),
  Selu: unary('Selu'),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Sinh: unary('Sinh'),
  Softplus: unary('Softplus'),
  Sqrt: unary('Sqrt'),
  Square: ({ x }, _, g) => elementwise(g, [x], ([ref]) => g.op('Mul', [ref, ref])),
  // 1 where x > 0, else alpha. (`Where` and `Sign` are several times slower than these.)
  Step: ({ x }, { alpha }, g) =>
    elementwise(g, [x], ([ref]) => {
      const type = elementType(x.dtype);
      const positive = g.cast(g.op('Greater', [ref, numbers(g, [0], [], x.dtype)]), type);
      if (alpha === 0) return positive;
      const [slope, rest] = [numbers(g, [alpha], [], x.dtype), numbers(g, [1 - alpha], [], x.dtype)];
      return g.op('Add', [g.op('Mul', [positive, rest]), slope]);
    }),
  Tan: unary('Tan'),
  Tanh: unary('Tanh'),

  Add: binary('Add'),
  AddN: (values, _, g) => values.reduce((a, b) => elementwise(g, [a, b], (refs) => g.op('Add', refs))),
  FloorDiv: ({ a, b }, _, g) => {
    const quotient = elementwise(g, [cast(g, a, 'float32'), cast(g, b, 'float32')], (refs) =>
      g.op('Floor', [g.op('Div', refs)]),
    );
    return cast(g, quotient, 'int32');
  },
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Multiply: binary('Mul'),
  Pow: binary('Pow'),
  Prelu: ({ x, alpha }, _, g) => elementwise(g, [x, alpha], (refs) => g.op('PRelu', refs)),
  RealDiv: binary('Div'),
  Select: ({ condition, t, e }, _, g) => {
    const rows = condition.shape.length === 1 && t.shape.length > 1;
    const where = rows
      ? plainValue(
          g.reshape(
            condition.as(plain, g),
            t.shape.map((d, i) => (i === 0 ? d : 1)),
          ),
        )
      : condition;
    return elementwise(g, [where, t, e], (refs) => g.op('Where', refs));
  },
  SquaredDifference: ({ a, b }, _, g) =>
    elementwise(g, [a, b], (refs) => {
      const difference = g.op('Sub', refs);
      return g.op('Mul', [difference, difference]);
    }),
  Sub: binary('Sub'),

  Equal: connective('Equal'),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: connective('And'),
  LogicalOr: connective('Or'),
  NotEqual: not('Equal'),

  All: logical('ReduceMin'),
  Any: logical('ReduceMax'),
  ArgMax: ({ x }, { axis }, g) => argReduce(g, 'ArgMax', x, axis),
  ArgMin: ({ x }, { axis }, g) => argReduce(g, 'ArgMin', x, axis),
  LogSoftmax: ({ logits }, { axis }, g) => plainValue(g.op('LogSoftmax', [logits.as(plain, g)], { axis })),
  Max: (inputs, { reductionIndices, keepDims }, g) => reduce(g, 'ReduceMax', inputs.x, reductionIndices, keepDims),
  Mean: ({ x }, { axis, keepDims }, g) => reduce(g, 'ReduceMean', cast(g, x, 'float32'), axis, keepDims),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  Softmax: ({ logits }, { dim }, g) => plainValue(g.op('Softmax', [logits.as(plain, g)], { axis: dim })),
  Sum: reduction('ReduceSum'),

  BroadcastTo: ({ x }, { shape }, g) => plainValue(g.op('Expand', [x.as(plain, g), g.ints(shape)])),
  Cast: ({ x }, { dtype }, g) => {
    elementType(dtype);
    return cast(g, x, dtype as Numeric);
  },
  Concat: (values, { axis }, g) => concat(g, values, axis),
  ExpandDims: ({ input }, { dim }, g) => plainValue(expandDims(g, input, dim)),
  Fill: (_, { shape, value, dtype }, g) => filled(g, shape, Number(value), dtype),
  GatherV2: ({ x, indices }, { axis, batchDims }, g) => {
    if (batchDims) throw new Error('batchDims other than 0 are not lowered');
    return plainValue(
      g.op('Gather', [x.as(plain, g), indices.as(plain, g)], { axis: axis < 0 ? axis + x.shape.length : axis }),
    );
  },
  Identity: ({ x }) => x,
  OneHot: ({ indices }, { depth, onValue, offValue, dtype }, g) => oneHot(g, indices, depth, onValue, offValue, dtype),
  OnesLike: ({ x }, _, g) => filled(g, x.shape, 1, x.dtype),
  Pack: (values, { axis }, g) => pack(g, values, axis),
  PadV2: ({ x }, { paddings, constantValue }, g) => pad(g, x, paddings, constantValue),
  Range: (_, { start, stop, step, dtype }, g) => {
    const length = Math.max(0, Math.ceil((stop - start) / step));
    return plainValue(
      numbers(
        g,
        Array.from({ length }, (__, i) => start + i * step),
        [length],
        dtype,
      ),
    );
  },
  Reshape: ({ x }, { shape }, g) => plainValue(g.reshape(x.as(plain, g), resolved(shape, x.shape))),
  Reverse: ({ x }, { dims }, g) => reverse(g, x, dims),
  Slice: ({ x }, { begin, size }, g) => slice(g, x, begin, size),
  SplitV: ({ x }, { numOrSizeSplits, axis }, g) => split(g, x, numOrSizeSplits, axis),
  Tile: ({ x }, { reps }, g) => plainValue(g.op('Tile', [x.as(plain, g), g.ints(reps)])),
  Transpose: ({ x }, { perm }, g) => plainValue(g.transpose(x.as(plain, g), perm)),
  Unpack: ({ value }, { axis }, g) => unpack(g, value, axis),
  ZerosLike: ({ x }, _, g) => filled(g, x.shape, 0, x.dtype),

  BatchMatMul: ({ a, b }, attrs, g) => matMul(g, a, b, attrs),
  _FusedMatMul: ({ a, b, bias, preluActivationWeights: prelu }, attrs, g) =>
    activate(g, matMul(g, a, b, attrs, bias), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  Conv2D: ({ x, filter }, attrs, g) => conv2d(g, x, filter, undefined, attrs),
  Conv2DBackpropFilter: ({ x, dy }, attrs, g) => conv2dBackpropFilter(g, x, dy, attrs),
  Conv2DBackpropInput: ({ dy, filter, bias }, attrs, g) =>
    activate(g, conv2dBackpropInput(g, dy, filter, bias, attrs), attrs.activation),
  FusedConv2D: ({ x, filter, bias, preluActivationWeights: prelu }, attrs, g) =>
    activate(g, conv2d(g, x, filter, bias, attrs), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  MaxPool: ({ x }, attrs, g) => pool(g, 'MaxPool', x, attrs),
  AvgPool: ({ x }, attrs, g) => pool(g, 'AveragePool', x, attrs),
};

/** tfjs's reshape target with its −1 filled in. */
function resolved(shape: readonly number[], from: readonly number[]): number[] {
  const size = from.reduce((a, b) => a * b, 1);
  const known = shape.reduce((a, b) => (b === -1 ? a : a * b), 1);
  return shape.map((d) => (d === -1 ? size / known : d));
}
