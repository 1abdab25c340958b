import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/** The sizes that a model is built for. `seed` decides its initial weights. */
export interface ModelSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Dimensions of the latent. */
  readonly latent: number;
  /** Number of classes; only conditional models use it. */
  readonly classes: number;
  readonly seed: number;
}

/** How a model is trained by default. */
export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  readonly latent: number;
  readonly optimizer: OptimizerRecipe;
  /** Learning-rate schedule; `constant` by default. */
  readonly schedule?: Schedule;
  /** Weight of the KL divergence in the loss (Higgins et al. 2017); only variational models have one. */
  readonly beta?: number;
  /** Epochs over which that weight grows from 0 (Sønderby et al. 2016); 0 by default. */
  readonly klWarmUp?: number;
}

/** `cosine` and `linear` end at 0 with the last epoch. */
export const schedules = ['constant', 'cosine', 'linear'] as const;
export type Schedule = (typeof schedules)[number];

export type OptimizerRecipe =
  | { readonly name: 'adam'; readonly learningRate: number; readonly epsilon: number }
  | { readonly name: 'momentum'; readonly learningRate: number; readonly momentum: number }
  | { readonly name: 'sgd'; readonly learningRate: number };

/** Adam, by default with PyTorch's hyperparameters. */
export const adam = ({ learningRate = 1e-3, epsilon = 1e-8 } = {}): OptimizerRecipe => ({
  name: 'adam',
  learningRate,
  epsilon,
});

/** The reconstruction error: a mean over all pixels. */
export type PixelLoss = 'binary cross-entropy' | 'mean squared error';

/** A batch as models see it. */
export interface ImageBatch {
  /** Pixels in [0, 1], `[N, H, W, C]`. */
  readonly image: Tensor4D;
  /** Class indices, int32 `[N]`; present where the model is conditional. */
  readonly label?: Tensor1D | undefined;
}

/** `loss`, which training minimises, and its terms. All are means per pixel. */
export type Losses = {
  readonly loss: Scalar;
  readonly reconstruction: Scalar;
  readonly kl?: Scalar;
};

/** A built model: two tfjs-layers models, and the pure functions of tensors that the stages trace. */
export interface Autoencoder {
  readonly encoder: LayersModel;
  readonly decoder: LayersModel;
  /**
   * Shape of the standard-normal noise that `loss` needs for a batch of `n`, or undefined if it needs none. Each dimension
   * is `n` itself or a constant, never computed from `n`: `[n, 2, latent]`, not `[2 * n, latent]`.
   */
  noiseShape(n: number): number[] | undefined;
  /** @param klWeight weight of the KL divergence in the loss; 1 by default */
  loss(batch: ImageBatch, noise: Tensor | undefined, klWeight?: Scalar): Losses;
  /** The latent of each image, `[N, D]` (a VAE's mean, and its log-variance). */
  encode(batch: ImageBatch): { latent: Tensor2D; logvar?: Tensor2D };
  /** Images in [0, 1], `[N, H, W, C]`, from latents `[N, D]` (and int32 labels `[N]` where the model is conditional). */
  decode(latent: Tensor2D, label?: Tensor1D | undefined): Tensor4D;
}

/** A model: an architecture with a name and a recipe. */
export interface ModelDefinition extends ModelArchitecture {
  readonly name: string;
  readonly summary: string;
  readonly recipe: Recipe;
}

/** The part of a definition that `deterministic` and `variational` make. */
export interface ModelArchitecture {
  readonly pixelLoss: PixelLoss;
  /** Whether encoder and decoder take a label. */
  readonly conditional: { readonly encoder: boolean; readonly decoder: boolean };
  /** @throws RangeError when the model cannot be built for that size; the message names sizes that fit */
  build(size: ModelSize): Autoencoder;
}
