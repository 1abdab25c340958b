import { resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Checkpoint } from '../artifacts/checkpoint.ts';
import type { RunPlan } from '../artifacts/run.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { InputError } from '../io/errors.ts';
import { findCheckpoint } from './load-run.ts';
import type { TrainOptions } from './options.ts';
import type { TrainingProgram } from './program.ts';

/** A checkpoint to take first weights from, and what a plan says of it. */
export interface Initial {
  readonly checkpoint: Checkpoint;
  readonly init: NonNullable<RunPlan['init']>;
}

/**
 * Reads the checkpoint that `--init` names.
 * @param previous the plan of the run that is resumed: it has its weights
 * @returns undefined where the run has weights, or none are to be taken
 * @throws InputError when there is no checkpoint, or the run that is resumed took its weights elsewhere
 */
export async function readInitial(path: string | undefined, previous?: RunPlan): Promise<Initial | undefined> {
  if (path === undefined) return undefined;
  const from = resolve(path);
  if (!previous) {
    const { checkpoint } = await findCheckpoint(path);
    return { checkpoint, init: { from, step: checkpoint.state.position.step, sha256: checkpoint.sha256 } };
  }
  if (previous.init?.from === from) return undefined;
  const found = previous.init ? `took its first weights from ${previous.init.from}` : 'began without --init';
  throw new InputError(`--init ${path}: the run that is resumed ${found}; leave --init out, or choose another --run`);
}

/**
 * Assigns the checkpoint's weights to those of a new program that have equal names and shapes; the others keep their initial
 * values, and the state of the optimizer is reset.
 * @returns how many weights there are, and how many of them were taken
 * @throws InputError when none is equal, or the model goes on from another and has not taken all of that one's weights
 */
export function takeWeights({ model: { startsFrom }, weights }: TrainingProgram, { checkpoint, init }: Initial) {
  let taken = 0;
  for (const { name, variable } of weights) {
    const stored = checkpoint.tensors.get(name);
    if (!stored || `${stored.shape}` !== `${variable.shape}`) continue;
    tf.tidy(() => variable.assign(tf.tensor(stored.values, variable.shape, 'float32')));
    taken++;
  }
  const all = weights.length;
  const own = 1; // the clusters' centres
  if (startsFrom !== undefined && taken < all - own) {
    throw new InputError(
      `--init ${init.from}: only ${taken} of its weights fit; leave out the options that change the layers, such as --latent and --width, and give images of the same size`,
    );
  }
  if (taken > 0) return { taken, all };
  const { model } = checkpoint.state.plan;
  throw new InputError(
    `--init ${init.from}: it is a run of ${model}, and no weight has the same name and shape here; give a run of the same model`,
  );
}

/**
 * The options of a model that goes on from another: what decides its layers and its loss is that of the run it starts from,
 * unless it is given.
 * @throws InputError when it starts from no run, or one of another model
 */
export function continued(
  options: TrainOptions,
  initial: Initial | undefined,
  previous: RunPlan | undefined,
): TrainOptions {
  const { name, startsFrom } = options.model;
  if (startsFrom === undefined || previous) return options;
  if (!initial) {
    throw new InputError(
      `${name} goes on from a trained ${startsFrom}: train one with \`convae train ${startsFrom}\` and give its run with --init`,
    );
  }
  const { model, size, recipe } = initial.checkpoint.state.plan;
  if (model !== startsFrom && model !== name) {
    throw new InputError(
      `--init ${initial.init.from}: it is a run of ${model}, and ${name} goes on from ${startsFrom}`,
    );
  }
  const { latent, filters, halvings, clusters } = size;
  const { pixelLoss, ssim, colour } = recipe;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { latent, filters, halvings, clusters, pixelLoss, ssim, colour, ...Object.fromEntries(given) } as TrainOptions;
}

/** Images of which the mean colour is computed at most, evenly spaced. */
const SAMPLE = 1000;

/** Mean of each channel over a data set's pixels, in [0, 1]. @throws InputError, EnvironmentError when images cannot be read */
export async function meanColour(dataset: ImageDataset): Promise<number[]> {
  const { length, shape } = dataset;
  const { channels } = shape;
  const bytes = bytesPerImage(shape);
  const count = Math.min(SAMPLE, length);
  const pixels = new Uint8Array(bytes);
  const sums = new Float64Array(channels);
  for (let i = 0; i < count; i++) {
    await dataset.read([Math.floor((i * length) / count)], pixels);
    for (let at = 0; at < bytes; at++) (sums[at % channels] as number) += pixels[at] as number;
  }
  return Array.from(sums, (sum) => (sum * channels) / (255 * count * bytes));
}
