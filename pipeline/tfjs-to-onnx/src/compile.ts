import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type BatchedInput, inputsAt } from './from/function.ts';
import { type Graph, readsOf } from './ir.ts';
import { lowerTape, NEXT } from './lower.ts';
import { partition } from './passes/partition.ts';
import { type CompiledGraphs, type GraphProgram, GraphRunner, type RunOptions, type Values } from './run.ts';
import { serialize } from './serialize.ts';
import { layoutOf, PACKED, packGraph, unpackGraph } from './state.ts';
import type { Tape } from './tape.ts';
import type { Target } from './targets/target.ts';
import { type TraceOptions, trace } from './trace.ts';

/** A tfjs program for batches of any size. */
export interface BatchedProgram {
  /** Its inputs, with `'N'` for the batch size. */
  readonly inputs: Readonly<Record<string, BatchedInput>>;
  /** A function of tensors that may read and assign the declared variables. Runs synchronously. */
  compute(inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>>;
}

/** The float32 variables that programs read and assign, and the models that name their nodes. */
export type ProgramContext = Required<Pick<TraceOptions, 'variables'>> & Pick<TraceOptions, 'models'>;

type GraphOptions = ProgramContext & { readonly target: Target };

/** Compiled programs whose state is that of tfjs variables. */
export class Compiled<Name extends string = string> extends GraphRunner<Name> {
  readonly #variables: [string, Variable][];
  readonly #packer: GraphRunner<'pack' | 'unpack'>;

  constructor(graphs: ReturnType<typeof compileGraphs<Name>>, { variables, ...options }: GraphOptions & RunOptions) {
    super(graphs, options);
    this.#variables = Object.entries(variables);
    this.#packer = new GraphRunner({ programs: graphs.packing, state: [] }, options);
  }

  /** Brings the tfjs variables up to date. */
  async pull(): Promise<void> {
    if (this.#variables.length === 0) return;
    const packed = Object.entries(this.state).map(([name, tensor]) => [`${name}${PACKED}`, tensor]);
    const unpacked = await this.#packer.run('unpack', Object.fromEntries(packed));
    for (const [name, variable] of this.#variables) {
      tf.tidy(() => variable.assign(tf.tensor((unpacked[name] as Values).slice(), variable.shape, variable.dtype)));
    }
  }

  /** Takes the present values of the tfjs variables. */
  async push(): Promise<void> {
    if (this.#variables.length === 0) return;
    const values = this.#variables.map(async ([name, variable]) => [name, await variable.data()]);
    const packed = await this.#packer.run('pack', Object.fromEntries(await Promise.all(values)));
    const buffers = Object.entries(packed).map(([name, buffer]) => [name.slice(0, -PACKED.length), buffer]);
    this.write(Object.fromEntries(buffers));
  }

  override async dispose(): Promise<void> {
    await Promise.all([super.dispose(), this.#packer.dispose()]);
  }
}

/**
 * Compiles tfjs programs that share variables for ONNX Runtime. Each is traced when it first meets a batch size. The
 * variables' present values are the initial state.
 * @param programs the first decides how the variables are held, so it should be the one that changes them
 * @throws Error when the first program uses something that cannot be part of a graph
 */
export async function compile<Name extends string>(
  programs: { readonly [name in Name]: BatchedProgram },
  options: GraphOptions & RunOptions,
): Promise<Compiled<Name>> {
  const compiled = new Compiled(compileGraphs(programs, options), options);
  await compiled.push();
  return compiled;
}

/** The batch size at which the layout is decided; any size gives the same. */
const LAYOUT_BATCH = 2;

/**
 * The half of `compile` that needs tfjs: the programs as graphs, what they share, and the graphs between that and the
 * variables.
 * @throws Error when the first program uses something that cannot be part of a graph
 */
export function compileGraphs<Name extends string>(
  programs: { readonly [name in Name]: BatchedProgram },
  options: GraphOptions,
) {
  const entries = Object.entries<BatchedProgram>(programs);
  const first = entries[0]?.[1];
  if (!first) throw new Error('there is no program to compile');
  const { target } = options;
  const layout = layoutOf(traceProgram(first, LAYOUT_BATCH, options), target);
  const graphs = entries.map(([name, program]): [string, GraphProgram] => {
    let latest: { readonly n: number; readonly graph: Graph } | undefined;
    const lowered = (n: number): Graph => {
      if (latest?.n !== n) {
        const tape = traceProgram(program, n, options);
        latest = { n, graph: withoutUnused(lowerTape(tape, target, { name, layout })) };
      }
      return latest.graph;
    };
    const outputs = (n: number) => lowered(n).outputs.map(({ name }) => name);
    const parts = (n: number, count: number) =>
      partition(lowered(n), count).map((part) => serialize(withoutUnused(part)));
    return [name, { inputs: program.inputs, graph: (n) => serialize(lowered(n)), outputs, parts }];
  });
  return {
    programs: Object.fromEntries(graphs) as CompiledGraphs<Name>['programs'],
    state: layout.map(({ name, shape }) => ({ name, next: `${name}${NEXT}`, shape })),
    packing: {
      pack: { inputs: options.variables, graph: () => serialize(packGraph(layout)) },
      unpack: {
        inputs: Object.fromEntries(layout.map(({ name, shape }) => [`${name}${PACKED}`, { shape }])),
        graph: () => serialize(unpackGraph(layout)),
      },
    },
  };
}

/**
 * Traces a program for batches of `n`.
 * @throws Error when it uses something that cannot be part of a graph
 */
export function traceProgram({ inputs, compute }: BatchedProgram, n: number, context: ProgramContext): Tape {
  return trace(compute, { ...context, inputs: inputsAt(inputs, n), strict: true });
}

/** The graph without inputs that no node reads: programs need not use all inputs and variables. */
function withoutUnused(graph: Graph): Graph {
  const used = new Set(graph.nodes.flatMap((node) => readsOf(node).map(({ name }) => name)));
  return { ...graph, inputs: graph.inputs.filter(({ name }) => used.has(name)) };
}
