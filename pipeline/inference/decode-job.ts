import type { InferenceSession } from 'onnxruntime-common';

/** What a decoding thread is given when it starts. */
export interface DecoderSetup {
  /** Path of the model. */
  readonly decoder: string;
  readonly session: InferenceSession.SessionOptions;
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number];
  readonly latentSize: number;
}

/** A batch on its way through a thread, in arrays that travel there and back. They may be longer than `count` needs. */
export interface DecodeJob {
  readonly count: number;
  /** `[count, D]` */
  readonly latents: Float32Array<ArrayBuffer>;
  /** `[count]`; present where the decoder is conditional. */
  readonly labels: Int32Array<ArrayBuffer> | undefined;
  /** Filled: `[count, H, W, C]`. */
  readonly images: Float32Array<ArrayBuffer>;
}
