import type { DataType, Rank, Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { Recording, record } from './backend.ts';
import { type Tape, type TapeValue, UNNAMED } from './tape.ts';
import { watchVariables } from './untouched.ts';

/** A tensor that the traced program is given. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** How the graph takes an int32 input: as bytes, widened inside the graph. */
  readonly storage?: 'uint8';
}

/** A model whose layers name nodes and weights; what tracing needs to know of tfjs-layers, which it does not import. */
export interface LayeredModel {
  readonly layers: readonly object[];
}

export interface TraceOptions<Inputs extends Readonly<Record<string, InputSpec>>> {
  readonly inputs: Inputs;
  /** Variables that the program reads and assigns, by the names that they get in the graph. All others are constants. */
  readonly variables?: Readonly<Record<string, Variable>>;
  /** Models by the prefix that the names of their layers' nodes get. */
  readonly models?: Readonly<Record<string, LayeredModel>>;
  /**
   * Refuses variables that are not declared and arrays of numbers that appear during the trace: in a training step
   * they are frozen by mistake (random numbers, forgotten weights).
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
  eachLayer(models, ({ weights }, prefix) => {
    for (const weight of weights) names.set(weight.read().dataId, `${prefix}/${weight.originalName}`);
  });
  const recording = new Recording(
    (dataId) => names.get(dataId) ?? UNNAMED,
    (values, shape, dataId) => {
      if (strict) refuseFrozen(values, shape, names.get(dataId));
    },
  );
  const others = watchVariables(Object.values(variables));
  return record(recording, () => {
    const symbol = (value: TapeValue, name: string): Tensor => {
      const { dataId, shape, dtype } = recording.symbol(value, name);
      return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype });
    };
    const tapeInputs = Object.entries(inputs).map(([name, { shape, dtype, storage }]): [string, TapeValue] => {
      return [name, { shape, dtype, source: { kind: 'input', name, storage } }];
    });
    const given = Object.fromEntries(tapeInputs.map(([name, value]) => [name, symbol(value, name)]));

    const declared = Object.entries(variables).map(([name, variable]) => {
      const before: TapeValue = { shape: variable.shape, dtype: variable.dtype, source: { kind: 'variable', name } };
      return { variable, before, home: variable.dataId, standIn: tf.keep(symbol(before, name)) };
    });
    const restoreLayers = nameLayers(models, recording);
    for (const { variable, standIn } of declared) variable.dataId = standIn.dataId;
    try {
      const outputs = program(given as { [K in keyof Inputs]: Tensor });
      if (outputs instanceof Promise) throw new Error('the traced program is asynchronous: it has to return tensors');
      others.check();
      return {
        ops: recording.ops,
        inputs: tapeInputs.map(([, value]) => value),
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
    throw new Error(
      `a tensor [${shape}] of numbers made during the trace would be frozen into the graph (random?); ${remedy}`,
    );
  }
}

interface Layer {
  readonly name: string;
  readonly weights: readonly { readonly originalName: string; read(): Tensor }[];
  call: (...args: unknown[]) => unknown;
}

/** Every layer under its prefix, those of nested models included. */
function eachLayer(
  models: Readonly<Record<string, LayeredModel>>,
  visit: (layer: Layer, prefix: string) => void,
): void {
  for (const [prefix, { layers }] of Object.entries(models)) {
    for (const layer of layers as (Layer & Partial<LayeredModel>)[]) {
      if (layer.layers) eachLayer({ [`${prefix}/${layer.name}`]: { layers: layer.layers } }, visit);
      else visit(layer, prefix);
    }
  }
}

/** Makes each layer's calls name their nodes `prefix/layer`. Returns what undoes it. */
function nameLayers(models: Readonly<Record<string, LayeredModel>>, recording: Recording): () => void {
  const undo: (() => void)[] = [];
  eachLayer(models, (layer, prefix) => {
    const call = layer.call;
    layer.call = function (this: unknown, ...args: unknown[]) {
      const outer = recording.scope;
      recording.scope = `${prefix}/${layer.name}`;
      try {
        return call.apply(this, args);
      } finally {
        recording.scope = outer;
      }
    };
    undo.push(() => {
      // The method is the prototype's; what shadows it goes.
      Reflect.deleteProperty(layer, 'call');
    });
  });
  return () => {
    for (const restore of undo) restore();
  };
}
