import type { DataType, Rank, Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { Recording, record } from './backend.ts';
import { elementType } from './forms.ts';
import { type Tape, type TapeValue, UNNAMED } from './tape.ts';

/** An input of the traced program. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** An int32 input may be stored as bytes, which the graph widens. */
  readonly storage?: 'uint8';
}

/** A model whose layers name nodes and weights: the part of a tfjs-layers model that tracing needs. */
export interface LayeredModel {
  readonly layers: readonly object[];
}

export interface TraceOptions<Inputs = Readonly<Record<string, InputSpec>>> {
  readonly inputs: Inputs;
  /** Variables that the program reads and assigns, by their names in the graph. All others are constants. */
  readonly variables?: Readonly<Record<string, Variable>>;
  /** Models by the prefix that the names of their layers' nodes get. */
  readonly models?: Readonly<Record<string, LayeredModel>>;
  /**
   * Refuses variables that are not declared and arrays of numbers that appear during the trace: in a training step
   * they would be frozen by mistake (random numbers, forgotten weights).
   */
  readonly strict?: boolean;
}

type Outputs = Readonly<Record<string, Tensor<Rank>>>;

/**
 * Runs a tfjs program once and records it.
 * @param program a function of tensors; gradients and optimizers included. It runs synchronously, once.
 * @returns the tape: kernel calls, inputs, the variables before and after, outputs
 * @throws Error naming layer, op and kernel where something cannot be lowered
 */
export function trace<Inputs extends Readonly<Record<string, InputSpec>>>(
  program: (inputs: { readonly [K in keyof Inputs]: Tensor }) => Outputs,
  { inputs, variables = {}, models = {}, strict = false }: TraceOptions<Inputs>,
): Tape {
  const all = Object.values(tf.engine().registeredVariables);
  const names = new Map<object, string>(all.map((variable) => [variable.dataId, variable.name]));
  for (const [prefix, { weights }] of layersOf(models)) {
    for (const weight of weights) names.set(weight.read().dataId, `${prefix}/${weight.originalName}`);
  }
  const recording = new Recording((dataId, values, shape) => {
    const name = names.get(dataId);
    if (strict) refuseFrozen(values, shape, name);
    return name ?? UNNAMED;
  });
  const others = guardVariables(Object.values(variables));
  return record(recording, () => {
    const placeholder = (value: TapeValue): Tensor => {
      elementType(value.dtype);
      return tf.engine().makeTensorFromTensorInfo(recording.tensor(value));
    };
    const given = Object.entries(inputs).map(([name, { shape, dtype, storage }]) => {
      const value: TapeValue<'input'> = { shape, dtype, source: { kind: 'input', name, storage } };
      return { name, value, tensor: placeholder(value) };
    });
    const declared = Object.entries(variables).map(([name, variable]) => {
      const { shape, dtype } = variable;
      const before: TapeValue<'variable'> = { shape, dtype, source: { kind: 'variable', name } };
      return { variable, before, home: variable.dataId, tensor: tf.keep(placeholder(before)) };
    });
    const restoreLayers = nameLayers(models, recording);
    for (const { variable, tensor } of declared) variable.dataId = tensor.dataId;
    try {
      const tensors = Object.fromEntries(given.map(({ name, tensor }) => [name, tensor]));
      const outputs = program(tensors as { [K in keyof Inputs]: Tensor });
      if (outputs instanceof Promise) throw new Error('the traced program is asynchronous: it has to return tensors');
      others.check();
      return {
        ops: recording.ops,
        inputs: given.map(({ value }) => value),
        variables: declared.map(({ before }) => before),
        updates: declared.map(({ variable }) => recording.value(variable)),
        outputs: Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, recording.value(tensor)])),
      };
    } finally {
      for (const { variable, home } of declared) {
        tf.engine().disposeTensor(variable);
        variable.dataId = home;
      }
      others.restore();
      restoreLayers();
    }
  });
}

function refuseFrozen(values: TypedArray, shape: readonly number[], variable: string | undefined): void {
  const remedy = 'give it as an input, or as a declared variable';
  if (variable) throw new Error(`variable ${variable} is not declared and would be frozen into the graph; ${remedy}`);
  if (values.some((value) => value !== values[0])) {
    const found = `a tensor [${shape}] of numbers made during the trace`;
    throw new Error(`${found} would be frozen into the graph (random?); ${remedy}`);
  }
}

interface Layer {
  readonly name: string;
  readonly weights: readonly { readonly originalName: string; read(): Tensor }[];
  call: (...args: unknown[]) => unknown;
}

/** Every layer with its prefix, those of nested models included. */
const layersOf = (models: Readonly<Record<string, LayeredModel>>): [string, Layer][] =>
  Object.entries(models).flatMap(([prefix, { layers }]) =>
    (layers as (Layer & Partial<LayeredModel>)[]).flatMap((layer): [string, Layer][] => {
      const { name, layers } = layer;
      return layers ? layersOf({ [`${prefix}/${name}`]: { layers } }) : [[prefix, layer]];
    }),
  );

/** Names the nodes of each layer's calls `prefix/layer`. Returns a function that undoes it. */
function nameLayers(models: Readonly<Record<string, LayeredModel>>, recording: Recording): () => void {
  const named = layersOf(models);
  for (const [prefix, layer] of named) {
    const { call } = layer;
    layer.call = function (this: unknown, ...args: unknown[]) {
      const outer = recording.scope;
      recording.scope = `${prefix}/${layer.name}`;
      try {
        return call.apply(this, args);
      } finally {
        recording.scope = outer;
      }
    };
  }
  // Delete our own property so that the prototype's method shows through again.
  return () => named.forEach(([, layer]) => void Reflect.deleteProperty(layer, 'call'));
}

/** Guards all variables except the declared ones, which a trace may assign. */
function guardVariables(declared: readonly Variable[]) {
  const registered = () => Object.values(tf.engine().registeredVariables);
  const before = new Set(registered());
  const created = () => registered().filter((variable) => !before.has(variable));
  // A clone keeps the data alive when an assignment lets go of it.
  const held = [...before]
    .filter((variable) => !declared.includes(variable))
    .map((variable) => ({ variable, home: variable.dataId, clone: tf.keep(tf.clone(variable)) }));
  return {
    /** @throws Error naming a variable that was assigned or created during the trace */
    check(): void {
      const assigned = held.find(({ variable, home }) => variable.dataId !== home);
      if (assigned) {
        const { name } = assigned.variable;
        throw new Error(`variable ${name} is assigned and not declared: its new value would be lost; declare it`);
      }
      const [first] = created();
      if (first) {
        const hint = 'an optimizer creates its own when it first applies gradients';
        throw new Error(
          `variable ${first.name} was created during the trace; create it before and declare it (${hint})`,
        );
      }
    },

    /** Restores assigned variables and disposes of new ones. */
    restore(): void {
      for (const variable of created()) variable.dispose();
      for (const { variable, home, clone } of held) {
        if (variable.dataId === home) {
          clone.dispose();
          continue;
        }
        tf.engine().disposeTensor(variable);
        variable.dataId = clone.dataId; // the clone's hold on the data becomes the variable's
      }
    },
  };
}
