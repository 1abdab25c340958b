import type { Tensor } from '@tensorflow/tfjs-core';
import type { Graph } from '../ir.ts';
import { type BatchedShape, shapeAt } from '../run.ts';
import { serialize } from '../serialize.ts';
import { type InputSpec, type TraceOptions, trace } from '../trace.ts';
import { dynamicBatch } from './dynamic-batch.ts';

/** An input with a dynamic batch size. */
export type BatchedInput = Omit<InputSpec, 'shape'> & { readonly shape: BatchedShape };
type BatchedInputs = Readonly<Record<string, BatchedInput>>;

export interface FunctionOptions<Inputs> extends Pick<TraceOptions, 'models'> {
  /** The graph's name. */
  readonly name: string;
  /** The function's inputs, with `'N'` for the batch size. */
  readonly inputs: Inputs;
}
type Program<Inputs> = (inputs: { readonly [K in keyof Inputs]: Tensor }) => Readonly<Record<string, Tensor>>;

/**
 * Converts a function of tensors to the bytes of an ONNX file with a dynamic batch size.
 * @param program the function; variables that it reads become initializers
 * @throws Error naming layer, op and kernel where something cannot be converted
 */
export const convertFunction = <Inputs extends BatchedInputs>(
  program: Program<Inputs>,
  options: FunctionOptions<Inputs>,
): Uint8Array => serialize(graphOfFunction(program, options));

/** The graph that `convertFunction` serializes, for `print` and `findWeights`. */
export const graphOfFunction = <Inputs extends BatchedInputs>(
  program: Program<Inputs>,
  { name, inputs, models = {} }: FunctionOptions<Inputs>,
): Graph =>
  dynamicBatch((n) => trace(program as Program<BatchedInputs>, { inputs: inputsAt(inputs, n), models }), name);

/** The inputs for batches of `n`. */
export const inputsAt = (inputs: BatchedInputs, n: number): Record<string, InputSpec> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [name, { ...input, shape: shapeAt(input.shape, n) }]),
  );
