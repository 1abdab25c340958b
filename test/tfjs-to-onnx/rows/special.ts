import type { DataType, NamedAttrMap } from '@tensorflow/tfjs-core';

/** A kernel on special values of each dtype, compared with tfjs's `cpu` value by value. */
export interface SpecialRow {
  readonly kernel: string;
  readonly attrs?: NamedAttrMap;
  /** By default all three. */
  readonly dtypes?: readonly DataType[];
  /** What the error may be beside a relative one of 2e-6: that of an approximation, in tfjs or in ONNX Runtime. */
  readonly absolute?: number;
  /** Values that are left out, and why is said in the README's table. */
  readonly except?: (...values: number[]) => boolean;
}

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** Numbers where kernels differ: not finite, zeros, around 0, halves, large, at the ends of functions' domains. */
export const floats = [
  ...[nan, infinity, 0, 1, 0.5, 1.5, 2.5, 3, 7, 0.3, 1e-8, 1e-30, 1e-40, 1e-4, 0.7, 10, 20, 88, 100, 1e4, 16777217],
  ...[2147483648, 3e9, 1e19, 3e38],
].flatMap((x) => [x, -x]);
export const ints = [0, 1, 2, 3, 7, 20, 31, 1000, 16777217, 2147483647].flatMap((x) => [x, -x]).concat(-2147483648);
export const bools = [0, 1];

const rows = (names: string, row: Omit<SpecialRow, 'kernel'> = {}): SpecialRow[] =>
  names.split(' ').map((kernel) => ({ kernel, ...row }));

/** tfjs's `cpu` computes these of integers in float32. */
const large = (...values: number[]) => values.some((x) => Number.isInteger(x) && Math.abs(x) > 4096);

/** What tfjs's functions take; some take float32 alone. */
export const unaryKernels: SpecialRow[] = [
  ...rows('Acos Acosh Asin Asinh Atan Atanh Exp Expm1 IsFinite IsInf IsNan Log1p Neg Reciprocal Relu Relu6'),
  ...rows('Round Sign Sinh Softplus'),
  ...rows('Ceil Cos Cosh Floor Log Rsqrt Sin Sqrt Tan', { dtypes: ['float32'] }),
  ...rows('Tanh', { dtypes: ['float32'], absolute: 1e-43 }),
  ...rows('Abs Square', { except: large }),
  ...rows('Elu', { dtypes: ['float32'], absolute: 1e-7 }),
  ...rows('Selu', { absolute: 2e-7 }),
  ...rows('Erf', { dtypes: ['float32'], absolute: 3e-7 }),
  ...rows('Sigmoid', { dtypes: ['float32'], absolute: 1e-7 }),
  ...rows('LogicalNot', { dtypes: ['bool'] }),
  ...[0.2, 0, -1, 2].map((alpha) => ({ kernel: 'LeakyRelu', attrs: { alpha } })),
  ...[0, -1, 0.3, 2, 1e8 + 1, infinity].map((alpha) => ({ kernel: 'Step', attrs: { alpha } })),
  ...[
    [-2.5, 2.5],
    [0.5, 1.5],
    [-infinity, -1.5],
    [0, infinity],
    [-1e10, 1e10],
  ].map(([clipValueMin = 0, clipValueMax = 0]) => ({ kernel: 'ClipByValue', attrs: { clipValueMin, clipValueMax } })),
  ...['float32', 'int32', 'bool'].map((dtype) => ({ kernel: 'Cast', attrs: { dtype } })),
];

export const binaryKernels: SpecialRow[] = [
  ...rows('Add Sub RealDiv FloorDiv Mod Maximum Minimum Prelu Atan2'),
  ...rows('Equal NotEqual Greater GreaterEqual Less LessEqual'),
  ...rows('Pow'),
  ...rows('Multiply SquaredDifference', { except: large }),
  ...rows('LogicalAnd LogicalOr', { dtypes: ['bool'] }),
  ...rows('BitwiseAnd', { dtypes: ['int32'] }),
  ...rows('EluGrad', { dtypes: ['float32'] }),
];

export const reductionKernels: SpecialRow[] = [
  ...rows('Sum Mean Prod Min', { attrs: { axis: 1, keepDims: false } }),
  ...rows('Max', { attrs: { reductionIndices: 1, keepDims: false } }),
  ...rows('All Any', { attrs: { axis: 1, keepDims: false }, dtypes: ['bool'] }),
  ...rows('ArgMax ArgMin', { attrs: { axis: 1 } }),
  ...[true, false].flatMap((exclusive) =>
    [true, false].flatMap((reverse) => [
      ...rows('Cumsum', { attrs: { axis: 1, exclusive, reverse } }),
      ...rows('Cumprod', { attrs: { axis: 1, exclusive, reverse }, except: large }),
    ]),
  ),
  ...rows('Softmax', { attrs: { dim: 1 }, dtypes: ['float32'] }),
];
