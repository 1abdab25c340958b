import * as tf from '@tensorflow/tfjs-core';
import { Unavailable } from '../../io/errors.ts';
import type { ProgramRunner } from '../engine.ts';
import type { NamedVariable, TrainingProgram } from '../program.ts';

/** The largest difference from the CPU's change of a variable, relative to that change, that rounding explains. */
const MOST = 0.05;
/** Changes below this share of the largest one are rounding themselves, as of a bias before a normalization. */
const FLOOR = 0.01;

/**
 * A runner whose first step is compared with the CPU's: ONNX Runtime's WebGPU computes some convolutions wrong, with no error.
 * @param onCpu compiles the program for the CPU, from the present values of its variables
 * @throws Unavailable, from the first step, where a variable changes otherwise than on the CPU
 */
export function comparedWithCpu(
  runner: ProgramRunner,
  program: TrainingProgram,
  onCpu: () => Promise<ProgramRunner>,
): ProgramRunner {
  const compared = program.optimizerState.length > 0 ? program.optimizerState : program.weights; // Adam's weights change by signs
  let first = true;
  const run: ProgramRunner['run'] = async (name, feeds) => {
    if (name !== 'step' || !first) return runner.run(name, feeds);
    first = false;
    await runner.pull();
    const before = valuesOf(compared);
    const cpu = await onCpu();
    try {
      await cpu.run('step', feeds);
      await cpu.pull();
    } finally {
      await cpu.dispose();
    }
    const expected = valuesOf(compared);
    const outputs = await runner.run('step', feeds);
    await runner.pull();
    const wrong = mostDifferent(before, expected, valuesOf(compared));
    if (wrong <= MOST) return outputs;
    throw new Unavailable(
      `--device webgpu: it computes this model wrong: in the first step, gradients differ by ${Math.round(100 * wrong)} % from the CPU's`,
      "update the GPU's driver",
      'use --device cpu',
    );
  };
  return { run, pull: () => runner.pull(), dispose: () => runner.dispose() };
}

type Values = readonly Float32Array[];

const valuesOf = (variables: readonly NamedVariable[]): Values =>
  variables.map(({ variable }) => tf.tidy(() => variable.dataSync().slice() as Float32Array));

/** The largest relative difference of changes; infinite where something is not finite. */
export function mostDifferent(before: Values, expected: Values, got: Values): number {
  const distances = (a: Values, b: Values) => a.map((values, i) => distance(values, b[i] as Float32Array));
  const [changes, differences] = [distances(expected, before), distances(got, expected)];
  const floor = FLOOR * Math.max(...changes);
  const relative = differences.map(
    (difference, i) => difference / Math.max(changes[i] as number, floor, Number.MIN_VALUE),
  );
  return relative.every(Number.isFinite) ? Math.max(0, ...relative) : Number.POSITIVE_INFINITY;
}

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0));
