import type { Tensor } from '@tensorflow/tfjs-core';
import type { Graph } from '../ir.ts';
import { type LowerOptions, lowerTapes } from '../lower.ts';
import { type BatchedShape, shapeAt } from '../run.ts';
import { serialize } from '../serialize.ts';
import type { Tape } from '../tape.ts';
import { portable } from '../targets/target.ts';
import { type InputSpec, type TraceOptions, trace, traceAsync } from '../trace.ts';
import { generalise } from './dynamic.ts';
import { Sampling, type SymbolicShape } from './symbols.ts';

/** An input with a dynamic batch size. */
export type BatchedInput = Omit<InputSpec, 'shape'> & { readonly shape: BatchedShape };
type BatchedInputs = Readonly<Record<string, BatchedInput>>;

/** An input with sizes that are left open. */
export type OpenInput = Omit<InputSpec, 'shape'> & { readonly shape: SymbolicShape };
export type OpenInputs = Readonly<Record<string, OpenInput>>;

export interface FunctionOptions<Inputs>
  extends Pick<TraceOptions, 'models' | 'weights' | 'naming'>,
    Pick<LowerOptions, 'keepWeights'> {
  /** The graph's name. */
  readonly name: string;
  /** The function's inputs, with names for open sizes: `'N'` is the batch size. */
  readonly inputs: Inputs;
}
type Given<Inputs> = { readonly [K in keyof Inputs]: Tensor };
type Outputs = Readonly<Record<string, Tensor>>;
type Program<Inputs> = (inputs: Given<Inputs>) => Outputs;
type AsyncProgram<Inputs> = (inputs: Given<Inputs>) => Promise<Outputs>;

/**
 * Converts a function of tensors to the bytes of an ONNX file with a dynamic batch size.
 * @param program the function; variables that it reads become initializers
 * @throws Error naming layer, op and kernel where something cannot be converted
 */
export const convertFunction = <Inputs extends OpenInputs>(
  program: Program<Inputs>,
  options: FunctionOptions<Inputs>,
): Uint8Array => serialize(graphOfFunction(program, options));

/** The graph that `convertFunction` serializes, for `print` and `findWeights`. */
export function graphOfFunction<Inputs extends OpenInputs>(
  program: Program<Inputs>,
  { name, inputs, keepWeights = false, ...options }: FunctionOptions<Inputs>,
): Graph {
  const sampling = new Sampling(inputs);
  const tapes: Tape[] = [];
  for (let sample = sampling.next(); sample; sample = sampling.next()) {
    tapes.push(trace(program as Program<OpenInputs>, { ...options, ...sample }));
  }
  const graphs = lowerTapes(tapes, portable, { name, keepWeights });
  return generalise({ name, graphs, sizes: sampling.sizes });
}

/** The graph of a function that returns a promise. Nothing else may use tfjs until it is done. */
export async function graphOfAsyncFunction<Inputs extends OpenInputs>(
  program: AsyncProgram<Inputs>,
  { name, inputs, keepWeights = false, ...options }: FunctionOptions<Inputs>,
): Promise<Graph> {
  const traced = async (seed: number): Promise<Graph> => {
    const sampling = new Sampling(inputs, seed);
    const tapes: Tape[] = [];
    for (let sample = sampling.next(); sample; sample = sampling.next()) {
      tapes.push(await traceAsync(program as AsyncProgram<OpenInputs>, { ...options, ...sample }));
    }
    try {
      return generalise({ name, graphs: lowerTapes(tapes, portable, { name, keepWeights }), sizes: sampling.sizes });
    } catch (error) {
      // An assumed size may happen to be another number of the program.
      if (!sampling.hasChoice || seed === LAST_SEED) throw error;
      return traced(seed + 1);
    }
  };
  return traced(0);
}

const LAST_SEED = 3;

/** The inputs for batches of `n`. */
export const inputsAt = (inputs: BatchedInputs, n: number): Record<string, InputSpec> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [name, { ...input, shape: shapeAt(input.shape, n) }]),
  );
