import type { DataType, Tensor } from '@tensorflow/tfjs-core';
import { serialize } from '../serialize.ts';
import { type InputSpec, type LayeredModel, trace } from '../trace.ts';
import { type DynamicGraph, dynamicBatch } from './dynamic-batch.ts';

/** What conversion needs of a tfjs-layers model; `tf.LayersModel` has it. */
export interface ConvertibleModel extends LayeredModel {
  readonly name: string;
  readonly inputNames: string[];
  readonly outputNames: string[];
  readonly inputs: readonly { readonly shape: readonly (number | null)[]; readonly dtype: DataType }[];
  apply(inputs: Tensor | Tensor[], kwargs?: { training?: boolean }): unknown;
  /** A sequential model names its inputs and outputs when it is built, and that waits until it is used. */
  build(...shapes: never[]): void;
}

interface ConvertOptions<Inputs> {
  /** The graph's name. */
  readonly name: string;
  /** The program's inputs, with `'N'` where the batch size goes. */
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
export function convertFunction<Inputs extends Readonly<Record<string, BatchedInput>>>(
  program: Program<Inputs>,
  options: ConvertOptions<Inputs>,
): Uint8Array {
  const { graph, shapes } = graphOfFunction(program, options);
  return serialize(graph, { shapes });
}

function graphOfFunction<Inputs extends Readonly<Record<string, BatchedInput>>>(
  program: Program<Inputs>,
  { name, inputs, models = {} }: ConvertOptions<Inputs>,
): DynamicGraph {
  return dynamicBatch((n) => {
    const sized = Object.fromEntries(
      Object.entries(inputs).map(([input, { shape, ...rest }]): [string, InputSpec] => {
        return [input, { ...rest, shape: shape.map((d) => (d === 'N' ? n : d)) }];
      }),
    );
    return trace((given) => program(given as Parameters<typeof program>[0]), { inputs: sized, models });
  }, name);
}

/** An input whose batch size is free. */
export type BatchedInput = Omit<InputSpec, 'shape'> & { readonly shape: readonly (number | 'N')[] };

/**
 * Converts a tfjs-layers model to the bytes of an ONNX file. Inputs and outputs keep the names of their layers, the
 * batch size is free, weights are initializers.
 * @throws Error when an input has a free dimension other than the batch, or a layer cannot be converted
 */
export function convertLayersModel(model: ConvertibleModel): Uint8Array {
  const { graph, shapes } = graphOfLayersModel(model);
  return serialize(graph, { shapes });
}

/** The graph that `convertLayersModel` writes. */
export function graphOfLayersModel(model: ConvertibleModel): DynamicGraph {
  if (model.inputs.length === 0) {
    throw new Error(`model ${model.name} has no input shape; give its first layer an inputShape`);
  }
  if (model.inputNames.length === 0) model.build();
  const inputs = Object.fromEntries(
    model.inputNames.map((input, i): [string, BatchedInput] => {
      const { shape = [], dtype = 'float32' } = model.inputs[i] ?? {};
      const free = shape.findIndex((d, axis) => axis > 0 && d === null);
      if (free > 0)
        throw new Error(
          `input ${input} of model ${model.name} has no fixed size on axis ${free}; give the model a fixed inputShape`,
        );
      return [input, { shape: shape.map((d, axis) => (axis === 0 ? 'N' : (d as number))), dtype }];
    }),
  );
  return graphOfFunction(
    (given) => {
      const list = model.inputNames.map((input) => given[input] as Tensor);
      const outputs = [
        model.apply(list.length === 1 ? (list[0] as Tensor) : list, { training: false }),
      ].flat() as Tensor[];
      return Object.fromEntries(model.outputNames.map((output, i) => [unlike(output, inputs), outputs[i] as Tensor]));
    },
    { name: model.name, inputs, models: { [model.name]: model } },
  );
}

/** An output that has an input's name gets another: a graph's names are unique. */
const unlike = (output: string, inputs: object): string => (output in inputs ? `${output}_out` : output);
