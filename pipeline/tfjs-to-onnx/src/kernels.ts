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
  LogSoftmax: Kernel<tf.LogSoftmaxInputs, tf.LogSoftmaxAttrs>;
  Max: Kernel<tf.MaxInputs, tf.MaxAttrs>;
  Mean: Kernel<tf.MeanInputs, tf.MeanAttrs>;
  Min: Kernel<tf.MinInputs, tf.MinAttrs>;
  Prod: Kernel<tf.ProdInputs, tf.ProdAttrs>;
  Softmax: Kernel<tf.SoftmaxInputs, tf.SoftmaxAttrs>;
  Sum: Kernel<tf.SumInputs, tf.SumAttrs>;
  // shape and content
  BroadcastTo: Kernel<tf.BroadcastToInputs, tf.BroadCastToAttrs>;
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
  // matrix products and convolutions
  BatchMatMul: Kernel<tf.BatchMatMulInputs, tf.BatchMatMulAttrs>;
  _FusedMatMul: Kernel<tf._FusedMatMulInputs, tf._FusedMatMulAttrs>;
  Conv2D: Kernel<tf.Conv2DInputs, tf.Conv2DAttrs>;
  Conv2DBackpropFilter: Kernel<tf.Conv2DBackpropFilterInputs, tf.Conv2DBackpropFilterAttrs>;
  Conv2DBackpropInput: Kernel<Conv2DBackpropInputInputs, Conv2DBackpropInputAttrs>;
  FusedConv2D: Kernel<tf.FusedConv2DInputs, tf.FusedConv2DAttrs>;
  MaxPool: Kernel<tf.MaxPoolInputs, tf.MaxPoolAttrs>;
  AvgPool: Kernel<tf.AvgPoolInputs, tf.AvgPoolAttrs>;
}

/** tfjs's inputs and attributes, and the bias and activation that `fuse` folds in. */
export type Conv2DBackpropInputInputs = tf.Conv2DBackpropInputInputs & { readonly bias?: tf.TensorInfo };
export type Conv2DBackpropInputAttrs = tf.Conv2DBackpropInputAttrs & { readonly activation?: 'relu' | 'linear' };

export type KernelName = keyof Kernels;
