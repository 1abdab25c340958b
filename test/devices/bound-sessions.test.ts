import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as common from 'onnxruntime-common';
import ort from 'onnxruntime-node';
import { type BatchedProgram, compile, compileGraphs, portable, type RunOptions } from 'tfjs-to-onnx';
import { beforeAll, expect, test } from 'vitest';
import { cvae } from '../../models/vae.ts';
import { registerBoundSessions } from '../../pipeline/devices/bound-sessions.ts';
import { cpuRuntime, NativeSession } from '../../pipeline/devices/native-session.ts';
import { deviceTensor, onHost } from '../../pipeline/devices/ort-values.ts';
import { Recordings } from '../../pipeline/devices/recordings.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { temporaryFolder } from '../train/folders.ts';

beforeAll(async () => {
  await prepareEngine('tfjs-cpu', 'auto');
  registerBoundSessions('bound', onHost); // all but CUDA itself is tested anywhere
});

const ones = (length: number) => new common.Tensor('float32', new Float32Array(length).fill(1), [length]);
const session = { intraOpNumThreads: 1, logSeverityLevel: 3 } as const;
const inNode: RunOptions = { ort, session };
const bound = (newState: 'gpu-buffer' | 'gpu-swap'): RunOptions => ({
  ort: common,
  session: { ...session, executionProviders: ['bound'] },
  newState,
});

/** Losses and weights after steps of two batch sizes. */
async function trained(options: RunOptions) {
  const program = buildProgram(cvae, {
    ...{ height: 12, width: 12, channels: 1, latent: 4, classes: 10, seed: 1 },
  });
  const compiled = await compile(program.programs, { ...program, target: portable, ...options });
  const losses: number[] = [];
  for (const [step, n] of [4, 4, 3, 4, 4].entries()) {
    const image = Uint8Array.from({ length: n * 144 }, (_, i) => (i * 37 + step * 11) % 256);
    const noise = Float32Array.from({ length: n * 4 }, (_, i) => Math.sin(i + step));
    const { loss } = await compiled.run('step', { image, noise, rate: 1, klWeight: 1 });
    losses.push(...(loss as Float32Array));
  }
  const located = Object.values(compiled.state).map(({ location }) => location);
  await compiled.pull();
  const weights = program.weights.map(({ variable }) => variable.dataSync().slice());
  await compiled.dispose();
  tf.dispose([...program.weights, ...program.optimizerState].map(({ variable }) => variable));
  return { losses, weights, located };
}

test.each(['gpu-buffer', 'gpu-swap'] as const)(
  'state that stays on the device trains as onnxruntime-node does: %s',
  async (newState) => {
    const [expected, got] = [await trained(inNode), await trained(bound(newState))];
    expect(got.losses).toEqual(expected.losses);
    expect(got.weights).toEqual(expected.weights);
    expect(new Set(got.located)).toEqual(new Set(['gpu-buffer']));
  },
);

test('int32 and uint8 go in and come out, and a failing run names the operator and leaves the session usable', async () => {
  const program: BatchedProgram = {
    inputs: {
      x: { shape: ['N', 3], dtype: 'int32' },
      at: { shape: ['N'], dtype: 'int32' },
    },
    compute: ({ x, at }) => ({
      rows: tf.gather(x as tf.Tensor, at as tf.Tensor),
      twice: tf.add(x as tf.Tensor, x as tf.Tensor),
    }),
  };
  const compiled = await compile({ program }, { variables: {}, target: portable, ...bound('gpu-buffer') });
  const x = Int32Array.of(1, 2, 3, 4, 5, 6);
  await expect(compiled.run('program', { x, at: Int32Array.of(0, 9) })).rejects.toThrow(/Gather/);
  const { rows, twice } = await compiled.run('program', { x, at: Int32Array.of(1, 0) });
  expect(rows).toEqual(Int32Array.of(4, 5, 6, 1, 2, 3));
  expect(twice).toEqual(Int32Array.of(2, 4, 6, 8, 10, 12));
  await compiled.dispose();
});

