import { type OpType, operators } from './infer.ts';
import type { Argument, Attributes, ElementType, Ref, TensorType } from './ir.ts';

type Types = readonly ElementType[];

const FLOAT: Types = ['float'];
const BOOL: Types = ['bool'];
const INT64: Types = ['int64'];
/** Types of indices. */
const INDEX: Types = ['int32', 'int64'];
const REAL: Types = ['float', 'double'];
const SIGNED: Types = ['float', 'double', 'int32', 'int64'];
const NUMBER: Types = ['float', 'double', 'int32', 'int64', 'uint8'];
const ANY: Types = [...NUMBER, 'bool'];

/**
 * The element types that each operator takes, by ONNX's opset 18 and ONNX Runtime's CPU provider, for each input in
 * order; the last entry is also that of all further inputs. Inputs with the same entry have the same type.
 */
const inputTypes: { readonly [Op in OpType]: readonly Types[] } = {
  Abs: [NUMBER],
  Acos: [FLOAT],
  Acosh: [FLOAT],
  Add: [NUMBER],
  And: [BOOL],
  ArgMax: [NUMBER],
  ArgMin: [NUMBER],
  Asin: [FLOAT],
  Asinh: [FLOAT],
  Atan: [FLOAT],
  Atanh: [FLOAT],
  AveragePool: [FLOAT],
  BitwiseAnd: [['int32', 'int64', 'uint8']],
  Cast: [ANY],
  Ceil: [REAL],
  Clip: [NUMBER],
  Concat: [ANY],
  Conv: [FLOAT],
  ConvTranspose: [FLOAT],
  Cos: [REAL],
  Cosh: [FLOAT],
  CumSum: [SIGNED, INDEX],
  DFT: [FLOAT],
  DepthToSpace: [['float', 'double', 'uint8']],
  Div: [NUMBER],
  Einsum: [SIGNED],
  Elu: [REAL],
  Equal: [ANY],
  Erf: [FLOAT],
  Exp: [REAL],
  Expand: [ANY, INT64],
  Floor: [REAL],
  Gather: [ANY, INDEX],
  GatherND: [ANY, INT64],
  Gemm: [REAL],
  Greater: [NUMBER],
  GreaterOrEqual: [NUMBER],
  HardSigmoid: [REAL],
  HardSwish: [FLOAT],
  Identity: [ANY],
  IsInf: [REAL],
  IsNaN: [REAL],
  LRN: [FLOAT],
  LayerNormalization: [FLOAT],
  LeakyRelu: [REAL],
  Less: [NUMBER],
  LessOrEqual: [NUMBER],
  Log: [REAL],
  LogSoftmax: [REAL],
  MatMul: [SIGNED],
  Max: [NUMBER],
  MaxPool: [['float', 'double', 'uint8']],
  Min: [NUMBER],
  Mod: [NUMBER],
  Mul: [NUMBER],
  Neg: [SIGNED],
  NonMaxSuppression: [FLOAT, FLOAT, INT64, FLOAT, FLOAT],
  NonZero: [ANY],
  Not: [BOOL],
  Or: [BOOL],
  PRelu: [SIGNED],
  Pad: [ANY, INT64, ANY],
  Pow: [SIGNED],
  Range: [['float', 'int32', 'int64']],
  Reciprocal: [REAL],
  ReduceMax: [NUMBER, INT64],
  ReduceMean: [SIGNED, INT64],
  ReduceMin: [NUMBER, INT64],
  ReduceProd: [SIGNED, INT64],
  ReduceSum: [SIGNED, INT64],
  Relu: [SIGNED],
  Reshape: [ANY, INT64],
  Resize: [['float', 'int32', 'uint8'], FLOAT, FLOAT, INT64],
  Round: [REAL],
  ScatterElements: [ANY, INDEX, ANY],
  ScatterND: [ANY, INT64, ANY],
  Selu: [REAL],
  Shape: [ANY],
  Sigmoid: [REAL],
  Sign: [NUMBER],
  Sin: [REAL],
  Sinh: [FLOAT],
  Slice: [ANY, INT64],
  Softmax: [REAL],
  Softplus: [REAL],
  Split: [ANY, INT64],
  Sqrt: [REAL],
  Sub: [NUMBER],
  Tan: [FLOAT],
  Tanh: [REAL],
  Tile: [ANY, INT64],
  TopK: [NUMBER, INT64],
  Transpose: [ANY],
  Where: [BOOL, NUMBER],
  Xor: [BOOL],
  'nchwc.Conv': [FLOAT],
  'nchwc.ReorderInput': [FLOAT],
  'nchwc.ReorderOutput': [FLOAT],
};

/**
 * The types of an operator's outputs.
 * @param dtypes whether the inputs' types are those of tfjs's dtypes, where int32 also stands for int64
 * @throws Error where it does not take the inputs' shapes or element types
 */
export function inferTypes(op: OpType, args: readonly Argument[], { dtypes = false } = {}): TensorType | TensorType[] {
  const inputs = args.filter((arg): arg is Ref | readonly Ref[] | undefined => !isAttributes(arg)).flat();
  checkElementTypes(op, inputs, dtypes);
  return (operators[op] as (...args: readonly Argument[]) => TensorType | TensorType[])(...args);
}

const isAttributes = (arg: Argument): arg is Attributes => arg !== undefined && !Array.isArray(arg) && !('type' in arg);

/**
 * Checks the element types of an operator's inputs.
 * @param inputs in order; undefined where one is left out
 * @param dtypes whether the types are those of tfjs's dtypes, where int32 also stands for int64
 * @throws Error naming the input's type and those that the operator takes
 */
function checkElementTypes(op: OpType, inputs: readonly (Ref | undefined)[], dtypes: boolean): void {
  const entries = inputTypes[op];
  const found = new Map<Types, ElementType>();
  inputs.forEach((input, i) => {
    const types = entries[i] ?? entries.at(-1);
    if (!input || !types) return;
    const { type } = input;
    if (dtypes && type === 'int32' && types.includes('int64')) return;
    if (!types.includes(type)) throw new Error(`input ${i} is ${type}; it takes ${types.join(', ')}`);
    const other = found.get(types) ?? type;
    if (other !== type) throw new Error(`inputs of types ${other} and ${type}, which have to be the same`);
    found.set(types, type);
  });
}
