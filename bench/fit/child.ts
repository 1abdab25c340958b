/**
 * `tsx child.ts SYSTEM PROGRAM EPOCHS STEPS THREADS`: trains a program. It waits for a line on stdin before each epoch and
 * writes to file descriptor 3, as JSON, what it measured after it, or why the system cannot: tfjs-node prints on stdout.
 */
import '@tensorflow/tfjs-layers';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs-core';
import { compile } from 'tfjs-to-onnx';
import { configure, type Explanation, explain } from '../../pipeline/tfjs-to-onnx/src/eager.ts';
import { fastestTarget, onnxruntime } from '../../pipeline/train/engines/onnx.ts';
import { useTfjsBackend } from '../../pipeline/train/engines/tfjs.ts';
import { type ProgramName, programs } from './programs.ts';

export type SystemName = 'cpu' | 'wasm' | 'tfjs-node' | 'onnx' | 'traced';

/** An epoch. */
export interface Measured {
  /** Mean milliseconds of a step. */
  readonly ms: number;
  readonly loss: number;
  readonly megabytes: number;
  readonly explanation?: Explanation;
}

export type Answer = Measured | { readonly missing: string };

const [system, name, epochs, steps, threads] = process.argv.slice(2) as [
  SystemName,
  ProgramName,
  string,
  string,
  string,
];
tf.enableProdMode();

const turns = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let start = 0;

async function turn(): Promise<void> {
  if ((await turns.next()).done) process.exit(0);
  start = performance.now();
}

function tell(answer: Answer): void {
  writeSync(3, `${JSON.stringify(answer)}\n`);
}

async function epochEnded(loss: number): Promise<void> {
  const ms = (performance.now() - start) / Number(steps);
  const megabytes = process.memoryUsage.rss() / 2 ** 20;
  tell({ ms, loss, megabytes, ...(system === 'onnx' && { explanation: explain() }) });
  await turn();
}

async function train(): Promise<void> {
  if (system !== 'traced') {
    await startBackend(system);
    const program = programs[name]();
    await turn();
    return program.train(Number(epochs), Number(steps), epochEnded);
  }
  await useTfjsBackend('tfjs-cpu', 0);
  const { program, variables, models, feeds } = programs[name]().traced();
  const options = { variables, models, target: await fastestTarget(), ...onnxruntime(Number(threads)) };
  const compiled = await compile({ step: program }, options);
  await turn();
  for (let epoch = 0; epoch < Number(epochs); epoch++) {
    let sum = 0;
    for (let i = 0; i < Number(steps); i++) sum += (await compiled.run('step', feeds(i))).loss?.[0] ?? Number.NaN;
    await epochEnded(sum / Number(steps));
  }
}

async function startBackend(system: SystemName): Promise<void> {
  if (system === 'tfjs-node') return useTfjsBackend('tfjs-node', Number(threads));
  if (system === 'cpu') return useTfjsBackend('tfjs-cpu', 0);
  if (system === 'wasm') await import('@tensorflow/tfjs-backend-wasm' as string);
  configure({ threads: Number(threads) });
  await tf.setBackend(system);
}

await train().catch((error: Error) => {
  if (process.env.DEBUG) throw error;
  tell({ missing: error.message });
});
process.exit(0);
