import type * as tf from '@tensorflow/tfjs-core';

type None = Record<string, never>;
interface Kernel<Inputs, Attrs = None> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
}

/** The tfjs kernels that can be lowered, with tfjs's own types of their inputs and attributes. One row per kernel. */
export interface Kernels {
  // elementwise, one input
  Abs: Kernel<tf.AbsInputs>;
  Acos: Kernel<tf.AcosInputs>;
  Acosh: Kernel<tf.AcoshInputs>;
  Asin: Kernel<tf.AsinInputs>;
  Asinh: Kernel<tf.AsinhInputs>;
  Atan: Kernel<tf.AtanInputs>;
  Atanh: Kernel<tf.AtanhInputs>;
  Ceil: Kernel<tf.CeilInputs>;
  ClipByValue: Kernel<tf.ClipByValueInputs, tf.ClipByValueAttrs>;
  Cos: Kernel<tf.CosInputs>;
  Cosh: Kernel<tf.CoshInputs>;
  Elu: Kernel<tf.EluInputs>;
  EluGrad: Kernel<tf.EluGradInputs>;
  Erf: Kernel<tf.ErfInputs>;
  Exp: Kernel<tf.ExpInputs>;
  Expm1: Kernel<tf.Expm1Inputs>;
  Floor: Kernel<tf.FloorInputs>;
  IsFinite: Kernel<tf.IsFiniteInputs>;
  IsInf: Kernel<tf.IsInfInputs>;
  IsNan: Kernel<tf.IsNanInputs>;
  LeakyRelu: Kernel<tf.LeakyReluInputs, tf.LeakyReluAttrs>;
  Log: Kernel<tf.LogInputs>;
  Log1p: Kernel<tf.Log1pInputs>;
  LogicalNot: Kernel<tf.LogicalNotInputs>;
  Neg: Kernel<tf.NegInputs>;
  Reciprocal: Kernel<tf.ReciprocalInputs>;
  Relu: Kernel<tf.ReluInputs>;
  Relu6: Kernel<tf.Relu6Inputs>;
  Round: Kernel<tf.RoundInputs>;
  Rsqrt: Kernel<tf.RsqrtInputs>;
  Selu: Kernel<tf.SeluInputs>;
  Sigmoid: Kernel<tf.SigmoidInputs>;
  Sign: Kernel<tf.SignInputs>;
  Sin: Kernel<tf.SinInputs>;
  Sinh: Kernel<tf.SinhInputs>;
  Softplus: Kernel<tf.SoftplusInputs>;
  Sqrt: Kernel<tf.SqrtInputs>;
  Square: Kernel<tf.SquareInputs>;
  Step: Kernel<tf.StepInputs, tf.StepAttrs>;
  Tan: Kernel<tf.TanInputs>;
  Tanh: Kernel<tf.TanhInputs>;
  // elementwise, several inputs
  Add: Kernel<tf.AddInputs>;
  AddN: Kernel<tf.AddNInputs>;
  FloorDiv: Kernel<tf.FloorDivInputs>;
  Maximum: Kernel<tf.MaximumInputs>;
  Minimum: Kernel<tf.MinimumInputs>;
  Multiply: Kernel<tf.MultiplyInputs>;
  Pow: Kernel<tf.PowInputs>;
  Prelu: Kernel<tf.PreluInputs>;
  RealDiv: Kernel<tf.RealDivInputs>;
  Select: Kernel<tf.SelectInputs>;
  SquaredDifference: Kernel<tf.SquaredDifferenceInputs>;
  Sub: Kernel<tf.SubInputs>;
  Atan2: Kernel<tf.Atan2Inputs>;
  Mod: Kernel<tf.ModInputs>;
  // comparison and logic
  Equal: Kernel<tf.EqualInputs>;
  Greater: Kernel<tf.GreaterInputs>;
  GreaterEqual: Kernel<tf.GreaterEqualInputs>;
  Less: Kernel<tf.LessInputs>;
  LessEqual: Kernel<tf.LessEqualInputs>;
  LogicalAnd: Kernel<tf.LogicalAndInputs>;
  LogicalOr: Kernel<tf.LogicalOrInputs>;
  NotEqual: Kernel<tf.NotEqualInputs>;
  // reductions
  All: Kernel<tf.AllInputs, tf.AllAttrs>;
  Any: Kernel<tf.AnyInputs, tf.AnyAttrs>;
  ArgMax: Kernel<tf.ArgMaxInputs, tf.ArgMaxAttrs>;
  ArgMin: Kernel<tf.ArgMinInputs, tf.ArgMinAttrs>;
  Max: Kernel<tf.MaxInputs, tf.MaxAttrs>;
  Mean: Kernel<tf.MeanInputs, tf.MeanAttrs>;
  Min: Kernel<tf.MinInputs, tf.MinAttrs>;
  Prod: Kernel<tf.ProdInputs, tf.ProdAttrs>;
  Softmax: Kernel<tf.SoftmaxInputs, tf.SoftmaxAttrs>;
  Sum: Kernel<tf.SumInputs, tf.SumAttrs>;
  Cumsum: Kernel<tf.CumsumInputs, tf.CumsumAttrs>;
  TopK: Kernel<tf.TopKInputs, tf.TopKAttrs>;
  UnsortedSegmentSum: Kernel<tf.UnsortedSegmentSumInputs, tf.UnsortedSegmentSumAttrs>;
  // shape and content
  Cast: Kernel<tf.CastInputs, tf.CastAttrs>;
  Concat: Kernel<tf.ConcatInputs, tf.ConcatAttrs>;
  ExpandDims: Kernel<tf.ExpandDimsInputs, tf.ExpandDimsAttrs>;
  Fill: Kernel<None, tf.FillAttrs>;
  GatherV2: Kernel<tf.GatherV2Inputs, tf.GatherV2Attrs>;
  Identity: Kernel<tf.IdentityInputs>;
  OneHot: Kernel<tf.OneHotInputs, tf.OneHotAttrs>;
  OnesLike: Kernel<tf.OnesLikeInputs>;
  Pack: Kernel<tf.PackInputs, tf.PackAttrs>;
  PadV2: Kernel<tf.PadV2Inputs, tf.PadV2Attrs>;
  Range: Kernel<None, tf.RangeAttrs>;
  Reshape: Kernel<tf.ReshapeInputs, tf.ReshapeAttrs>;
  Reverse: Kernel<tf.ReverseInputs, tf.ReverseAttrs>;
  Slice: Kernel<tf.SliceInputs, tf.SliceAttrs>;
  SplitV: Kernel<tf.SplitVInputs, tf.SplitVAttrs>;
  Tile: Kernel<tf.TileInputs, tf.TileAttrs>;
  Transpose: Kernel<tf.TransposeInputs, tf.TransposeAttrs>;
  Unpack: Kernel<tf.UnpackInputs, tf.UnpackAttrs>;
  ZerosLike: Kernel<tf.ZerosLikeInputs>;
  BatchToSpaceND: Kernel<tf.BatchToSpaceNDInputs, tf.BatchToSpaceNDAttrs>;
  DepthToSpace: Kernel<tf.DepthToSpaceInputs, tf.DepthToSpaceAttrs>;
  FlipLeftRight: Kernel<tf.FlipLeftRightInputs>;
  GatherNd: Kernel<tf.GatherNdInputs>;
  LinSpace: Kernel<None, tf.LinSpaceAttrs>;
  MirrorPad: Kernel<tf.MirrorPadInputs, tf.MirrorPadAttrs>;
  ResizeBilinear: Kernel<tf.ResizeBilinearInputs, tf.ResizeBilinearAttrs>;
  ResizeBilinearGrad: Kernel<tf.ResizeBilinearGradInputs, tf.ResizeBilinearGradAttrs>;
  ResizeNearestNeighbor: Kernel<tf.ResizeNearestNeighborInputs, tf.ResizeNearestNeighborAttrs>;
  ResizeNearestNeighborGrad: Kernel<tf.ResizeNearestNeighborGradInputs, tf.ResizeNearestNeighborGradAttrs>;
  ScatterNd: Kernel<tf.ScatterNdInputs, tf.ScatterNdAttrs>;
  SpaceToBatchND: Kernel<tf.SpaceToBatchNDInputs, tf.SpaceToBatchNDAttrs>;
  StridedSlice: Kernel<tf.StridedSliceInputs, tf.StridedSliceAttrs>;
  TensorScatterUpdate: Kernel<tf.TensorScatterUpdateInputs>;
  // matrix products and convolutions
  Einsum: Kernel<tf.EinsumInputs, tf.EinsumAttrs>;
  BatchMatMul: Kernel<tf.BatchMatMulInputs, tf.BatchMatMulAttrs>;
  _FusedMatMul: Kernel<tf._FusedMatMulInputs, tf._FusedMatMulAttrs>;
  Conv2D: Kernel<tf.Conv2DInputs, tf.Conv2DAttrs>;
  Conv2DBackpropFilter: Kernel<tf.Conv2DBackpropFilterInputs, tf.Conv2DBackpropFilterAttrs>;
  Conv2DBackpropInput: Kernel<Conv2DBackpropInputInputs, Conv2DBackpropInputAttrs>;
  FusedConv2D: Kernel<tf.FusedConv2DInputs, tf.FusedConv2DAttrs>;
  MaxPool: Kernel<tf.MaxPoolInputs, tf.MaxPoolAttrs>;
  MaxPoolGrad: Kernel<tf.MaxPoolGradInputs, tf.MaxPoolGradAttrs>;
  AvgPool: Kernel<tf.AvgPoolInputs, tf.AvgPoolAttrs>;
  AvgPoolGrad: Kernel<tf.AvgPoolGradInputs, tf.AvgPoolGradAttrs>;
  DepthwiseConv2dNative: Kernel<tf.DepthwiseConv2dNativeInputs, tf.DepthwiseConv2dNativeAttrs>;
  DepthwiseConv2dNativeBackpropFilter: Kernel<
    tf.DepthwiseConv2dNativeBackpropFilterInputs,
    tf.DepthwiseConv2dNativeBackpropFilterAttrs
  >;
  DepthwiseConv2dNativeBackpropInput: Kernel<
    tf.DepthwiseConv2dNativeBackpropInputInputs,
    tf.DepthwiseConv2dNativeBackpropInputAttrs
  >;
  FusedDepthwiseConv2D: Kernel<tf.FusedDepthwiseConv2DInputs, tf.FusedDepthwiseConv2DAttrs>;
  FusedBatchNorm: Kernel<BatchNormInputs, tf.FusedBatchNormAttrs>;
  LRN: Kernel<tf.LRNInputs, tf.LRNAttrs>;
  Conv3D: Kernel<tf.Conv3DInputs, tf.Conv3DAttrs>;
  MaxPool3D: Kernel<tf.MaxPool3DInputs, tf.MaxPool3DAttrs>;
  AvgPool3D: Kernel<tf.AvgPool3DInputs, tf.AvgPool3DAttrs>;
}

/** tfjs's inputs and attributes, and the bias and activation that `fuse` folds in. */
export type Conv2DBackpropInputInputs = tf.Conv2DBackpropInputInputs & { readonly bias?: tf.TensorInfo };
export type Conv2DBackpropInputAttrs = tf.Conv2DBackpropInputAttrs & { readonly activation?: 'relu' | 'linear' };

/** tfjs requires all of them in its type, and leaves scale and offset out where they are not given. */
export type BatchNormInputs = Pick<tf.FusedBatchNormInputs, 'x' | 'mean' | 'variance'> &
  Partial<Pick<tf.FusedBatchNormInputs, 'scale' | 'offset'>>;

export type KernelName = keyof Kernels;
