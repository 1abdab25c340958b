import type { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { type BatchedProgram, Compiled, compile, compileGraphs, portable } from 'tfjs-to-onnx';
import { beforeAll, expect, test, vi } from 'vitest';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { cvae } from '../../models/vae.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { cpuRuntime } from '../../pipeline/devices/native-session.ts';
import { OrtApi, type Pointer } from '../../pipeline/devices/ort-c-api.ts';
import { EnvironmentError } from '../../pipeline/io/errors.ts';
import type { Engine, HostBatch } from '../../pipeline/train/engine.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { createOnnxEngine, fastestTarget, onnxruntime } from '../../pipeline/train/engines/onnx.ts';
import { SharedMemory } from '../../pipeline/train/engines/shared-memory.ts';
import { startTeam } from '../../pipeline/train/engines/slice-team.ts';
import { slicesOf } from '../../pipeline/train/engines/slices.ts';
import { buildProgram, drawNoise, type TrainingProgram } from '../../pipeline/train/program.ts';
import { stripes, tiny } from './tiny.ts';

const SHAPE = { height: 12, width: 12, channels: 1 };

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

const build = (model: ModelDefinition) =>
  buildProgram(model, { ...SHAPE, latent: 3, classes: 10, seed: 0, filters: 8 });

async function batchOf(program: TrainingProgram, count: number, step: number): Promise<HostBatch> {
  const images = new Uint8Array(count * 144);
  const rows = Uint32Array.from({ length: count }, (_, i) => i + step);
  await stripes(200, { shape: SHAPE }).read(rows, images);
  const labels = Int32Array.from(rows, (row) => row % 10);
  const noise = drawNoise(program, count, Generator.of(step, 'noise'));
  return { count, images, labels, noise, controls: { klWeight: step / 4 } };
}

/** Losses of some steps, and the weights and the optimizer's state after them. */
async function trained(
  model: ModelDefinition,
  { slices, threads = 4 }: { slices: number; threads?: number },
  at = [0],
) {
  const program = build(model);
  const losses: number[] = [];
  let engine: Engine | undefined;
  for (let step = 0; step < 4; step++) {
    if (at.includes(step)) {
      await engine?.pull();
      await engine?.dispose();
      engine = await createOnnxEngine(program, { threads, slices });
    }
    // The last batch of an epoch may be smaller.
    const batch = await batchOf(program, step === 2 ? 35 : 64, step);
    losses.push((await engine?.step(batch))?.loss ?? Number.NaN);
  }
  losses.push((await engine?.evaluate(await batchOf(program, 7, 9)))?.loss ?? Number.NaN);
  await engine?.pull();
  await engine?.dispose();
  const state = Object.values(program.variables).flatMap((variable) => [...variable.dataSync()]);
  for (const variable of Object.values(program.variables)) variable.dispose();
  return { losses, state };
}

const largestDifference = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);

test('batches are divided equally, as far as enough images are left', () => {
  expect([1, 2, 3, 4, 8, 16].map((threads) => slicesOf(128, threads))).toEqual([1, 2, 2, 4, 8, 8]);
  expect([slicesOf(96, 8), slicesOf(127, 8), slicesOf(16, 2), slicesOf(32, 2)]).toEqual([6, 1, 1, 2]);
});

test.each([tiny, cvae])('slices of $name train as the whole batch does', async (model) => {
  const tensors = tf.memory().numTensors;
  const [whole, sliced] = [await trained(model, { slices: 1 }), await trained(model, { slices: 4 })];
  expect(largestDifference(sliced.losses, whole.losses)).toBeLessThan(1e-5);
  expect(largestDifference(sliced.state, whole.state)).toBeLessThan(1e-4);
  expect(sliced.state).not.toEqual(whole.state);
  expect(tf.memory().numTensors).toBe(tensors);
});

test('as many slices give the same weights, bit by bit, on any number of threads and when training is taken up again', async () => {
  const once = await trained(tiny, { slices: 4, threads: 4 });
  expect(await trained(tiny, { slices: 4, threads: 1 }, [0, 3])).toEqual(once);
  expect(await trained(tiny, { slices: 4, threads: 3 })).toEqual(once);
});

test('denormal numbers are computed in the same way by all threads of a session', async () => {
  await fastestTarget();
  const program: BatchedProgram = {
    inputs: { x: { shape: ['N'], dtype: 'float32' } },
    compute: ({ x }) => ({ y: tf.mul(x as tf.Tensor, 0.5) }),
  };
  const compiled = await compile({ program }, { variables: {}, target: portable, ...onnxruntime(2) });
  const x = new Float32Array(2 ** 20).fill(2 ** -130);
  for (let run = 0; run < 8; run++) {
    const { y } = await compiled.run('program', { x });
    expect(new Set(y)).toEqual(new Set([2 ** -131]));
  }
  await compiled.dispose();
});

test('steps in slices leave no arrays to be collected', async () => {
  const program = buildProgram(cvae, { ...SHAPE, latent: 3, classes: 10, seed: 0 });
  const engine = await createOnnxEngine(program, { threads: 2 });
  const batch = await batchOf(program, 64, 0);
  await engine.step(batch);
  const before = process.memoryUsage().external;
  for (let step = 0; step < 5; step++) await engine.step(batch);
  const state = Object.values(program.variables).reduce((bytes, { size }) => bytes + 4 * size, 0);
  expect(process.memoryUsage().external - before).toBeLessThan(state / 10);
  await engine.dispose();
  for (const variable of Object.values(program.variables)) variable.dispose();
});

