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
  /** The number of clusters that the encoder assigns images to; 0 where it does not. */
  readonly clusters: number;
}

/** The two files whose weights are trained. */
export type WeightFiles = Pick<ModelFiles, 'encoder' | 'decoder'>;

/** Latents of images: the mean and, of a variational model, the log variance, each `[N, D]`; the probability of each cluster `[N, K]`. */
export interface Latents {
  readonly latent: Float32Array;
  readonly logvar?: Float32Array | undefined;
  readonly cluster?: Float32Array | undefined;
}

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
