import type { InferenceSession } from 'onnxruntime-common';
import type { Card } from '../artifacts/card.ts';

/** What an encoding thread is given when it starts. */
export interface EncoderSetup {
  /** Paths of the two models; the decoder's only where errors are wanted. */
  readonly encoder: string;
  readonly decoder: string | undefined;
  readonly session: InferenceSession.SessionOptions;
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number];
  readonly latentSize: number;
  readonly conditional: Card['conditional'];
  readonly error: Card['model']['error'];
}

/** A batch on its way through a thread, in arrays that travel there and back. They may be longer than `count` needs. */
export interface EncodeJob {
  readonly count: number;
  /** Whether `latents` are given, to be decoded, rather than to be filled. */
  readonly given: boolean;
  /** Pixels 0–255, `[count, H, W, C]`. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** `[count]`; present where the model is conditional. */
  readonly labels: Int32Array<ArrayBuffer> | undefined;
  /** Filled, or given: `[count, D]`. */
  readonly latents: Float32Array<ArrayBuffer>;
  /** Filled where present: log variances of the codes of a variational model, `[count, D]`. */
  readonly logvars: Float32Array<ArrayBuffer> | undefined;
  /** Filled where present: the reconstruction error of each image, `[count]`. */
  readonly errors: Float32Array<ArrayBuffer> | undefined;
}
