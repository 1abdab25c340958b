import * as tf from '@tensorflow/tfjs-core';
import {
  type BatchedProgram,
  batchSizeOf,
  Compiled,
  compileGraphs,
  type Feeds,
  type RunOptions,
  type Target,
} from 'tfjs-to-onnx';
import type { ProgramRunner } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';
import { SharedMemory } from './shared-memory.ts';
import { openSlicedStep, type SlicedStep } from './sliced-step.ts';

/** A slice has at least a vector register of images: the gradient by a kernel has images for its channels. */
const SMALLEST = 16;
/** Fewer threads in each session are slower than one: `cae` on 16 took 22 ms in 8 sessions of two, 15 ms in 8 of one. */
const FEWEST_THREADS = 4;

/** Into how many slices a batch is divided, all of equal size; 1 where it stays whole. */
export function slicesOf(images: number, most: number): number {
  const fits = (count: number) => images % count === 0 && images / count >= SMALLEST;
  for (let count = most; count > 1; count--) if (fits(count)) return count;
  return 1;
}

interface SlicedOptions extends RunOptions {
  readonly target: Target;
  /** In all. */
  readonly threads: number;
  /** At most. */
  readonly slices: number;
}

/**
 * Runs training steps on slices of the batch side by side, each with a session of its own, which uses many cores better than the
 * operators of one session do; on fewer threads, each computes several slices. The gradients are averaged in a fixed order, and
 * each slice updates some of the weights: the same number of slices gives the same weights, bit by bit. All other programs run in one session.
 */
export async function compileSliced(
  program: TrainingProgram,
  { threads, slices: most, target, ...run }: SlicedOptions,
): Promise<ProgramRunner> {
  const memory = new SharedMemory();
  const allocate = (length: number) => new Float32Array(memory.allocate(4 * length));
  const gradients = tf.tidy(() =>
    Object.fromEntries(
      program.weights.map(({ name, variable }) => [`gradient/${name}`, tf.variable(tf.zerosLike(variable), false)]),
    ),
  );
  const options = { ...program, variables: { ...program.variables, ...gradients }, target };
  const graphs = compileGraphs({ ...slicedPrograms(program, gradients), ...program.programs }, options);
  const compiled = new Compiled(graphs, { ...options, ...run, allocate });
  await compiled.push();
  const teams = new Map<number, Promise<SlicedStep | undefined>>();
  const open = async (n: number, feeds: Feeds): Promise<SlicedStep | undefined> => {
    const slices = slicesOf(n, most);
    if (slices === 1) return undefined;
    const share = Math.floor(threads / slices);
    const session = { ...run.session, intraOpNumThreads: share < FEWEST_THREADS ? 1 : share };
    const step = await openSlicedStep({ graphs, compiled, memory, session, threads, n, slices }, feeds);
    let equal: boolean | undefined;
    try {
      equal = await step?.equalsWhole({ ...feeds, klWeight: 1 }); // of terms, too, whose weight still grows from 0
    } finally {
      if (!equal) await step?.stop();
    }
    return equal ? step : undefined;
  };
  return {
    async run(name, feeds) {
      if (name !== 'step') return compiled.run(name, feeds);
      const n = batchSizeOf(program.programs.step.inputs, feeds);
      const team = teams.get(n) ?? open(n, feeds);
      teams.set(n, team);
      return (await team)?.run(feeds) ?? compiled.run(name, feeds);
    },
    pull: () => compiled.pull(),
    async dispose() {
      for (const step of await Promise.allSettled(teams.values())) {
        if (step.status === 'fulfilled') await step.value?.stop();
      }
      await compiled.dispose();
      tf.dispose(gradients);
      memory.free();
    },
  };
}

/** A training step in two halves, with the gradients as variables between them. */
function slicedPrograms(program: TrainingProgram, gradients: Readonly<Record<string, tf.Variable>>) {
  const { inputs } = program.programs.step;
  const variableOf = (name: string) => gradients[`gradient/${name}`] as tf.Variable;
  return {
    // The first program decides how variables are held, by the convolutions in it. They are computed for nothing here and
    // left out of the graph.
    update: {
      inputs,
      compute(given) {
        program.gradientsOf(given);
        const all = program.weights.map(({ name, variable }) => [variable.name, variableOf(name)]);
        program.update(Object.fromEntries(all), given);
        return {};
      },
    },
    gradients: {
      inputs,
      compute(given) {
        const { losses, gradients } = program.gradientsOf(given);
        for (const { name, variable } of program.weights) {
          const gradient = gradients[variable.name];
          if (gradient) variableOf(name).assign(gradient);
        }
        return losses;
      },
    },
  } satisfies Record<string, BatchedProgram>;
}
