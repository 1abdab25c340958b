import type { InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import type { TrainStep } from '../site/schema.ts';
import type { Provider } from './protocol.ts';
import { type Runtime, startRuntime } from './runtime.ts';
import { isFatal, reasonOf, serve, tellBytes } from './serve.ts';
import type { Batch, TrainerCalls } from './trainer-protocol.ts';
import { initialState, type WeightFiles, withWeights } from './trainer-weights.ts';

/** A training: its graph, what it began with, and its state by name, which stays where it is computed. */
interface Training {
  readonly session: InferenceSession;
  readonly step: TrainStep;
  readonly files: WeightFiles;
  state: ReadonlyMap<string, Tensor>;
}

let runtime: { ort: Runtime; provider: Provider } | undefined;
let training: Training | undefined;

serve<TrainerCalls>({
  async start({ provider, threads }) {
    const { ort, ...facts } = await startRuntime(provider, threads, tellBytes);
    runtime = { ort, provider };
    return facts;
  },

  async load({ graph, step, files }) {
    const session = await sessionOf(graph, step);
    training = { session, step, files, state: begin(step, files) };
    return null;
  },

  train: (batch) => train(loaded(), batch),

  async files() {
    const { step, files, state } = loaded();
    const names = new Set(step.weights.map(({ variable }) => variable));
    const values = new Map<string, Float32Array>();
    for (const [name, tensor] of state) {
      if (names.has(name)) values.set(name, (await tensor.getData()) as Float32Array);
    }
    return withWeights(step, files, values);
  },

  reset() {
    const current = loaded();
    free(current.state);
    current.state = begin(current.step, current.files);
    return null;
  },
});

async function train(current: Training, batch: Batch): Promise<Float64Array> {
  const { session, step, state } = current;
  const outputs = await session.run({ ...Object.fromEntries(state), ...inputsOf(step, batch) });
  current.state = new Map(
    step.state.map(({ name, next }) => {
      const tensor = outputs[next];
      if (!tensor) throw new Error(`the training step does not give ${next}`);
      return [name, tensor];
    }),
  );
  free(state);
  return Float64Array.from(step.losses, (name) => Number(outputs[name]?.data[0] ?? Number.NaN));
}

function inputsOf({ inputs }: TrainStep, batch: Batch): Record<string, Tensor> {
  const { ort } = started();
  const given: Record<string, Tensor> = {
    image: new ort.Tensor('uint8', batch.image, inputs.image),
    rate: new ort.Tensor('float32', Float32Array.of(batch.rate), []),
  };
  if (inputs.label && batch.label) given.label = new ort.Tensor('int32', batch.label, inputs.label);
  if (inputs.noise && batch.noise) given.noise = new ort.Tensor('float32', batch.noise, inputs.noise);
  if (inputs.klWeight) given.klWeight = new ort.Tensor('float32', Float32Array.of(batch.klWeight ?? 1), []);
  return given;
}

/** @throws Error when the graph cannot be read, or takes or gives other things than the card says */
async function sessionOf(graph: Uint8Array, step: TrainStep): Promise<InferenceSession> {
  const { ort, provider } = started();
  const kept = provider === 'webgpu' && {
    preferredOutputLocation: Object.fromEntries(step.state.map(({ next }) => [next, 'gpu-buffer' as const])),
  };
  const options = { executionProviders: [provider], logSeverityLevel: 3, ...kept } as const;
  const session = await ort.InferenceSession.create(graph, options).catch((error: unknown) => {
    if (isFatal(error)) throw error;
    throw new Error(`${step.file} is damaged, or cannot be run here (${reasonOf(error)})`);
  });
  const expected = [...Object.keys(step.inputs), ...step.state.map(({ name }) => name)];
  const given = [...step.losses, ...step.state.map(({ next }) => next)];
  if (sameNames(session.inputNames, expected) && given.every((name) => session.outputNames.includes(name))) {
    return session;
  }
  await session.release();
  throw new Error(`${step.file} is not the training step that the card describes`);
}

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && b.every((name) => a.includes(name));

function begin(step: TrainStep, files: WeightFiles): Training['state'] {
  const { ort } = started();
  const shapes = new Map(step.state.map(({ name, shape }) => [name, shape]));
  return new Map(
    [...initialState(step, files)].map(([name, values]) => [
      name,
      new ort.Tensor('float32', values, shapes.get(name) ?? []),
    ]),
  );
}

/** Frees what is kept on the graphics card. */
function free(state: Training['state']): void {
  for (const tensor of state.values()) if (tensor.location === 'gpu-buffer') tensor.dispose();
}

function started() {
  if (!runtime) throw new Error('the runtime has not been started');
  return runtime;
}

function loaded(): Training {
  if (!training) throw new Error('no training has been loaded');
  return training;
}
