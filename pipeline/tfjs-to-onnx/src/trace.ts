import type { DataType, Rank, Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { record, recordAsync } from './backend.ts';
import { elementType } from './forms.ts';
import { type LayeredModel, layersOf, nameLayers } from './named-layers.ts';
import { Recording } from './recording.ts';
import { type Tape, type TapeValue, UNNAMED } from './tape.ts';

/** An input of the traced program. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** An int32 input may be stored as bytes, which the graph widens. */
  readonly storage?: 'uint8' | undefined;
  /** Images, `[N, H, W, C]` in the program, may come with the channels first: `[N, C, H, W]`. */
  readonly layout?: 'nchw' | undefined;
}

export interface TraceOptions<Inputs = Readonly<Record<string, InputSpec>>> {
  readonly inputs: Inputs;
  /** Variables that the program reads and assigns, by their names in the graph. All others are constants. */
  readonly variables?: Readonly<Record<string, Variable>>;
  /** Models by the prefix that the names of their layers' nodes get. */
  readonly models?: Readonly<Record<string, LayeredModel>>;
  /** Tensors that are constants, by the names that they get in the graph. */
  readonly weights?: Readonly<Record<string, Tensor>>;
  /**
   * Is given a function to call with the name of whatever part of the program runs next, and what messages call it; its
   * nodes get the name as a prefix. Returns a function that is called at the end.
   */
  readonly naming?: (enter: (scope: string, label: string) => void) => () => void;
  /**
   * The size to trace with where a tensor's size depends on values, and is at most `limit`. Without it, kernels with
   * such results are refused.
   */
  readonly unknownSize?: (limit: number) => number;
  /**
   * Refuses variables that are not declared and arrays of numbers that appear during the trace: in a training step
   * they would be frozen by mistake (random numbers, forgotten weights).
   */
  readonly strict?: boolean;
}

type Outputs = Readonly<Record<string, Tensor<Rank>>>;
type Inputs = Readonly<Record<string, InputSpec>>;
type Given<Specs> = { readonly [K in keyof Specs]: Tensor };

/**
 * Runs a tfjs program once and records it.
 * @param program a function of tensors; gradients and optimizers included. It runs synchronously, once.
 * @returns the tape: kernel calls, inputs, the variables before and after, outputs
 * @throws Error naming layer, op and kernel where something cannot be lowered
 */
export function trace<Specs extends Inputs>(
  program: (inputs: Given<Specs>) => Outputs,
  options: TraceOptions<Specs>,
): Tape {
  const { recording, begin } = prepare(options);
  return record(recording, () => {
    const { given, finish, restore } = begin();
    try {
      const outputs: Outputs | PromiseLike<Outputs> = program(given);
      if (tf.util.isPromise(outputs)) {
        // It goes on without a backend and fails; nobody waits for it.
        void Promise.resolve(outputs).catch(() => {});
        throw new Error('the traced program is asynchronous: it has to return tensors; traceAsync waits for them');
      }
      return finish(outputs);
    } finally {
      restore();
    }
  });
}

/**
 * The same for a program that returns a promise of tensors. Nothing else may use tfjs until it is done.
 * @throws Error as `trace` does, by way of the promise
 */
export async function traceAsync<Specs extends Inputs>(
  program: (inputs: Given<Specs>) => Promise<Outputs>,
  options: TraceOptions<Specs>,
): Promise<Tape> {
  const { recording, begin } = prepare(options);
  return recordAsync(recording, async () => {
    const { given, finish, restore } = begin();
    try {
      return finish(await program(given));
    } finally {
      restore();
    }
  });
}

/** What a trace does before and after the program; `begin` is called while the tracing backend is in use. */
function prepare<Specs extends Inputs>(options: TraceOptions<Specs>) {
  const { inputs, variables = {}, models = {}, weights = {}, strict = false, naming, unknownSize } = options;
  const all = Object.values(tf.engine().registeredVariables);
  const names = new Map<object, string>(all.map((variable) => [variable.dataId, variable.name]));
  for (const [prefix, { weights }] of layersOf(models)) {
    for (const weight of weights) names.set(weight.read().dataId, `${prefix}/${weight.originalName}`);
  }
  for (const [name, { dataId }] of Object.entries(weights)) names.set(dataId, name);
  const nameConstant = (dataId: object, values: TypedArray, shape: readonly number[]) => {
    const name = names.get(dataId);
    if (strict) refuseFrozen(values, shape, name, recording.label);
    return name ?? UNNAMED;
  };
  const recording = new Recording(nameConstant, unknownSize, strict);
  const others = guardVariables(Object.values(variables));
  const placeholder = (value: TapeValue): Tensor => {
    elementType(value.dtype);
    return tf.engine().makeTensorFromTensorInfo(recording.tensor(value));
  };

  const begin = () => {
    const given = Object.entries(inputs).map(([name, { shape, dtype, storage, layout }]) => {
      const value: TapeValue<'input'> = { shape, dtype, source: { kind: 'input', name, storage, layout } };
      return { name, value, tensor: placeholder(value) };
    });
    const declared = Object.entries(variables).map(([name, variable]) => {
      const { shape, dtype } = variable;
      const before: TapeValue<'variable'> = { shape, dtype, source: { kind: 'variable', name } };
      return { variable, before, home: variable.dataId, tensor: tf.keep(placeholder(before)) };
    });
    const restoreLayers = nameLayers(models, recording);
    const restoreNaming = naming?.((scope, label) => {
      [recording.scope, recording.label] = [scope, label];
    });
    for (const { variable, tensor } of declared) variable.dataId = tensor.dataId;
    return {
      given: Object.fromEntries(given.map(({ name, tensor }) => [name, tensor])) as Given<Specs>,

      /** The finished tape. */
      finish(outputs: Outputs): Tape {
        others.check();
        return {
          ops: recording.ops,
          inputs: given.map(({ value }) => value),
          variables: declared.map(({ before }) => before),
          updates: declared.map(({ variable }) => recording.value(variable)),
          outputs: Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, recording.value(tensor)])),
        };
      },

      restore(): void {
        for (const { variable, home } of declared) {
          tf.engine().disposeTensor(variable);
          variable.dataId = home;
        }
        others.restore();
        restoreLayers();
        restoreNaming?.();
      },
    };
  };
  return { recording, begin };
}

function refuseFrozen(values: TypedArray, shape: readonly number[], variable: string | undefined, label: string): void {
  const remedy = 'give it as an input, or as a declared variable';
  if (variable) throw new Error(`variable ${variable} is not declared and would be frozen into the graph; ${remedy}`);
  if (values.some((value) => value !== values[0])) {
    const found = `a tensor [${shape}] of numbers made during the trace`;
    throw new Error(`${label && `${label}: `}${found} would be frozen into the graph (random?); ${remedy}`);
  }
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
