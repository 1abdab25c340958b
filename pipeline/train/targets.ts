import * as tf from '@tensorflow/tfjs-core';
import type { CentresMethod } from '../../models/kit/model.ts';
import { type Checkpoint, restore } from '../artifacts/checkpoint.ts';
import { readBatches } from '../data/batches.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { largestOf } from '../data/rows.ts';
import { InputError } from '../io/errors.ts';
import type { Tick } from '../io/stages.ts';
import type { Engine } from './engine.ts';
import type { NamedVariable, TrainingProgram } from './program.ts';

/** Steps after which the targets are computed again, as by DCEC's own program. */
export const REFRESH_STEPS = 140;
/** Training ends when a smaller share of the images than this has changed its cluster between two targets. */
export const SETTLED = 0.001;

/** Finds the centres of `clusters` clusters, `[clusters, size]`, in latents `[n, size]`. */
export type FindCentres = (
  latents: Float32Array,
  size: number,
  options: { readonly method: CentresMethod; readonly clusters: number; readonly seed: number; readonly tick: Tick },
) => Promise<ArrayLike<number>>;

/** What the clusters of a model learn from: targets made of its own assignments of all training images. */
export class Targets {
  /** The assignments that the targets are made of, `[images, clusters]`; zeros at first. Checkpoints hold it. */
  readonly state: NamedVariable;
  readonly #clusters: number;
  #assigned: Float32Array;
  #sums: Float64Array;

  constructor(images: number, clusters: number) {
    this.#clusters = clusters;
    this.#assigned = new Float32Array(images * clusters);
    this.#sums = new Float64Array(clusters);
    const variable = tf.tidy(() => tf.variable(tf.zeros([images, clusters]), false));
    this.state = { name: 'targets/assigned', variable };
  }

  /** Takes the assignments of a checkpoint. @param folder its name in messages @throws InputError where it has none that fit */
  async restore(checkpoint: Checkpoint, folder: string): Promise<void> {
    restore([this.state], checkpoint, folder);
    this.#take((await this.state.variable.data()) as Float32Array);
  }

  /**
   * Computes the targets again.
   * @param assigned `[images, clusters]`
   * @returns the share of the images that have changed their most probable cluster
   */
  refresh(assigned: Float32Array): number {
    const [before, after] = [this.#assigned, assigned].map((rows) => largestOf(rows, this.#clusters));
    const changed = after?.reduce((sum, cluster, i) => sum + Number(cluster !== before?.[i]), 0) ?? 0;
    this.#take(assigned);
    tf.tidy(() => this.state.variable.assign(tf.tensor(assigned.slice(), this.state.variable.shape, 'float32')));
    return (changed * this.#clusters) / assigned.length;
  }

  #take(assigned: Float32Array): void {
    this.#assigned = assigned;
    this.#sums = new Float64Array(this.#clusters);
    assigned.forEach((share, at) => {
      const cluster = at % this.#clusters;
      this.#sums[cluster] = (this.#sums[cluster] as number) + share;
    });
  }

  /** The targets of some training images, `[indices, clusters]`. */
  at(indices: Uint32Array): Float32Array {
    const k = this.#clusters;
    const rows = new Float32Array(indices.length * k);
    indices.forEach((image, i) => {
      rows.set(this.#assigned.subarray(image * k, (image + 1) * k), i * k);
    });
    return this.of(rows);
  }

  /**
   * The targets that follow from assignments: q² divided by the cluster's sum over the training images, then by the sum over
   * the clusters (Xie, Girshick & Farhadi 2016, equation 3).
   */
  of(assigned: Float32Array): Float32Array {
    const k = this.#clusters;
    const targets = new Float32Array(assigned.length);
    for (let row = 0; row < assigned.length; row += k) {
      let sum = 0;
      const weight = (cluster: number) => (assigned[row + cluster] as number) ** 2 / (this.#sums[cluster] as number);
      for (let cluster = 0; cluster < k; cluster++) sum += weight(cluster);
      for (let cluster = 0; cluster < k; cluster++) targets[row + cluster] = weight(cluster) / sum;
    }
    return targets;
  }

  dispose(): void {
    this.state.variable.dispose();
  }
}

/** Batches of training that are encoded at a time: without gradients they take less memory, and a GPU is busier. */
const BATCHES = 4;

/**
 * All images through `encode`, as they are.
 * @param beforeBatch awaited before each batch, with the share of the images that are done; its errors end the work
 */
export async function encodeImages(
  images: ImageDataset,
  {
    batchSize,
    width,
    beforeBatch,
  }: { batchSize: number; width: number; beforeBatch: (share: number) => Promise<void> },
  encode: Engine['encode'],
): Promise<Float32Array> {
  const rows = new Float32Array(images.length * width);
  for await (const batch of readBatches(images, BATCHES * batchSize)) {
    await beforeBatch(batch.start / images.length);
    rows.set(await encode(batch), batch.start * width);
  }
  return rows;
}

/**
 * Gives a new model's clusters their first centres.
 * @param latents of all training images, `[n, D]`
 * @param find finds centres in them
 * @throws InputError where latents are not finite; what `find` throws
 */
export async function startClusters(
  { weights, autoencoder }: TrainingProgram,
  latents: Float32Array,
  find: (clusters: number) => ReturnType<FindCentres>,
): Promise<void> {
  const centres = weights.find(({ name }) => name === 'encoder/clusters/centres')?.variable;
  if (!centres || !autoencoder.clusters) throw new Error('the model has no clusters');
  if (!latents.every(Number.isFinite)) {
    throw new InputError('--init: its latents are not all finite, so its training diverged; train it again');
  }
  const found = await find(autoencoder.clusters);
  tf.tidy(() => centres.assign(tf.tensor(Float32Array.from(found), centres.shape, 'float32')));
}
