import type { DataType, Tensor } from '@tensorflow/tfjs-core';
import type { Graph } from '../ir.ts';
import { serialize } from '../serialize.ts';
import type { LayeredModel } from '../trace.ts';
import { type BatchedInput, graphOfFunction } from './function.ts';

/** The part of a tfjs-layers model that conversion needs; `tf.LayersModel` has it. */
export interface ConvertibleModel extends LayeredModel {
  readonly name: string;
  readonly inputNames: string[];
  readonly outputNames: string[];
  readonly inputs: readonly { readonly shape: readonly (number | null)[]; readonly dtype: DataType }[];
  apply(inputs: Tensor | Tensor[], kwargs?: { training?: boolean }): unknown;
  /** A sequential model names its inputs and outputs when it is built, which it delays until it is used. */
  build(...shapes: never[]): void;
}

/**
 * Converts a tfjs-layers model to the bytes of an ONNX file. Inputs and outputs keep the names of their layers, the
 * batch size is free, weights are initializers.
 * @throws Error when an input has a free dimension other than the batch, or a layer cannot be converted
 */
export const convertLayersModel = (model: ConvertibleModel): Uint8Array => serialize(graphOfLayersModel(model));

/** The graph that `convertLayersModel` serializes. */
export function graphOfLayersModel(model: ConvertibleModel): Graph {
  const { name } = model;
  if (model.inputs.length === 0)
    throw new Error(`model ${name} has no input shape; give its first layer an inputShape`);
  if (model.inputNames.length === 0) model.build();
  const inputs = Object.fromEntries(
    model.inputNames.map((input, i): [string, BatchedInput] => {
      const { shape = [], dtype = 'float32' } = model.inputs[i] ?? {};
      const free = shape.findIndex((d, axis) => axis > 0 && d === null);
      if (free > 0) {
        const remedy = 'give the model a fixed inputShape';
        throw new Error(`input ${input} of model ${name} has no fixed size on axis ${free}; ${remedy}`);
      }
      return [input, { shape: shape.map((d, axis) => (axis === 0 ? 'N' : (d as number))), dtype }];
    }),
  );
  const program = (given: Readonly<Record<string, Tensor>>) => {
    const [first, ...others] = model.inputNames.map((input) => given[input] as Tensor);
    const applied = model.apply(others.length === 0 ? (first as Tensor) : [first as Tensor, ...others], {
      training: false,
    });
    const outputs = [applied].flat() as Tensor[];
    // A graph's names are unique: an output that has an input's name gets another.
    const nameOf = (output: string) => (output in inputs ? `${output}_out` : output);
    return Object.fromEntries(model.outputNames.map((output, i) => [nameOf(output), outputs[i] as Tensor]));
  };
  return graphOfFunction(program, { name, inputs, models: { [name]: model } });
}
