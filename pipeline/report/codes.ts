import type { ImageDataset } from '../data/dataset.ts';
import type { Encoder } from '../inference/encoder.ts';
import type { Tick } from '../io/stages.ts';

/** The codes of a data set. */
export interface CodedSet {
  readonly dataset: ImageDataset;
  /** `[n, size]` */
  readonly latents: Float32Array;
  /** Log variances, `[n, size]`, where the model is variational. */
  readonly logvars: Float32Array | undefined;
  /** Reconstruction error per pixel, mean over the images; NaN where it was not asked for. */
  readonly error: number;
}

/** Encodes a whole data set, and measures its reconstructions where asked to. */
export async function encodeSet(
  encoder: Encoder,
  dataset: ImageDataset,
  { size, errors, signal, tick }: { size: number; errors: boolean; signal: AbortSignal | undefined; tick: Tick },
): Promise<CodedSet> {
  const latents = new Float32Array(dataset.length * size);
  const logvars = encoder.variational ? new Float32Array(dataset.length * size) : undefined;
  let sum = 0;
  for await (const codes of encoder.codes(dataset, { errors, signal })) {
    latents.set(codes.latents, codes.start * size);
    if (codes.logvars) logvars?.set(codes.logvars, codes.start * size);
    for (const error of codes.errors ?? []) sum += error;
    tick((codes.start + codes.count) / dataset.length);
  }
  return { dataset, latents, logvars, error: errors ? sum / dataset.length : Number.NaN };
}
