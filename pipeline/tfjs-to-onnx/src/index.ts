export { type BatchedProgram, Compiled, compile, compileGraphs, type ProgramContext, traceProgram } from './compile.ts';
export {
  type BatchedInput,
  convertFunction,
  graphOfAsyncFunction,
  graphOfFunction,
  type OpenInput,
} from './from/function.ts';
export { type ConvertibleGraphModel, convertGraphModel, graphOfGraphModel } from './from/graph-model.ts';
export { type ConvertibleModel, convertLayersModel } from './from/layers-model.ts';
export type { ModelOptions } from './from/ports.ts';
export type { Graph, Ref } from './ir.ts';
export { lowerTape, NEXT } from './lower.ts';
export type { LayeredModel } from './named-layers.ts';
export { print } from './print.ts';
export * from './run.ts';
export { findInitializers, type Initializer, OPSET, serialize } from './serialize.ts';
export type { Tape } from './tape.ts';
export { cpu } from './targets/cpu/index.ts';
export { gpu } from './targets/gpu.ts';
export { portable, type Target } from './targets/target.ts';
export { type InputSpec, type TraceOptions, trace, traceAsync } from './trace.ts';
export { findWeights, type WeightPlace } from './weights.ts';
