import type { ImageShape } from '../data/dataset.ts';
import type { Control } from './program.ts';

/** A batch in host memory. */
export interface HostBatch {
  /** Number of images, N. */
  readonly count: number;
  /** Pixels 0–255, `[N, H, W, C]`. */
  readonly images: Uint8Array;
  /** Class indices `[N]`; present where the model is conditional. */
  readonly labels?: Int32Array | undefined;
  /** Standard-normal noise in the model's `noiseShape(N)`; present where it needs noise. */
  readonly noise?: Float32Array | undefined;
  /** Values of the program's controls. */
  readonly controls?: { readonly [name in Control]?: number } | undefined;
}

/** Codes in host memory. */
export interface HostCodes {
  readonly count: number;
  /** `[N, D]` */
  readonly latents: Float32Array;
  /** Class indices `[N]`; present where the model is conditional. */
  readonly labels?: Int32Array | undefined;
}

/** Means per pixel over a batch: `loss`, `reconstruction` and, for VAEs, `kl`. */
export type Metrics = Readonly<Record<string, number>>;

/**
 * What runs a training program. The program's tfjs variables are where weights enter (when the engine is created) and
 * leave (`pull`); between steps an engine keeps them wherever it likes.
 */
export interface Engine {
  readonly name: string;
  /** One line for people: library, version, device, threads. */
  readonly description: string;
  readonly imageShape: ImageShape;
  /** Trains on one batch. */
  step(batch: HostBatch): Promise<Metrics>;
  /** The losses on a batch, changing nothing. */
  evaluate(batch: HostBatch): Promise<Metrics>;
  /** Reconstructions at the mean of the code, in [0, 1], `[N, H, W, C]`. */
  reconstruct(batch: HostBatch): Promise<Float32Array>;
  /** The code of each image (a VAE's mean), `[N, D]`. */
  encode(batch: HostBatch): Promise<Float32Array>;
  /** Images in [0, 1], `[N, H, W, C]`, from codes. */
  decode(codes: HostCodes): Promise<Float32Array>;
  /** Brings the program's variables (weights and optimizer state) up to date. */
  pull(): Promise<void>;
  /** Takes the program's variables as they are now: after a checkpoint was loaded into them. */
  push(): Promise<void>;
  dispose(): Promise<void>;
}
