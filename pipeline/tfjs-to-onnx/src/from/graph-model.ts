import type { DataType, NamedTensorMap, Tensor } from '@tensorflow/tfjs-core';
import { isOfTensorFlow } from '../failure.ts';
import type { Graph } from '../ir.ts';
import { serialize } from '../serialize.ts';
import { graphOfAsyncFunction } from './function.ts';
import { type GraphNode, isAsynchronous, nodesOf, withOwnOperations, withOwnSuppression } from './graph-nodes.ts';
import { type ModelOptions, withOpenSizesAsync, withValues } from './ports.ts';
import { type ModelProgram, type Outputs, type Port, type ProgramChange, uniqueNames } from './program.ts';

/** The part of a GraphModel that conversion needs; `tf.GraphModel` has it. */
export interface ConvertibleGraphModel {
  readonly inputs: readonly { readonly name: string; readonly shape?: number[]; readonly dtype: DataType }[];
  readonly inputNodes: string[];
  readonly outputNodes: string[];
  readonly modelSignature: object;
  readonly weights: Readonly<Record<string, readonly Tensor[]>>;
  execute(inputs: NamedTensorMap, outputs: string[]): Tensor | Tensor[];
  executeAsync(inputs: NamedTensorMap, outputs: string[]): Promise<Tensor | Tensor[]>;
}

export interface GraphModelOptions extends ModelOptions {
  /** The graph's name. */
  readonly name?: string;
}

/**
 * Converts a GraphModel to the bytes of an ONNX file. Inputs and outputs have the names of the model's signature, or of
 * their nodes; weights are initializers. Control flow that depends on constants and shapes alone is unrolled. Nothing
 * else may use tfjs until it is done.
 * @throws Error naming the node and its operation where something cannot be converted
 */
export const convertGraphModel = async (
  model: ConvertibleGraphModel,
  options: GraphModelOptions = {},
): Promise<Uint8Array> => serialize(await graphOfGraphModel(model, options));

/** The graph that `convertGraphModel` serializes. */
export async function graphOfGraphModel(
  model: ConvertibleGraphModel,
  { name = 'model', ...options }: GraphModelOptions = {},
  change: ProgramChange = (program) => program,
): Promise<Graph> {
  const program = change(withValues(graphProgram(model, name), options));
  const nodes = nodesOf(model);
  let executing = '';
  const naming = (enter: (scope: string, label: string) => void) =>
    namingOf(nodes, (scope, label) => {
      executing = label;
      enter(scope, label);
    });
  const run = async (given: Outputs): Promise<Outputs> => {
    try {
      return await program.run(given);
    } catch (error) {
      if (!(error instanceof Error) || error instanceof RangeError || !executing) throw error;
      if (!isOfTensorFlow(error)) throw error;
      throw new Error(`${executing}: tfjs fails on it: ${error.message}`, { cause: error });
    }
  };
  const weights = namedWeights(model.weights);
  return withOwnOperations(nodes, () =>
    withOpenSizesAsync(program, options, (inputs) => graphOfAsyncFunction(run, { name, inputs, weights, naming })),
  );
}

/**
 * The same as `graphProgram`, to be run and not traced.
 * @param most how many nodes may be executed in a run
 * @param byKernels whether boxes are suppressed by kernels, as in a trace; tfjs's own nodes call none
 * @throws Error where a loop does not end within them
 */
export function boundedProgram(
  model: ConvertibleGraphModel,
  name: string,
  { most = MOST, byKernels = false } = {},
): ModelProgram<Promise<Outputs>> {
  const program = graphProgram(model, name);
  const nodes = nodesOf(model);
  const bounded = async (given: Outputs): Promise<Outputs> => {
    const restore = namingOf(nodes, () => {}, most);
    try {
      return await program.run(given);
    } finally {
      restore();
    }
  };
  return { ...program, run: (given) => (byKernels ? withOwnSuppression(nodes, () => bounded(given)) : bounded(given)) };
}

/** A GraphModel as a function of tensors by the names in its signature. */
function graphProgram(model: ConvertibleGraphModel, name: string): ModelProgram<Promise<Outputs>> {
  const inputs = inputsOf(model);
  const keys = outputsOf(model);
  const taken = inputs.map((port) => port.name);
  const outputs = uniqueNames(keys, taken);
  const waits = isAsynchronous(nodesOf(model));
  return {
    name,
    inputs,
    async run(given) {
      const result = waits ? await model.executeAsync({ ...given }, keys) : model.execute({ ...given }, keys);
      const tensors = [result].flat();
      return Object.fromEntries(outputs.map((output, i) => [output, tensors[i] as Tensor]));
    },
  };
}

/** An entry of a model's signature. */
interface Entry {
  readonly name: string;
  readonly resourceId?: unknown;
  readonly tensorShape?: {
    readonly dim?: readonly { readonly size?: string | number }[];
    readonly unknownRank?: boolean;
  };
}
type Signature = { readonly [Side in 'inputs' | 'outputs']?: Readonly<Record<string, Entry>> } | undefined;

/** The inputs by their keys in the signature; tables that the model itself fills are none. */
function inputsOf(model: ConvertibleGraphModel): Port[] {
  const { inputs: entries = {} } = (model.modelSignature as Signature) ?? {};
  const tables = new Set(Object.entries(entries).flatMap(([key, entry]) => (entry.resourceId == null ? [] : [key])));
  return model.inputs.flatMap(({ shape, dtype }, i): Port[] => {
    const name = model.inputNodes[i] ?? '';
    if (tables.has(name)) return [];
    const { dim, unknownRank } = entries[name]?.tensorShape ?? {};
    const declared = shape ?? (unknownRank ? undefined : dim?.map(({ size }) => Number(size)));
    return [{ name, shape: declared?.map((d) => (d < 0 ? null : d)), dtype }];
  });
}

/** The keys of the outputs in the signature, or the names of their nodes. */
function outputsOf(model: ConvertibleGraphModel): string[] {
  const { outputs = {} } = (model.modelSignature as Signature) ?? {};
  const keys = Object.keys(outputs);
  return keys.length > 0 ? keys : [...new Set(model.outputNodes)];
}

/** Tensors of numbers to learn; small constants such as shapes keep no names. */
function namedWeights(weights: ConvertibleGraphModel['weights']): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(weights).flatMap(([name, [tensor]]) =>
      tensor && tensor.dtype === 'float32' && tensor.size > 1 ? [[name, tensor]] : [],
    ),
  );
}

/** The number of executions after which a loop is taken for endless; traced, each would be a node of the graph. */
const MOST = 1_000_000;

/** Calls `enter` with the name of each node that is executed. Returns a function that undoes it. */
function namingOf(nodes: readonly GraphNode[], enter: (scope: string, label: string) => void, most = MOST): () => void {
  const before = nodes.map((node) => ({ node, category: Object.getOwnPropertyDescriptor(node, 'category') }));
  let executed = 0;
  for (const node of nodes) {
    const { category, name, op } = node;
    // The category is what the executor reads first.
    const get = () => {
      executed += 1;
      if (executed > most)
        throw new Error(`node ${name} (${op}): more than ${most} nodes are executed; does its loop end?`);
      enter(name, `node ${name} (${op})`);
      return category;
    };
    Object.defineProperty(node, 'category', { get, configurable: true, enumerable: true });
  }
  return () => {
    for (const { node, category } of before) if (category) Object.defineProperty(node, 'category', category);
  };
}
