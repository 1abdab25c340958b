/** Which of ONNX Runtime's libraries computes. */
export type Provider = 'wasm' | 'webgpu';

/** The two graphs of a model, and what they take. */
export interface ModelFiles {
  readonly encoder: Uint8Array<ArrayBuffer>;
  readonly decoder: Uint8Array<ArrayBuffer>;
  readonly image: { readonly height: number; readonly width: number; readonly channels: number };
  /** D, the numbers of a code. */
  readonly latent: number;
  readonly conditional: { readonly encoder: boolean; readonly decoder: boolean };
}

/** Codes of images: the mean and, of a variational model, the log variance, each `[N, D]`. */
export interface Codes {
  readonly latent: Float32Array;
  readonly logvar?: Float32Array | undefined;
}

/** Which of a worker's models is meant. */
interface OfModel {
  readonly model: number;
}

/** What the worker can be asked for, and what it answers. */
export interface Calls {
  /** Fetches and starts the library. `threads` 0: as many as suit. */
  start: { ask: { provider: Provider; threads: number }; answer: { threads: number; adapter: string | null } };
  /** Loads a model beside those that are there, and tries it on a grey image. */
  load: { ask: OfModel & { files: ModelFiles }; answer: null };
  release: { ask: OfModel; answer: null };
  /** Pixels 0–255 `[N, H, W, C]`, labels `[N]` where the encoder takes them. */
  encode: { ask: OfModel & { count: number; images: Uint8Array; labels?: Int32Array | undefined }; answer: Codes };
  /** Codes `[N, D]` → images in [0, 1], `[N, H, W, C]`. */
  decode: {
    ask: OfModel & { count: number; latents: Float32Array; labels?: Int32Array | undefined };
    answer: Float32Array;
  };
}

/** Calls of a worker, by name. */
export type Protocol<C> = { [K in keyof C]: { ask: unknown; answer: unknown } };

export type Reply =
  /** `took`: the milliseconds that the worker has spent on it. */
  | { id: number; answer: unknown; took: number }
  /** `fatal` where the library itself has broken down, so that nothing more can be asked of this worker. */
  | { id: number; error: string; fatal: boolean }
  /** Bytes of the library that have come since the last message. */
  | { bytes: number };
