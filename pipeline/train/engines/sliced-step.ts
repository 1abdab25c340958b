import * as tf from '@tensorflow/tfjs-core';
import type { InferenceSession } from 'onnxruntime-common';
import { type CompiledGraphs, compileGraphs, type Feeds, type GraphRunner, portable, shapeAt } from 'tfjs-to-onnx';
import type { SharedMemory } from './shared-memory.ts';
import { type Phase, type SharedTensor, startTeam } from './slice-team.ts';

export interface Sliced {
  readonly graphs: CompiledGraphs<'gradients' | 'update'>;
  /** Holds the state, in shared memory. */
  readonly compiled: GraphRunner<'gradients'>;
  readonly memory: SharedMemory;
  /** Of each slice's sessions. */
  readonly session: InferenceSession.SessionOptions;
  /** That run side by side, at most. */
  readonly threads: number;
  /** Images in a batch, and the number of slices that it is divided into. */
  readonly n: number;
  readonly slices: number;
}

type Elements = Float32Array | Uint8Array | Int32Array;
type Tensors = Record<string, SharedTensor>;

/** Largest differences in proportion to the largest number. */
const TOLERANCE = { gradients: 1e-3, losses: 1e-4 };

/** A training step of batches of one size on a team of threads. */
export type SlicedStep = NonNullable<Awaited<ReturnType<typeof openSlicedStep>>>;

/**
 * Starts the threads.
 * @param feeds a first batch, for the types of inputs
 * @returns undefined where an input cannot be divided into slices
 */
export async function openSlicedStep(sliced: Sliced, feeds: Feeds) {
  const { graphs, compiled, memory, n, slices } = sliced;
  const inputs = inputsOf(sliced, feeds);
  if (!inputs) return undefined;
  const indices = Array.from({ length: slices }, (_, slice) => slice);
  const floats = (length: number) => new Float32Array(memory.allocate(4 * length));
  const shared = (dims: readonly number[], ...[first, second]: readonly Float32Array[]): SharedTensor => ({
    type: 'float32',
    dims,
    addresses: [memory.addressOf(first as Float32Array), second && memory.addressOf(second)],
  });

  const { gradients, update } = graphs.programs;
  const [made, changed] = [gradients.outputs?.(n / slices) ?? [], update.outputs?.(n / slices) ?? []];
  const [buffers, spare] = [dataOf(compiled.state), dataOf(compiled.spare)];
  const stateTensors: Tensors = {};
  for (const { name, next, shape } of graphs.state) {
    const both = [buffers[name], spare[name]] as [Float32Array, Float32Array];
    const isGradient = made.includes(next);
    stateTensors[name] = isGradient ? shared(shape, both[0]) : shared(shape, ...both);
    stateTensors[next] = shared(shape, ...both.toReversed());
  }
  const averaged = graphs.state.filter(({ next }) => made.includes(next));
  const updated = graphs.state.filter(({ next }) => changed.includes(next)).map(({ name }) => name);
  const lossNames = made.filter((name) => !averaged.some(({ next }) => next === name));
  const losses = indices.map(() => Object.fromEntries(lossNames.map((name) => [name, floats(1)])));
  const parts = indices.map(() =>
    averaged.map(({ shape }) => shared(shape, floats(tf.util.sizeFromShape([...shape])))),
  );

  const [graph, means, updates] = [
    gradients.graph(n / slices),
    meanGraphs(averaged, slices),
    update.parts?.(n / slices, slices) ?? [],
  ];
  const allParts = Object.fromEntries(
    parts.flatMap((own, slice) => own.map((tensor, i) => [`${slice}/${averaged[i]?.name}`, tensor])),
  );
  const phases = indices.map((slice) => {
    const given = Object.fromEntries(inputs.map(({ name, tensor }) => [name, tensor(slice)]));
    const found = Object.fromEntries(averaged.map(({ next }, i) => [next, parts[slice]?.[i] as SharedTensor]));
    const own = Object.entries(losses[slice] ?? {}).map(([name, loss]) => [name, shared([], loss)]);
    const phase = (graph: Uint8Array | undefined, tensors: Tensors): Phase | undefined => graph && { graph, tensors };
    return [
      phase(graph, { ...stateTensors, ...given, ...found, ...Object.fromEntries(own) }),
      phase(means[slice], { ...allParts, ...meanTensors(averaged, stateTensors) }),
      phase(updates[slice], { ...stateTensors, ...given }),
    ];
  });
  const team = await startTeam(phases, sliced);

  const copy = (feeds: Feeds) => {
    for (const { name, whole } of inputs) {
      const values = feeds[name];
      if (typeof values === 'number') whole.fill(values);
      else if (values?.length === whole.length) whole.set(values);
      else throw new Error(`input ${name} has ${values?.length} elements, not ${whole.length}`);
    }
  };
  const [side] = updated;
  /** Leaves the new state in the spare buffers. */
  const compute = async (feeds: Feeds): Promise<Record<string, Float32Array>> => {
    copy(feeds);
    await team.run(side === undefined || compiled.state[side]?.data === buffers[side] ? 0 : 1);
    const mean = (name: string) => losses.reduce((sum, loss) => sum + (loss[name]?.[0] ?? Number.NaN), 0) / slices;
    return Object.fromEntries(lossNames.map((name) => [name, Float32Array.of(mean(name))]));
  };
  return {
    /** Trains on a batch. @returns the losses */
    async run(feeds: Feeds): Promise<Record<string, Float32Array>> {
      const means = await compute(feeds);
      compiled.swap(updated);
      return means;
    },
    /** Whether slices give the losses and the gradients of the whole batch; not if images of a batch affect each other. */
    async equalsWhole(feeds: Feeds): Promise<boolean> {
      const whole = await compiled.run('gradients', feeds);
      await compiled.close('gradients', n);
      const state = await compiled.read(averaged.map(({ name }) => name));
      const means = await compute(feeds);
      return (
        lossNames.every((name) => areClose(means[name], whole[name] as Float32Array, TOLERANCE.losses)) &&
        averaged.every(({ name }) => areClose(buffers[name], state[name], TOLERANCE.gradients))
      );
    },
    stop: () => team.stop(),
  };
}

