import type { Tensor } from '@tensorflow/tfjs-core';
import { serialize } from '../serialize.ts';
import { type InputSpec, type LayeredModel, trace } from '../trace.ts';
import { type DynamicGraph, dynamicBatch } from './dynamic-batch.ts';

/** An input whose batch size is free. */
export type BatchedInput = Omit<InputSpec, 'shape'> & { readonly shape: readonly (number | 'N')[] };
type BatchedInputs = Readonly<Record<string, BatchedInput>>;

export interface FunctionOptions<Inputs> {
  /** The graph's name. */
  readonly name: string;
  /** The program's inputs, with `'N'` for the batch size. */
  readonly inputs: Inputs;
  /** Models by the prefix that their layers' nodes get. */
  readonly models?: Readonly<Record<string, LayeredModel>>;
}
type Program<Inputs> = (inputs: { readonly [K in keyof Inputs]: Tensor }) => Readonly<Record<string, Tensor>>;

/**
 * Converts a function of tensors to the bytes of an ONNX file whose batch size is free.
 * @param program the function; variables that it reads become initializers
 * @throws Error naming layer, op and kernel where something cannot be converted
 */
export function convertFunction<Inputs extends BatchedInputs>(
  program: Program<Inputs>,
  options: FunctionOptions<Inputs>,
): Uint8Array {
  const { graph, shapes } = graphOfFunction(program, options);
  return serialize(graph, { shapes });
}

/** The graph that `convertFunction` serializes, for `print` and `findWeights`. */
export function graphOfFunction<Inputs extends BatchedInputs>(
  program: Program<Inputs>,
  { name, inputs, models = {} }: FunctionOptions<Inputs>,
): DynamicGraph {
  return dynamicBatch((n) => {
    const sized = Object.entries(inputs).map(([input, { shape, ...rest }]): [string, InputSpec] => {
      return [input, { ...rest, shape: shape.map((d) => (d === 'N' ? n : d)) }];
    });
    return trace(program as Program<Record<string, InputSpec>>, { inputs: Object.fromEntries(sized), models });
  }, name);
}
