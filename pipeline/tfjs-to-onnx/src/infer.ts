import { broadcast, type ElementType, product, type Ref, type Shape, sameShape, type TensorType } from './ir.ts';

/** Attributes of convolutions and pooling; by default a window of 1 with stride 1, without pads. */
export interface Window {
  readonly kernel_shape?: Shape;
  readonly strides?: Shape;
  readonly dilations?: Shape;
  /** Before every axis, then after every axis. */
  readonly pads?: Shape;
  readonly group?: number;
}
export interface Axis {
  readonly axis: number;
}
export interface KeepDims {
  readonly keepdims?: number;
}
/** The number of rows that is assumed where values decide it; it is not in the file. */
interface Rows {
  readonly _rows: number;
}
type Flags<Names extends string> = { readonly [Name in Names]?: number };
type ChannelsLast = Flags<'channels_last'>;

const unary = (x: Ref): TensorType => ofType(x, x.shape);
const binary = (a: Ref, b: Ref): TensorType => ofType(a, broadcast(a.shape, b.shape));
const compare = (a: Ref, b: Ref): TensorType => ({ shape: broadcast(a.shape, b.shape), type: 'bool' });
const predicate = ({ shape }: Ref): TensorType => ({ shape, type: 'bool' });
const reduce = (x: Ref, axes: Ref | undefined, { keepdims = 1 }: KeepDims): TensorType => {
  const reduced = axes ? constantInts(axes) : x.shape.map((_, i) => i);
  const shape = x.shape.filter((_, i) => !reduced.includes(i));
  return keepdims ? mapSizes(x, (d, i) => (reduced.includes(i) ? 1 : d)) : ofType(x, shape);
};
const argReduce = ({ shape }: Ref, { axis }: Axis & KeepDims): TensorType => ({
  shape: shape.filter((_, i) => i !== axis),
  type: 'int64',
});
const pool = (x: Ref, attrs: Window): TensorType => conv(x, { ...x, shape: [at(x.shape, 1)] }, undefined, attrs);

/**
 * The ONNX operators that graphs are made of: their inputs and attributes, as the builder's method of that name takes
 * them, and the type of each output. ONNX Runtime's blocked (NCHWc) operators carry their domain's short name.
 */