/** Room for the inputs of a batch; undefined where one is not divided along its first axis. */
function inputsOf({ graphs, memory, n, slices }: Sliced, feeds: Feeds) {
  const inputs: { readonly name: string; readonly whole: Elements; tensor(slice: number): SharedTensor }[] = [];
  for (const [name, { shape }] of Object.entries(graphs.programs.gradients.inputs)) {
    const values = feeds[name];
    if (values === undefined) continue;
    if (shape.lastIndexOf('N') > 0) return undefined;
    const [dims, size] = [shapeAt(shape, n / slices), tf.util.sizeFromShape(shapeAt(shape, n))];
    const array = typeof values === 'number' ? Float32Array : (values.constructor as Float32ArrayConstructor);
    const whole: Elements = new array(memory.allocate(size * array.BYTES_PER_ELEMENT));
    const bytes = shape[0] === 'N' ? whole.byteLength / slices : 0;
    const type = whole instanceof Uint8Array ? 'uint8' : whole instanceof Int32Array ? 'int32' : 'float32';
    const first = memory.addressOf(whole);
    inputs.push({ name, whole, tensor: (slice) => ({ type, dims, addresses: [first + BigInt(slice * bytes)] }) });
  }
  return inputs;
}

type Buffers = readonly { readonly name: string; readonly shape: readonly number[] }[];

/** Graphs from the buffers of all slices, `slice/name`, to their means, `mean/name`; each computes some of them. */
function meanGraphs(buffers: Buffers, slices: number): readonly Uint8Array[] {
  const indices = Array.from({ length: slices }, (_, slice) => slice);
  const inputs = buffers.flatMap(({ name, shape }) => indices.map((slice) => [`${slice}/${name}`, { shape }] as const));
  const mean = {
    inputs: Object.fromEntries(inputs.map(([name, { shape }]) => [name, { shape, dtype: 'float32' as const }])),
    compute: (given: Readonly<Record<string, tf.Tensor>>) => {
      const meanOf = (name: string) =>
        tf.mul(tf.addN(indices.map((i) => given[`${i}/${name}`] as tf.Tensor)), 1 / slices);
      return Object.fromEntries(buffers.map(({ name }) => [`mean/${name}`, meanOf(name)]));
    },
  };
  return (
    compileGraphs({ mean }, { variables: {}, models: {}, target: portable }).programs.mean.parts?.(1, slices) ?? []
  );
}

const meanTensors = (buffers: Buffers, state: Tensors): Tensors =>
  Object.fromEntries(buffers.map(({ name }) => [`mean/${name}`, state[name] as SharedTensor]));

function dataOf(state: GraphRunner['state']): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(state).map(([name, { data }]) => [name, data as Float32Array]));
}

function areClose(some: Float32Array | undefined, others: Float32Array | undefined, tolerance: number): boolean {
  if (!some || !others || some.length !== others.length) return false;
  const largest = others.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);
  return others.every((value, i) => Math.abs(value - (some[i] as number)) <= tolerance * largest);
}