/** A program that adds its input to a state. */
function summing() {
  const state = tf.variable(tf.tensor1d([1, 2, 3]));
  const program: BatchedProgram = {
    inputs: { x: { shape: [3], dtype: 'float32' } },
    compute: ({ x }) => {
      state.assign(tf.add(state, x as tf.Tensor1D));
      return { sum: tf.sum(state) };
    },
  };
  return { state, program };
}

test('a device reads its state back', async () => {
  const { state, program } = summing();
  const compiled = await compile({ program }, { variables: { state }, target: portable, ...bound('gpu-swap') });
  for (let k = 0; k < 4; k++) await compiled.run('program', { x: Float32Array.of(1, 1, 1) });
  expect(Object.values(await compiled.read())).toEqual([Float32Array.of(5, 6, 7)]);
  await compiled.dispose();
  state.dispose();
});

test('a session writes a profile of its nodes', async () => {
  const folder = temporaryFolder();
  const { state, program } = summing();
  const graph = compileGraphs({ program }, { variables: { state }, target: portable }).programs.program.graph(1);
  const opened = await common.InferenceSession.create(graph, {
    executionProviders: ['bound'],
    enableProfiling: true,
    profileFilePrefix: `${folder}/profile`,
  });
  await opened.run(Object.fromEntries(opened.inputNames.map((name) => [name, ones(3)])));
  opened.endProfiling();
  const [file = ''] = readdirSync(folder);
  const events = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as { args: { op_name?: string } }[];
  expect(events.map(({ args }) => args.op_name)).toEqual(expect.arrayContaining(['Add', 'ReduceSum']));
  await opened.release();
  state.dispose();
});

test('ONNX Runtime stays loaded where only its C API is used', () => {
  const native = new URL('../../pipeline/devices/native-session.ts', import.meta.url);
  const program = `
    import { setTimeout } from 'node:timers/promises';
    import { cpuRuntime } from '${native}';
    const { api } = cpuRuntime();
    for (let turn = 0; turn < 3; turn++) {
      gc();
      await setTimeout(10);
    }
    api.pointer('CreateRunOptions');
  `;
  const args = ['--expose-gc', '--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program];
  expect(spawnSync(process.execPath, args)).toMatchObject({ status: 0, signal: null });
});

test('a file that is no model is refused', async () => {
  const { InferenceSession } = common;
  await expect(InferenceSession.create(Uint8Array.of(1, 2, 3), { executionProviders: ['bound'] })).rejects.toThrow();
});

test('a recording reads and writes the same buffers again: a state alternates between two sets', async () => {
  const { state, program } = summing();
  const graphs = compileGraphs({ program }, { variables: { state }, target: portable });
  const bytes = graphs.programs.program.graph(1);
  const { api, values } = cpuRuntime();
  const native = new NativeSession(cpuRuntime(), bytes, session);
  const recordings = new Recordings(api, values, native.pointer);
  const tensors = [1, 2].map(() => deviceTensor(values, values.copied(new common.Tensor('float32', [1, 2, 3], [3]))));
  let [now, spare] = tensors as [common.Tensor, common.Tensor];
  const sums: number[] = [];
  for (let k = 0; k < 6; k++) {
    const x = new common.Tensor('float32', [k, 0, 0], [3]);
    const outputs = await recordings.run(
      [
        ['state', now],
        ['x', x],
      ],
      [
        ['sum', { type: 'float32', dims: [] }],
        ['state:next', spare],
      ],
    );
    sums.push(Number(outputs.sum?.data[0]));
    expect(outputs['state:next']).toBe(spare);
    [now, spare] = [spare, now];
  }
  expect(sums).toEqual([6, 7, 9, 12, 16, 21]); // 6 + 0 + 1 + 2 + 3 + 4 + 5
  expect(await now.getData()).toEqual(Float32Array.of(16, 2, 3));
  recordings.dispose();
  for (const tensor of tensors) tensor.dispose();
  native.release();
  state.dispose();
});