export const operators = {
  ...each('Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Elu Erf Exp Floor Identity Log Neg Not', () => unary),
  ...each('Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Sqrt Tan Tanh', () => unary),
  ...each('IsInf IsNaN', () => predicate),
  ...each('Add And BitwiseAnd Div Max Min Mul Or Pow Sub Xor', () => binary),
  ...each('Equal Greater GreaterOrEqual Less LessOrEqual', () => compare),
  ...each('ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum', () => reduce),
  ...each('ArgMax ArgMin', () => argReduce),
  ...each('AveragePool MaxPool', () => pool),
  Cast: ({ shape }: Ref, { to }: { readonly to: ElementType }) => ({ shape, type: to }),
  Clip: (x: Ref, _low: Ref, _high: Ref) => unary(x),
  Concat: (parts: readonly Ref[], { axis }: Axis) => {
    const [first] = parts;
    if (!first) throw new Error('there is nothing to concatenate');
    return resized(first, axis, sum(parts.map(({ shape }) => at(shape, axis))));
  },
  Conv: conv,
  ConvTranspose: (x: Ref, w: Ref, _bias: Ref | undefined, attrs: Window & { readonly output_padding?: Shape }) => {
    const [n = 1, , ...spatial] = x.shape;
    const { spans, strides, pads } = windows(attrs, spatial.length);
    const { group = 1, output_padding = spatial.map(() => 0) } = attrs;
    const out = spatial.map((d, i) => at(strides, i) * (d - 1) + at(output_padding, i) + at(spans, i) - at(pads, i));
    return ofType(x, [n, at(w.shape, 1) * group, ...out]);
  },
  CumSum: (x: Ref, _axis: Ref, _: Flags<'exclusive' | 'reverse'>) => unary(x),
  DepthToSpace: (x: Ref, { blocksize: b }: { readonly blocksize: number; readonly mode: string }) => {
    const [n, c, h, w] = image(x);
    return ofType(x, [n, c / b ** 2, h * b, w * b]);
  },
  // Pairs of real and imaginary parts along the last axis.
  DFT: (x: Ref, _length: undefined, _: Axis & Flags<'inverse'>) => unary(x),
  // 'ij,jk->ik': each letter names a size
  Einsum: (terms: readonly Ref[], { equation }: { readonly equation: string }) => {
    const [from = '', to = ''] = equation.split('->');
    const sizes = new Map<string, number>();
    from.split(',').forEach((letters, i) => {
      [...letters.trim()].forEach((letter, axis) => void sizes.set(letter, at(terms[i]?.shape ?? [], axis)));
    });
    const shape = [...to.trim()].map((letter) => at([sizes.get(letter)], 0));
    return ofType(terms[0] as Ref, shape);
  },
  Expand: (x: Ref, shape: Ref) => ofType(x, broadcast(x.shape, constantInts(shape))),
  Gather: (x: Ref, indices: Ref, { axis = 0 }: Partial<Axis> = {}) =>
    ofType(x, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]),
  GatherND: (x: Ref, { shape }: Ref, { batch_dims = 0 }: Flags<'batch_dims'> = {}) =>
    ofType(x, [...shape.slice(0, -1), ...x.shape.slice(batch_dims + at(shape, shape.length - 1))]),
  Gemm: (a: Ref, b: Ref, _c: Ref | undefined, { transA, transB }: Flags<'transA' | 'transB'>) => {
    const [rows, inner] = transA ? [1, 0] : [0, 1];
    const [other, columns] = transB ? [1, 0] : [0, 1];
    if (at(a.shape, inner) !== at(b.shape, other)) {
      throw new Error(`Gemm of [${a.shape}] and [${b.shape}], transA ${transA}, transB ${transB}`);
    }
    return ofType(a, [at(a.shape, rows), at(b.shape, columns)]);
  },
  HardSwish: (x: Ref) => unary(x),
  HardSigmoid: (x: Ref, _: Flags<'alpha' | 'beta'>) => unary(x),
  LayerNormalization: (x: Ref, _scale: Ref, _offset: Ref | undefined, _: Axis & { readonly epsilon: number }) =>
    unary(x),
  LRN: (x: Ref, _: Flags<'size' | 'bias' | 'alpha' | 'beta'>) => unary(x),
  LeakyRelu: (x: Ref, _: { readonly alpha: number }) => unary(x),
  MatMul: (a: Ref, b: Ref) => {
    const [x, y] = [a.shape, b.shape];
    if (x.at(-1) !== y.at(-2)) throw new Error(`MatMul of [${x}] and [${y}]`);
    return ofType(a, [...broadcast(x.slice(0, -2), y.slice(0, -2)), at(x, x.length - 2), at(y, y.length - 1)]);
  },
  LogSoftmax: (x: Ref, _: Axis) => unary(x),
  Mod: (a: Ref, b: Ref, _: { readonly fmod: number }) => binary(a, b),
  NonMaxSuppression: (_boxes: Ref, _scores: Ref, _most: Ref, _overlap: Ref, _least: Ref, { _rows }: Rows) =>
    int64([_rows, 3]),
  NonZero: ({ shape }: Ref, { _rows }: Rows) => int64([shape.length, _rows]),
  PRelu: (x: Ref, slope: Ref) => {
    const type = binary(x, slope);
    if (!sameShape(type.shape, x.shape)) throw new Error(`PRelu of [${x.shape}] by slopes of shape [${slope.shape}]`);
    return type;
  },
  Pad: (x: Ref, pads: Ref, _value?: Ref) => {
    const by = constantInts(pads);
    return mapSizes(x, (d, i) => d + at(by, i) + at(by, i + x.shape.length));
  },
  Range: (start: Ref, _limit: Ref, _step: Ref, { _rows }: Rows) => ofType(start, [_rows]),
  Reshape: (x: Ref, target: Ref, _?: Flags<'allowzero'>) => {
    const shape = constantInts(target);
    if (product(shape) !== product(x.shape)) throw new Error(`Reshape of [${x.shape}] to [${shape}]`);
    return ofType(x, shape);
  },
  Resize: (x: Ref, _region: undefined, scales: Ref | undefined, sizes: Ref | undefined, _: ResizeAttributes) => {
    if (sizes) return ofType(x, constantInts(sizes));
    const factors = scales ? constantInts(scales) : [];
    return mapSizes(x, (d, i) => Math.floor(d * at(factors, i)));
  },
  ScatterElements: (x: Ref, _indices: Ref, _updates: Ref, _: Axis & { readonly reduction: 'add' }) => unary(x),
  ScatterND: (x: Ref, _indices: Ref, _updates: Ref, _attrs?: { readonly reduction?: 'add' | 'max' }) => unary(x),
  Shape: (_: Ref, { start, end }: { readonly start: number; readonly end: number }) => int64([end - start]),
  Slice: (x: Ref, starts: Ref, ends: Ref, axes: Ref, steps?: Ref) => {
    const shape = [...x.shape];
    const [from, to, along] = [constantInts(starts), constantInts(ends), constantInts(axes)];
    along.forEach((axis, i) => {
      const d = at(shape, axis);
      const step = steps ? at(constantInts(steps), i) : 1;
      const clamp = (p: number, low: number, high: number) => Math.min(Math.max(p < 0 ? p + d : p, low), high);
      const [low, high] = step > 0 ? [0, d] : [-1, d - 1];
      const [start, end] = [clamp(at(from, i), Math.max(low, 0), high), clamp(at(to, i), low, high)];
      shape[axis] = Math.max(0, Math.ceil((end - start) / step));
    });
    return ofType(x, shape);
  },
  Softmax: (x: Ref, _: Axis) => unary(x),
  Split: (x: Ref, sizes: Ref, { axis }: Axis) => constantInts(sizes).map((size) => resized(x, axis, size)),
  Tile: (x: Ref, repeats: Ref) => {
    const times = constantInts(repeats);
    return mapSizes(x, (d, i) => d * at(times, i));
  },
  TopK: (x: Ref, k: Ref, { axis }: Axis & Flags<'largest' | 'sorted'>) => {
    const values = resized(x, axis, at(constantInts(k), 0));
    return [values, int64(values.shape)] as const;
  },
  Transpose: (x: Ref, { perm }: { readonly perm: Shape }) => ({
    type: x.type,
    shape: perm.map((axis) => at(x.shape, axis)),
  }),
  Where: (condition: Ref, a: Ref, b: Ref) => ofType(a, broadcast(condition.shape, a.shape, b.shape)),
  // It adds to `_sum`, in whose memory the result is where nothing else reads that.
  'nchwc.Conv': (x: Ref, w: Ref, bias: Ref | undefined, _sum: Ref | undefined, attrs: BlockedWindow) =>
    conv(x, w, bias, attrs),
  'nchwc.ReorderInput': (x: Ref, { channels_last }: ChannelsLast = {}) => {
    const [n, a, b, c] = image(x);
    return ofType(x, channels_last ? [n, c, a, b] : [n, a, b, c]);
  },
  'nchwc.ReorderOutput': (x: Ref, { channels, channels_last }: ChannelsLast & { readonly channels: number }) => {
    const [n, , h, w] = image(x);
    return ofType(x, channels_last ? [n, h, w, channels] : [n, channels, h, w]);
  },
};

