import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { BatchedInput } from './from/convert.ts';
import { lowerTape, NEXT } from './lower.ts';
import {
  type CompiledGraphs,
  type Feeds,
  type GraphProgram,
  GraphRunner,
  type RunOptions,
  shapeAt,
  type Values,
} from './run.ts';
import { serialize } from './serialize.ts';
import { layoutOf, packGraph, unpackGraph } from './state.ts';
import { inputsOf, type Tape } from './tape.ts';
import type { Target } from './targets/target.ts';
import { type LayeredModel, trace } from './trace.ts';

/** A tfjs program for batches of any size. */
export interface BatchedProgram {
  /** Its inputs, with `'N'` for the batch size. */
  readonly inputs: Readonly<Record<string, BatchedInput>>;
  /** A function of tensors that may read and assign the declared variables. Runs synchronously. */
  compute(inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>>;
}

export interface ProgramContext {
  /** Variables that programs read and assign, float32, by name. */
  readonly variables: Readonly<Record<string, Variable>>;
  /** Models by the prefix of their layers' nodes. */
  readonly models?: Readonly<Record<string, LayeredModel>>;
}

export interface CompileOptions extends ProgramContext {
  readonly target: Target;
}

/** Programs in ONNX Runtime that share the values of their variables. Calls must not overlap. */
export interface Compiled<Name extends string = string> {
  /**
   * Runs a program once; its batch size is that of the feeds.
   * @throws Error when the program uses something that cannot be part of a graph, or an input is missing
   */
  run(program: Name, feeds: Feeds): Promise<Record<string, Values>>;
  /** Brings the tfjs variables up to date. */
  pull(): Promise<void>;
  /** Takes the present values of the tfjs variables. */
  push(): Promise<void>;
  /** Releases sessions and state; the variables stay. */
  dispose(): Promise<void>;
}

/**
 * Compiles tfjs programs for ONNX Runtime. Each is traced when it first meets a batch size. The variables' present
 * values are the initial state.
 * @param programs the first decides how the variables are held, so it should be the one that changes them
 * @throws Error when the first program uses something that cannot be part of a graph
 */
export async function compile<Name extends string>(
  programs: { readonly [name in Name]: BatchedProgram },
  options: CompileOptions & RunOptions,
): Promise<Compiled<Name>> {
  const variables = Object.entries(options.variables);
  const runner = new GraphRunner(compileGraphs(programs, options), options);
  const compiled: Compiled<Name> = {
    run: (program, feeds) => runner.run(program, feeds),
    async pull() {
      const values = await runner.read();
      for (const [name, variable] of variables) {
        tf.tidy(() => variable.assign(tf.tensor(values[name] as Float32Array, variable.shape, variable.dtype)));
      }
    },
    async push() {
      const values = variables.map(async ([name, variable]) => [name, await variable.data()]);
      await runner.write(Object.fromEntries(await Promise.all(values)));
    },
    dispose: () => runner.dispose(),
  };
  await compiled.push();
  return compiled;
}

/** The batch size at which the layout is decided; any size gives the same. */
const LAYOUT_BATCH = 2;

/**
 * The half of `compile` that needs tfjs: the programs as graphs, and how their state is held.
 * @throws Error when the first program uses something that cannot be part of a graph
 */
export function compileGraphs<Name extends string>(
  programs: { readonly [name in Name]: BatchedProgram },
  { target, ...context }: CompileOptions,
): CompiledGraphs<Name> {
  const entries = Object.entries<BatchedProgram>(programs);
  const first = entries[0]?.[1];
  if (!first) throw new Error('there is no program to compile');
  const layout = layoutOf(traceFully(first, LAYOUT_BATCH, context), target);
  const { variables } = context;
  const compiled = entries.map(([name, program]): [string, GraphProgram] => {
    const graph = (n: number) => serialize(lowerTape(traceProgram(program, n, context), target, { name, layout }));
    return [name, { inputs: program.inputs, graph }];
  });
  return {
    programs: Object.fromEntries(compiled) as CompiledGraphs<Name>['programs'],
    state: layout.buffers.map(({ name, shape }) => ({ name, next: `${name}${NEXT}`, shape })),
    packing: {
      pack: { inputs: variables, graph: () => serialize(packGraph(layout)) },
      unpack: { inputs: {}, graph: () => serialize(unpackGraph(layout)) },
    },
  };
}

/**
 * Traces a program for batches of `n`, without the inputs and variables that it does not use.
 * @throws Error when it uses something that cannot be part of a graph
 */
export function traceProgram(program: BatchedProgram, n: number, context: ProgramContext): Tape {
  const tape = traceFully(program, n, context);
  const { ops, inputs, variables, updates, outputs } = tape;
  const changed = variables.map((variable, i) => updates[i] !== variable);
  const used = new Set([...ops.flatMap(inputsOf), ...Object.values(outputs), ...updates.filter((_, i) => changed[i])]);
  const kept = variables.map((variable, i) => changed[i] || used.has(variable));
  return {
    ...tape,
    inputs: inputs.filter((input) => used.has(input)),
    variables: variables.filter((_, i) => kept[i]),
    updates: updates.filter((_, i) => kept[i]),
  };
}

function traceFully({ inputs, compute }: BatchedProgram, n: number, context: ProgramContext): Tape {
  const sized = Object.entries(inputs).map(([name, input]) => [name, { ...input, shape: shapeAt(input.shape, n) }]);
  return trace(compute, { ...context, inputs: Object.fromEntries(sized), strict: true });
}
