/**
 * `tsx child.ts SYSTEM PROGRAM EPOCHS STEPS [THREADS]`: trains a program and prints, as JSON, the mean milliseconds of a step in each epoch and its
 * loss, or why the system cannot.
 */
import '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';
import { compile } from 'tfjs-to-onnx';
import { configure, type Explanation, explain } from '../../pipeline/tfjs-to-onnx/src/eager.ts';
import { fastestTarget, onnxruntime } from '../../pipeline/train/engines/onnx.ts';
import { useTfjsBackend } from '../../pipeline/train/engines/tfjs.ts';
import { type ProgramName, programs } from './programs.ts';

export type SystemName = 'cpu' | 'wasm' | 'tfjs-node' | 'onnx' | 'traced';

export interface Measured {
  /** Mean milliseconds of a step, by epoch. */
  readonly ms: readonly number[];
  readonly losses: readonly number[];
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

async function measure(): Promise<Answer> {
  const ms: number[] = [];
  const losses: number[] = [];
  let start = performance.now();
  const epochEnded = (loss: number) => {
    ms.push((performance.now() - start) / Number(steps));
    losses.push(loss);
    start = performance.now();
  };
  if (system === 'traced') {
    await useTfjsBackend('tfjs-cpu', 0);
    const { program, variables, models, feeds } = programs[name]().traced();
    const options = { variables, models, target: await fastestTarget(), ...onnxruntime(Number(threads)) };
    const compiled = await compile({ step: program }, options);
    start = performance.now();
    for (let epoch = 0; epoch < Number(epochs); epoch++) {
      let sum = 0;
      for (let i = 0; i < Number(steps); i++) sum += (await compiled.run('step', feeds(i))).loss?.[0] ?? Number.NaN;
      epochEnded(sum / Number(steps));
    }
    return { ms, losses, megabytes: process.memoryUsage.rss() / 2 ** 20 };
  }
  await startBackend(system);
  const program = programs[name]();
  start = performance.now();
  await program.train(Number(epochs), Number(steps), epochEnded);
  const explanation = system === 'onnx' ? { explanation: explain() } : {};
  return { ms, losses, megabytes: process.memoryUsage.rss() / 2 ** 20, ...explanation };
}

async function startBackend(system: SystemName): Promise<void> {
  if (system === 'tfjs-node') return useTfjsBackend('tfjs-node', Number(threads));
  if (system === 'cpu') return useTfjsBackend('tfjs-cpu', 0);
  if (system === 'wasm') await import('@tensorflow/tfjs-backend-wasm' as string);
  configure({ threads: Number(threads) });
  await tf.setBackend(system);
}

console.log(
  JSON.stringify(
    await measure().catch((error: Error): Answer => {
      if (process.env.DEBUG) throw error;
      return { missing: error.message };
    }),
  ),
);
process.exit(0);