export interface ResizeAttributes {
  readonly mode: 'nearest' | 'linear';
  readonly coordinate_transformation_mode: 'align_corners' | 'half_pixel' | 'asymmetric';
  readonly nearest_mode?: 'round_prefer_ceil' | 'floor';
}

/** Names of ONNX operators. */
export type OpType = keyof typeof operators;

type Words<Text extends string> = Text extends `${infer First} ${infer Rest}` ? First | Words<Rest> : Text;

/** A row for each of several names, which are separated by spaces. */
export function each<Names extends string, Row>(names: Names, row: (name: Words<Names>) => Row) {
  const rows = names.split(' ').map((name) => [name, row(name as Words<Names>)]);
  return Object.fromEntries(rows) as { readonly [Name in Words<Names>]: Row };
}

type BlockedWindow = Window & { readonly activation?: 'Relu' };

function conv(x: Ref, w: Ref, _bias: Ref | undefined, attrs: Window): TensorType {
  const [n = 1, , ...spatial] = x.shape;
  const { spans, strides, pads } = windows(attrs, spatial.length);
  const out = spatial.map((d, i) => Math.floor((d + at(pads, i) - at(spans, i)) / at(strides, i)) + 1);
  return ofType(x, [n, at(w.shape, 0), ...out]);
}

/** What a window covers, steps and adds on each axis. */
function windows({ kernel_shape, strides, dilations, pads }: Window, rank: number) {
  const ones = new Array<number>(rank).fill(1);
  return {
    strides: strides ?? ones,
    spans: ones.map((_, i) => at(dilations ?? ones, i) * (at(kernel_shape ?? ones, i) - 1) + 1),
    pads: ones.map((_, i) => (pads ? at(pads, i) + at(pads, i + rank) : 0)),
  };
}

const ofType = ({ type }: Ref, shape: Shape): TensorType => ({ shape, type });
const int64 = (shape: Shape): TensorType => ({ shape, type: 'int64' });
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const image = ({ shape }: Ref) => [at(shape, 0), at(shape, 1), at(shape, 2), at(shape, 3)] as const;

const mapSizes = (x: Ref, size: (d: number, axis: number) => number): TensorType => ofType(x, x.shape.map(size));
/** The type of a tensor with another size along one axis. */
const resized = (x: Ref, axis: number, size: number) => mapSizes(x, (d, i) => (i === axis ? size : d));

/** The numbers of a constant. */
function constantInts({ name, constant }: Ref): number[] {
  if (!constant) throw new Error(`${name} must be a constant`);
  return Array.from(constant as ArrayLike<number | bigint>, Number);
}

function at(list: readonly (number | undefined)[], i: number): number {
  const value = list[i];
  if (value === undefined) throw new Error(`no element ${i} in [${list}]`);
  return value;
}
