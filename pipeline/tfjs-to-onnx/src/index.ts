export {
  type BatchedProgram,
  Compiled,
  compile,
  compileGraphs,
  type ProgramContext,
  traceProgram,
} from './compile.ts';
export { type BatchedInput, type ConvertibleModel, convertFunction, convertLayersModel } from './from/convert.ts';
export type { Graph, GraphBuilder, Ref } from './graph.ts';
export { findInitializers, type Initializer } from './initializers.ts';
export { lowerTape, NEXT } from './lower.ts';
export { print } from './print.ts';
export * from './run.ts';
export { OPSET, serialize } from './serialize.ts';
export { type Layout, layoutOf, packGraph, type StateBuffer, separateLayout, unpackGraph } from './state.ts';
export type { Tape } from './tape.ts';
export { cpu } from './targets/cpu/index.ts';
export { portable, type Target } from './targets/target.ts';
export { type InputSpec, type LayeredModel, type TraceOptions, trace } from './trace.ts';