test.each([
  ['from the first step on', () => tf.scalar(1)],
  ['after the first step', (klWeight?: tf.Scalar) => klWeight as tf.Scalar],
])('a loss in which the images of a batch affect each other %s is computed on the whole batch', async (_, weight) => {
  const contrastive: ModelDefinition = {
    ...tiny,
    build(size) {
      const built = tiny.build(size);
      const loss: typeof built.loss = (batch, noise, klWeight) => {
        const losses = built.loss(batch, noise);
        const { variance } = tf.moments(built.encode(batch).latent, 0);
        return { ...losses, loss: tf.add(losses.loss, tf.mul(weight(klWeight), tf.mean(variance))) as tf.Scalar };
      };
      return { ...built, loss };
    },
  };
  expect(await trained(contrastive, { slices: 4 })).toEqual(await trained(contrastive, { slices: 1 }));
});

test('what fails in some threads is thrown, the others do not wait, the next step is not affected, and all is freed once', async () => {
  cpuRuntime(); // which stays
  const [made, freed] = [vi.spyOn(OrtApi.prototype, 'pointer'), vi.spyOn(OrtApi.prototype, 'release')];
  const memory = new SharedMemory();
  const program = {
    inputs: { x: { shape: [2], dtype: 'float32' }, at: { shape: [1], dtype: 'int32' } },
    compute: ({ x, at }: Record<string, tf.Tensor>) => ({ y: tf.gather(x as tf.Tensor1D, at as tf.Tensor1D) }),
  } as const;
  const graph = compileGraphs({ program }, { variables: {}, models: {}, target: portable }).programs.program.graph(1);
  const shared = (values: Float32Array | Int32Array) => ({
    type: values instanceof Float32Array ? ('float32' as const) : ('int32' as const),
    dims: [values.length],
    addresses: [memory.addressOf(values)] as const,
  });
  const [indices, found]: [Int32Array[], Float32Array[]] = [[], []];
  const phase = () => {
    const x = new Float32Array(memory.allocate(8));
    const [at, y] = [new Int32Array(memory.allocate(4)), new Float32Array(memory.allocate(4))];
    x.set([3, 5]);
    indices.push(at);
    found.push(y);
    return { graph, tensors: { x: shared(x), at: shared(at), y: shared(y) } };
  };
  const session = { ...onnxruntime(1).session, logSeverityLevel: 4 as const };
  const team = await startTeam(
    [
      [phase(), undefined],
      [phase(), phase()],
      [undefined, phase()],
    ],
    { threads: 3, session },
  );
  for (const failing of [[0], [3], [1, 3], [0, 1, 2, 3]]) {
    for (const [i, at] of indices.entries()) at.fill(failing.includes(i) ? 7 : 0);
    await expect(team.run(0)).rejects.toThrow('idx=7 must be within');
    for (const at of indices) at.fill(1);
    for (const y of found) y.fill(0);
    await team.run(1);
    expect(found).toEqual(Array(4).fill(Float32Array.of(5)));
  }
  await team.stop();
  await team.stop(); // does nothing
  const unusable = { graph: Uint8Array.of(1), tensors: {} };
  await expect(startTeam([[phase()], [unusable]], { threads: 2, session })).rejects.toThrow('load model');
  memory.free();
  const created = made.mock.results.flatMap(({ type, value }, i) => {
    const [name = ''] = made.mock.calls[i] ?? [];
    return type === 'return' && name.startsWith('Create') ? [[name, value as Pointer] as const] : [];
  });
  const released = freed.mock.calls.filter(([what]) => what !== 'Status');
  const statuses = freed.mock.calls.length - released.length;
  vi.restoreAllMocks();
  expect(released.map(([, pointer]) => pointer).sort()).toEqual(created.map(([, pointer]) => pointer).sort());
  expect(statuses).toBe(8); // one of each thread that failed in a step, and one of the file that is no model
  expect(created.filter(([name]) => name === 'CreateSessionFromArray')).toHaveLength(2); // one of each team
});

test.each([
  [1, 'Failed to allocate memory for requested buffer of size 1610612736'],
  [4, 'CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=box ; expr=cudaSetDevice(0);'],
])('a machine that fails at a batch in %i slices is no bug, and no thread is left', async (slices, message) => {
  const threads: Worker[] = [];
  const keep = (thread: Worker) => threads.push(thread);
  process.on('worker', keep);
  const program = build(tiny);
  const engine = await createOnnxEngine(program, { threads: 4, slices });
  vi.spyOn(Compiled.prototype, 'run').mockRejectedValue(new Error(`Non-zero status code: ${message}`));
  const failure = await engine.step(await batchOf(program, 64, 0)).catch((error: unknown) => error);
  vi.restoreAllMocks();
  process.off('worker', keep);
  await engine.dispose();
  expect(failure).toBeInstanceOf(EnvironmentError);
  expect((failure as Error).message).toContain(message);
  expect(threads.map(({ threadId }) => threadId)).toEqual(Array(slices - 1).fill(-1)); // ended
  for (const variable of Object.values(program.variables)) variable.dispose();
});
