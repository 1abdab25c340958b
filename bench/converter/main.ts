/**
 * Converted models against those of tf2onnx: nodes, size, time to convert, load and run in ONNX Runtime with its own
 * optimizations on, in paired runs. Weights are random; the architectures are the same.
 *
 *     npm run bench:converter
 */
import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
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

const PAIRS = 40;
const WARM_UP = 5;
const THREADS = Math.min(4, availableParallelism());

interface Converted {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly seconds: number;
}

tf.enableProdMode();
await tf.setBackend('cpu');
const missing = peerIsMissing();
if (missing) console.log(`tf2onnx is left out: ${missing}`);
const scratch = await mkdtemp(join(tmpdir(), 'convae-bench-converter-'));
try {
  await compare('MobileNetV2', mobileNetV2(), [224, 224, 3]);
  await compare('InceptionV3', inceptionV3(), [299, 299, 3]);
  await compare('LSTM, 300 steps', lstm(), [300, 32], false);
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
  const loaded = await Promise.all(converted.map(async (one) => ({ ...one, ...(await load(one.bytes)) })));
  const rounds = await inTurn(
    loaded.map(({ session }) => session),
    shape,
  );
  const table = new Table({
    head: ['', 'nodes', 'MB', 'convert, s', 'load, s', 'run, ms'],
    style: { head: [], border: [] },
  });
  for (const [i, one] of loaded.entries()) {
    const times = rounds.map((round) => round[i] ?? Number.NaN);
    const size = one.bytes.length / 1e6;
    table.push([
      one.name,
      nodesOf(one.bytes),
      size.toFixed(1),
      one.seconds.toFixed(2),
      one.loading.toFixed(2),
      median(times).toFixed(1),
    ]);
  }
  console.log(`\n${name}, batch 1, ${THREADS} threads, ${PAIRS} pairs of runs\n${table.toString()}`);
  const ratios = rounds.flatMap(([ours, theirs]) => (ours && theirs ? [ours / theirs] : []));
  if (ratios.length > 0) console.log(`time of a run, median of the pairs' ratios: ${median(ratios).toFixed(3)}`);
  for (const { session } of loaded) await session.release();
}

async function load(bytes: Uint8Array) {
  const start = performance.now();
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: THREADS, logSeverityLevel: 3 });
  return { session, loading: (performance.now() - start) / 1000 };
}

/** Milliseconds of a run of each session, one after the other, in alternating order. */
async function inTurn(sessions: readonly ort.InferenceSession[], shape: readonly number[]): Promise<number[][]> {
  const dims = [1, ...shape];
  const values = Float32Array.from({ length: tf.util.sizeFromShape(dims) }, (_, i) => Math.sin(i));
  const rounds: number[][] = [];
  for (let i = -WARM_UP; i < PAIRS; i++) {
    const times = new Array<number>(sessions.length).fill(0);
    const order = [...sessions.keys()];
    for (const k of i % 2 ? order.reverse() : order) {
      const session = sessions[k] as ort.InferenceSession;
      const start = performance.now();
      await session.run({ [session.inputNames[0] as string]: new ort.Tensor('float32', values, dims) });
      times[k] = performance.now() - start;
    }
    if (i >= 0) rounds.push(times);
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
