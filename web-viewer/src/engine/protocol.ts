import type { TrainStep } from '../site/schema.ts';

/** The execution provider. */
export type Provider = 'wasm' | 'webgpu';

/** The two graphs of a model and their inputs. */
export interface ModelFiles {
  readonly encoder: Uint8Array<ArrayBuffer>;
  readonly decoder: Uint8Array<ArrayBuffer>;
  readonly image: { readonly height: number; readonly width: number; readonly channels: number };
  /** D, the latent size. */
  readonly latent: number;
  readonly conditional: { readonly encoder: boolean; readonly decoder: boolean };
}

/** The two files whose weights are trained. */
export type WeightFiles = Pick<ModelFiles, 'encoder' | 'decoder'>;

/** Latents of images: the mean and, for a variational model, the log variance, each `[N, D]`. */
export interface Latents {
  readonly latent: Float32Array;
  readonly logvar?: Float32Array | undefined;
}

/** The key of one of a worker's models. */
interface OfModel {
  readonly model: number;
}

/** The worker's calls and their answers. */
export interface Calls {
  /** Fetches and starts the library. `threads` 0 means the default. */
  start: {
    ask: { provider: Provider; threads: number };
    /** `fetched`: URLs of the worker's own files. */
    answer: { threads: number; adapter: string | null; fetched: readonly string[] };
  };
  /** Loads another model and tries it on a gray image. */
  load: { ask: OfModel & { files: ModelFiles }; answer: null };
  release: { ask: OfModel; answer: null };
  /** Pixels 0–255 `[N, H, W, C]`, labels `[N]` where the encoder takes them. */
  encode: { ask: OfModel & { count: number; images: Uint8Array; labels?: Int32Array | undefined }; answer: Latents };
  /** Latents `[N, D]` → images in [0, 1], `[N, H, W, C]`. */
  decode: {
    ask: OfModel & { count: number; latents: Float32Array; labels?: Int32Array | undefined };
    answer: Float32Array;
  };
}

/** Calls of a worker, by name. */
export type Protocol<C> = { [K in keyof C]: { ask: unknown; answer: unknown } };

export type Reply =
  /** `took`: milliseconds of work in the worker. */
  | { id: number; answer: unknown; took: number }
  /** `fatal` where the library itself has crashed, so that this worker is unusable. */
  | { id: number; error: string; fatal: boolean }
  /** Bytes of the library received since the last message. */
  | { bytes: number };

/** The inputs of one step: `batchSize` images, and labels and noise for models that need them. */
export interface Batch {
  /** Pixels 0–255 `[B, H, W, C]`. */
  readonly image: Uint8Array;
  /** Class indices `[B]`. */
  readonly label?: Int32Array | undefined;
  /** Standard normal `[B, D]`. */
  readonly noise?: Float32Array | undefined;
  /** The learning rate as a share of the recipe's. */
  readonly rate: number;
  /** The weight of the KL divergence. */
  readonly klWeight?: number | undefined;
}

/** The calls of the training worker, and their answers. */
export interface TrainerCalls {
  start: Calls['start'];
  /** Loads the graph of a training step; its initial state has the weights of these files. */
  load: { ask: { graph: Uint8Array; step: TrainStep; files: WeightFiles }; answer: null };
  /** Trains on a batch. Answers its losses, in the order of the card's `losses`. */
  train: { ask: Batch; answer: Float64Array };
  /** The files with the current weights. */
  files: { ask: null; answer: WeightFiles };
  /** Restores the initial state. */
  reset: { ask: null; answer: null };
}
