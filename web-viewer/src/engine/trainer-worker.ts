import { GraphRunner } from '../../../pipeline/tfjs-to-onnx/src/run.ts';
import type { TrainStep } from '../site/schema.ts';
import type { Batch, Provider, WeightFiles } from './protocol.ts';
import { type Runtime, startRuntime } from './runtime.ts';
import { isFatal, reasonOf, serve } from './serve.ts';
import { initialState, withWeights } from './trainer-weights.ts';

/** The card's training step with its state, and the files that training started from. */
interface Training {
  readonly runner: GraphRunner<'step'>;
  readonly step: TrainStep;
  readonly files: WeightFiles;
}

let runtime: { ort: Runtime; provider: Provider } | undefined;
let training: Training | undefined;

const calls = {
  /** Fetches and starts the library. */
  async start(provider: Provider, threads: number) {
    const { ort, ...facts } = await startRuntime(provider, threads);
    runtime = { ort, provider };
    return facts;
  },

  /** Loads the graph of a training step; its initial state has the weights of these files. */
  async load(graph: Uint8Array, step: TrainStep, files: WeightFiles) {
    const runner = await runnerOf(graph, step);
    runner.write(Object.fromEntries(initialState(step, files)));
    training = { runner, step, files };
  },

  /** Trains on a batch. @returns its losses, in the order of the card's `losses` */
  async train(batch: Batch) {
    const { runner, step } = loaded();
    const outputs = await runner.run('step', { ...batch, klWeight: batch.klWeight ?? 1 });
    return Float64Array.from(step.losses, (name) => outputs[name]?.[0] ?? Number.NaN);
  },

  /** The files with the current weights. */
  async files() {
    const { runner, step, files } = loaded();
    const values = await runner.read(step.weights.map(({ variable }) => variable));
    return withWeights(step, files, new Map(Object.entries(values)));
  },

  /** Restores the initial state. */
  reset() {
    const { runner, step, files } = loaded();
    runner.write(Object.fromEntries(initialState(step, files)));
  },
};
serve(calls);
export type TrainerCalls = typeof calls;

/** @throws Error when the graph cannot be read, or its inputs and outputs are not those in the card */
async function runnerOf(graph: Uint8Array, step: TrainStep): Promise<GraphRunner<'step'>> {
  if (!runtime) throw new Error('the runtime has not been started');
  const { ort, provider } = runtime;
  const inputs = Object.fromEntries(Object.entries(step.inputs).map(([name, shape]) => [name, { shape: shape ?? [] }]));
  const runner = new GraphRunner(
    { programs: { step: { inputs, graph: () => graph } }, state: step.state },
    {
      ort,
      session: { executionProviders: [provider], logSeverityLevel: 3 },
      newState: provider === 'webgpu' ? 'gpu-buffer' : 'cpu',
    },
  );
  const session = await runner.session('step', 1).catch((error: unknown) => {
    if (isFatal(error)) throw error;
    throw new Error(`${step.file} is damaged, or cannot be run here (${reasonOf(error)})`);
  });
  const expected = [...Object.keys(step.inputs), ...step.state.map(({ name }) => name)];
  const returned = [...step.losses, ...step.state.map(({ next }) => next)];
  if (sameNames(session.inputNames, expected) && returned.every((name) => session.outputNames.includes(name))) {
    return runner;
  }
  await runner.dispose();
  throw new Error(`${step.file} is not the training step that the card describes`);
}

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && b.every((name) => a.includes(name));

function loaded(): Training {
  if (!training) throw new Error('no training has been loaded');
  return training;
}
