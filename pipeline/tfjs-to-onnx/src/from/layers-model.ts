import type { DataType, Tensor } from '@tensorflow/tfjs-core';
import type { Graph } from '../ir.ts';
import type { LowerOptions } from '../lower.ts';
import type { LayeredModel } from '../named-layers.ts';
import { serialize } from '../serialize.ts';
import { ModelStates } from '../stateful.ts';
import { graphOfFunction } from './function.ts';
import { type ModelOptions, withOpenSizes, withValues } from './ports.ts';
import { type ModelProgram, type Outputs, type Port, type ProgramChange, uniqueNames } from './program.ts';

/** The part of a tfjs-layers model that conversion needs; `tf.LayersModel` has it. */
export interface ConvertibleModel extends LayeredModel {
  readonly name: string;
  readonly inputNames: string[];
  readonly outputNames: string[];
  readonly inputs: readonly { readonly shape: readonly (number | null)[]; readonly dtype: DataType }[];
  readonly outputs: readonly object[];
  apply(inputs: Tensor | Tensor[], kwargs?: { training?: boolean }): unknown;
  /** A sequential model names its inputs and outputs when it is built, which it delays until it is used. */
  build(...shapes: never[]): void;
}

/**
 * Converts a tfjs-layers model to the bytes of an ONNX file. Inputs and outputs keep the names of their layers; a layer
 * with several outputs gives them numbers: `lstm`, `lstm_1`. The states of a stateful layer are inputs, `lstm_state_0`,
 * and outputs, `lstm_state_0_out`. Weights are initializers.
 * @throws Error when a size is missing or does not fit, or a layer cannot be converted
 */
export const convertLayersModel = (model: ConvertibleModel, options: ConvertOptions = {}): Uint8Array =>
  serialize(graphOfLayersModel(model, options));

export type ConvertOptions = ModelOptions & Pick<LowerOptions, 'keepWeights'>;

/** The graph that `convertLayersModel` serializes. */
export function graphOfLayersModel(
  model: ConvertibleModel,
  options: ConvertOptions = {},
  change: ProgramChange = (program) => program,
): Graph {
  const program = change(withValues(layersProgram(model), options));
  const { name, run } = program;
  const { keepWeights = false } = options;
  const models = { [name]: model };
  return withOpenSizes(program, options, (inputs) => graphOfFunction(run, { name, inputs, models, keepWeights }));
}

/** A layers model as a function of tensors by the names of their layers. */
export function layersProgram(model: ConvertibleModel): ModelProgram<Outputs> {
  const { name } = model;
  if (model.inputs.length === 0)
    throw new Error(`model ${name} has no input shape; give its first layer an inputShape`);
  if (model.inputNames.length === 0) model.build();
  const memory = new ModelStates(model.layers);
  const stateNames = uniqueNames(
    memory.states.map((state) => state.name),
    model.inputNames,
  );
  const outputs = uniqueNames([...model.outputNames, ...stateNames], [...model.inputNames, ...stateNames]);
  const ports = model.inputNames.map((input, i): Port => {
    const { shape = [], dtype = 'float32' } = model.inputs[i] ?? {};
    return { name: input, shape: stateNames.length > 0 ? [null, ...shape.slice(1)] : shape, dtype };
  });
  const states = memory.states.map(({ shape }, i): Port => {
    return { name: stateNames[i] ?? '', shape: [null, ...shape], dtype: 'float32' };
  });
  return {
    name,
    inputs: [...ports, ...states],
    run(given) {
      const [first, ...others] = model.inputNames.map((input) => given[input] as Tensor);
      const inputs = others.length === 0 ? (first as Tensor) : [first as Tensor, ...others];
      const before = stateNames.map((state) => given[state] as Tensor);
      const { result, next } = memory.run(before, () => model.apply(inputs, { training: false }));
      const tensors = [result].flat() as Tensor[];
      // Of an output that is listed twice, tfjs gives only the first.
      const own = model.outputs.map((output, i) => tensors[i] ?? (tensors[model.outputs.indexOf(output)] as Tensor));
      const all = [...own, ...next];
      return Object.fromEntries(outputs.map((output, i) => [output, all[i] as Tensor]));
    },
  };
}
