import type { TensorInfo } from '@tensorflow/tfjs-core';
import { elementType, plain, plainValue, type Value } from '../forms.ts';
import { type GraphBuilder, sameShape } from '../graph.ts';
import type { KernelName, Kernels } from '../kernels.ts';
import { atan2, floorDiv, mod, select, step } from './arithmetic.ts';
import { activate, conv2d, conv2dBackpropFilter, conv2dBackpropInput } from './conv.ts';
import { depthwiseBackpropFilter, depthwiseBackpropInput, depthwiseConv2d } from './depthwise.ts';
import { elementwise, map } from './elementwise.ts';
import { gather, gatherNd, scatterNd, scatterUpdate, segmentSum, topK } from './gather.ts';
import { einsum, matMul } from './matmul.ts';
import { batchNorm, localResponse } from './normalize.ts';
import { avgPoolGrad, maxPoolGrad, pool } from './pool.ts';
import { argReduce, cumsum, reduce } from './reduce.ts';
import { resize, resizeGrad } from './resize.ts';
import {
  concat,
  expandDims,
  filled,
  linspace,
  mirrorPad,
  numbers,
  oneHot,
  pack,
  pad,
  range,
  reverse,
  slice,
  split,
  stridedSlice,
  unpack,
} from './shape.ts';
import { binary, cast, comparison, connective, logical, type Numeric, not, reduction, unary } from './simple.ts';
import { batchToSpace, depthToSpace, spaceToBatch } from './space.ts';
import { conv3d, pool3d } from './volume.ts';

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
  Step: ({ x }, { alpha }, g) => step(g, x, alpha),
  Tan: unary('Tan'),
  Tanh: unary('Tanh'),

  Add: binary('Add'),
  AddN: (values, _, g) => values.reduce((a, b) => elementwise(g, [a, b], (refs) => g.op('Add', refs))),
  Atan2: ({ a, b }, _, g) => atan2(g, a, b),
  FloorDiv: ({ a, b }, _, g) => floorDiv(g, a, b),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Mod: ({ a, b }, _, g) => mod(g, a, b),
  Multiply: binary('Mul'),
  Pow: binary('Pow'),
  Prelu: ({ x, alpha }, _, g) => elementwise(g, [x, alpha], (refs) => g.op('PRelu', refs)),
  RealDiv: binary('Div'),
  Select: ({ condition, t, e }, _, g) => select(g, condition, t, e),
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
  Cumsum: ({ x }, { axis, exclusive, reverse: back }, g) => cumsum(g, x, axis, exclusive, back),
  Max: (inputs, { reductionIndices, keepDims }, g) => reduce(g, 'ReduceMax', inputs.x, reductionIndices, keepDims),
  Mean: ({ x }, { axis, keepDims }, g) => reduce(g, 'ReduceMean', cast(g, x, 'float32'), axis, keepDims),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  Softmax: ({ logits }, { dim }, g) => plainValue(g.op('Softmax', [logits.as(plain, g)], { axis: dim })),
  Sum: reduction('ReduceSum'),
  TopK: ({ x }, { k, sorted }, g) => topK(g, x, k, sorted),
  UnsortedSegmentSum: ({ x, segmentIds }, { numSegments }, g) => segmentSum(g, x, segmentIds, numSegments),

  BatchToSpaceND: ({ x }, { blockShape, crops }, g) => batchToSpace(g, x, blockShape, crops),
  Cast: ({ x }, { dtype }, g) => {
    elementType(dtype);
    return cast(g, x, dtype as Numeric);
  },
  Concat: (values, { axis }, g) => concat(g, values, axis),
  DepthToSpace: ({ x }, { blockSize, dataFormat }, g) => depthToSpace(g, x, blockSize, dataFormat),
  ExpandDims: ({ input }, { dim }, g) => plainValue(expandDims(g, input, dim)),
  Fill: (_, { shape, value, dtype }, g) => filled(g, shape, Number(value), dtype),
  FlipLeftRight: ({ image }, _, g) => reverse(g, image, 2),
  GatherNd: ({ params, indices }, _, g) => gatherNd(g, params, indices),
  GatherV2: ({ x, indices }, { axis, batchDims }, g) => gather(g, x, indices, axis, batchDims),
  Identity: ({ x }) => x,
  LinSpace: (_, { start, stop, num }, g) => linspace(g, start, stop, num),
  MirrorPad: ({ x }, { paddings, mode }, g) => mirrorPad(g, x, paddings, mode),
  OneHot: ({ indices }, { depth, onValue, offValue, dtype }, g) => oneHot(g, indices, depth, onValue, offValue, dtype),
  OnesLike: ({ x }, _, g) => filled(g, x.shape, 1, x.dtype),
  Pack: (values, { axis }, g) => pack(g, values, axis),
  PadV2: ({ x }, { paddings, constantValue }, g) => pad(g, x, paddings, constantValue),
  Range: (_, { start, stop, step, dtype }, g) => range(g, start, stop, step, dtype),
  // Gradients of additions reshape to the shape that there is: that must not cost a layout.
  Reshape: ({ x }, { shape }, g) => {
    const target = resolved(shape, x.shape);
    return sameShape(target, x.shape) ? x : plainValue(g.reshape(x.as(plain, g), target));
  },
  ResizeBilinear: ({ images }, attrs, g) => resize(g, images, attrs, 'linear'),
  ResizeBilinearGrad: ({ images, dy }, attrs, g) => resizeGrad(g, dy, images, attrs, 'linear'),
  ResizeNearestNeighbor: ({ images }, attrs, g) => resize(g, images, attrs, 'nearest'),
  ResizeNearestNeighborGrad: ({ images, dy }, attrs, g) => resizeGrad(g, dy, images, attrs, 'nearest'),
  Reverse: ({ x }, { dims }, g) => reverse(g, x, dims),
  ScatterNd: ({ indices, updates }, { shape }, g) => scatterNd(g, indices, updates, shape),
  Slice: ({ x }, { begin, size }, g) => slice(g, x, begin, size),
  SpaceToBatchND: ({ x }, { blockShape, paddings }, g) => spaceToBatch(g, x, blockShape, paddings),
  SplitV: ({ x }, { numOrSizeSplits, axis }, g) => split(g, x, numOrSizeSplits, axis),
  StridedSlice: ({ x }, attrs, g) => stridedSlice(g, x, attrs),
  TensorScatterUpdate: ({ tensor, indices, updates }, _, g) => scatterUpdate(g, tensor, indices, updates),
  Tile: ({ x }, { reps }, g) => plainValue(g.op('Tile', [x.as(plain, g), g.ints(reps)])),
  Transpose: ({ x }, { perm }, g) => plainValue(g.transpose(x.as(plain, g), perm)),
  Unpack: ({ value }, { axis }, g) => unpack(g, value, axis),
  ZerosLike: ({ x }, _, g) => filled(g, x.shape, 0, x.dtype),

  Einsum: (values, { equation }, g) => einsum(g, values, equation),
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
  MaxPoolGrad: ({ dy, input, output }, attrs, g) => maxPoolGrad(g, dy, input, output, attrs),
  AvgPool: ({ x }, attrs, g) => pool(g, 'AveragePool', x, attrs),
  AvgPoolGrad: ({ dy, input }, attrs, g) => avgPoolGrad(g, dy, input, attrs),
  DepthwiseConv2dNative: ({ x, filter }, attrs, g) => depthwiseConv2d(g, x, filter, undefined, attrs),
  DepthwiseConv2dNativeBackpropFilter: ({ x, dy }, attrs, g) => depthwiseBackpropFilter(g, x, dy, nhwc(attrs)),
  DepthwiseConv2dNativeBackpropInput: ({ dy, filter }, attrs, g) => depthwiseBackpropInput(g, dy, filter, nhwc(attrs)),
  FusedDepthwiseConv2D: ({ x, filter, bias, preluActivationWeights: prelu }, attrs, g) =>
    activate(g, depthwiseConv2d(g, x, filter, bias, attrs), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  FusedBatchNorm: (inputs, { varianceEpsilon }, g) => batchNorm(g, inputs, varianceEpsilon),
  LRN: ({ x }, attrs, g) => localResponse(g, x, attrs),
  Conv3D: ({ x, filter }, attrs, g) => conv3d(g, x, filter, attrs),
  MaxPool3D: ({ x }, attrs, g) => pool3d(g, 'MaxPool', x, attrs),
  AvgPool3D: ({ x }, attrs, g) => pool3d(g, 'AveragePool', x, attrs),
};

/** The only layout that tfjs's depthwise gradients know. */
const nhwc = <A extends object>(attrs: A) => ({ ...attrs, dataFormat: 'NHWC' as const });

/** tfjs's reshape target with its −1 filled in. */
function resolved(shape: readonly number[], from: readonly number[]): number[] {
  const size = from.reduce((a, b) => a * b, 1);
  const known = shape.reduce((a, b) => (b === -1 ? a : a * b), 1);
  return shape.map((d) => (d === -1 ? size / known : d));
}
