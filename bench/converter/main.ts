/**
 * Converted models against those of tf2onnx: nodes, size, time to convert, load and run in ONNX Runtime with its own
 * optimizations on. The two files run in turn, on one thread and on two; processor time tells more than wall-clock time
 * where other programs run. Weights are random; the architectures are the same.
 *
 *     npm run bench:converter                     # or: -- MobileNetV2, InceptionV3, LSTM
 */
import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import Table from 'cli-table3';
import { ModelProtoSchema } from 'onnx-buf';
import ort from 'onnxruntime-node';
import { convertLayersModel } from 'tfjs-to-onnx';
import { median } from '../rounds.ts';
import { inceptionV3 } from './inception-v3.ts';
import { mobileNetV2 } from './mobilenet-v2.ts';
import { convertWithTf2onnx, peerIsMissing } from './peer.ts';
import { withRandomWeights } from './weights.ts';

const ROUNDS = 40;
const WARM_UP = 5;
const THREADS = [1, 2];

interface Converted {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly seconds: number;
}

/** Milliseconds of one run: by the clock, and of the processor. */
interface Run {
  readonly wall: number;
  readonly processor: number;
}

const models: Record<string, () => Promise<void>> = {
  MobileNetV2: () => compare('MobileNetV2', mobileNetV2(), [224, 224, 3]),
  InceptionV3: () => compare('InceptionV3', inceptionV3(), [299, 299, 3]),
  LSTM: () => compare('LSTM, 300 steps', lstm(), [300, 32], false),
};
const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(models, name));
if (unknown !== undefined) {
  console.error(`there is no model ${unknown}; there is ${Object.keys(models).join(', ')}`);
  process.exit(2);
}

tf.enableProdMode();
await tf.setBackend('cpu');
const missing = peerIsMissing();
if (missing) console.log(`tf2onnx is left out: ${missing}`);
const scratch = await mkdtemp(join(tmpdir(), 'convae-bench-converter-'));
try {
  for (const [name, measure] of Object.entries(models)) {
    if (chosen.length === 0 || chosen.includes(name)) await measure();
  }
} finally {
  await rm(scratch, { recursive: true });
}

/** Prints one model's figures, and tf2onnx's of the Keras model of that name. */
async function compare(name: string, model: LayersModel, shape: readonly number[], inKeras = true): Promise<void> {
  const start = performance.now();
  const bytes = convertLayersModel(model);
  const converted: Converted[] = [{ name: 'tfjs-to-onnx', bytes, seconds: (performance.now() - start) / 1000 }];
  model.dispose();
  if (inKeras && !missing) {
    const file = join(scratch, `${name}.onnx`);
    const seconds = convertWithTf2onnx(name, file);
    converted.push({ name: 'tf2onnx', bytes: await readFile(file), seconds });
  }
  const table = new Table({
    head: [
      '',
      'nodes',
      'MB',
      'convert, s',
      'load, s',
      ...THREADS.map((threads) => `run on ${threads}, ms (processor)`),
    ],
    style: { head: [], border: [] },
  });
  const rows: (string | number)[][] = [];
  for (const { name, bytes, seconds } of converted) {
    const loading = await secondsToLoad(bytes);
    rows.push([name, nodesOf(bytes), (bytes.length / 1e6).toFixed(1), seconds.toFixed(2), loading.toFixed(2)]);
  }
  const ratios: string[] = [];
  for (const threads of THREADS) {
    const sessions: ort.InferenceSession[] = [];
    for (const { bytes } of converted) sessions.push(await load(bytes, threads));
    const rounds = await inTurn(sessions, shape);
    for (const [i, row] of rows.entries()) {
      const [wall, processor] = [medianOf(rounds, i, 'wall'), medianOf(rounds, i, 'processor')];
      row.push(`${wall.toFixed(1)} (${processor.toFixed(1)})`);
    }
    if (rows.length > 1) {
      const ratio = (kind: keyof Run) => (medianOf(rounds, 0, kind) / medianOf(rounds, 1, kind)).toFixed(3);
      ratios.push(
        `${threads} thread(s): ${ratio('wall')} of tf2onnx's time, ${ratio('processor')} of its processor time`,
      );
    }
    for (const session of sessions) await session.release();
  }
  table.push(...rows);
  console.log(`\n${name}, batch 1, medians of ${ROUNDS} runs in turn\n${table.toString()}\n${ratios.join('\n')}`);
}

function medianOf(rounds: readonly (readonly Run[])[], i: number, kind: keyof Run): number {
  return median(rounds.map((round) => round[i]?.[kind] ?? Number.NaN));
}

/** Loads a file. Threads that wait for work do not spin: those of one session would slow the other down. */
function load(bytes: Uint8Array, threads: number): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}

/** The shortest of several times: the first one also starts ONNX Runtime. */
async function secondsToLoad(bytes: Uint8Array): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    const session = await load(bytes, 1);
    least = Math.min(least, (performance.now() - start) / 1000);
    await session.release();
  }
  return least;
}

/** A run of each session, one after the other, in alternating order, as often as there are rounds. */
async function inTurn(sessions: readonly ort.InferenceSession[], shape: readonly number[]): Promise<Run[][]> {
  const dims = [1, ...shape];
  const values = Float32Array.from({ length: tf.util.sizeFromShape(dims) }, (_, i) => Math.sin(i));
  const rounds: Run[][] = [];
  for (let i = -WARM_UP; i < ROUNDS; i++) {
    const runs: Run[] = [];
    const order = [...sessions.keys()];
    for (const k of i % 2 ? order.reverse() : order) {
      const session = sessions[k] as ort.InferenceSession;
      const [start, before] = [performance.now(), process.cpuUsage()];
      await session.run({ [session.inputNames[0] as string]: new ort.Tensor('float32', values, dims) });
      const [wall, { user, system }] = [performance.now() - start, process.cpuUsage(before)];
      runs[k] = { wall, processor: (user + system) / 1000 };
    }
    if (i >= 0) rounds.push(runs);
  }
  return rounds;
}

function nodesOf(bytes: Uint8Array): number {
  return fromBinary(ModelProtoSchema, bytes).graph?.node.length ?? 0;
}

function lstm(): LayersModel {
  const layer = layers.lstm({ units: 64, recurrentInitializer: 'glorotNormal', inputShape: [300, 32] });
  return withRandomWeights(sequential({ layers: [layer, layers.dense({ units: 10 })] }));
}
