import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/** The sizes that a model is built for. `seed` decides its initial weights. */
export interface ModelSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Numbers in a latent code. */
  readonly latent: number;
  /** Number of classes; only conditional models use it. */
  readonly classes: number;
  readonly seed: number;
}

/** How a model is trained when nobody says otherwise. */
export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  readonly latent: number;
  readonly optimizer: OptimizerRecipe;
  /** How the learning rate goes on from its first value; constant where nothing is said. */
  readonly schedule?: Schedule;
  /** Weight of the KL divergence in the loss (Higgins et al. 2017); only models that have one name it. */
  readonly beta?: number;
  /** Epochs over which that weight grows from 0 (Sønderby et al. 2016); 0 where nothing is said. */
  readonly klWarmUp?: number;
}

/** `cosine` and `linear` end at 0 with the last epoch. */
export const schedules = ['constant', 'cosine', 'linear'] as const;
export type Schedule = (typeof schedules)[number];

export type OptimizerRecipe =
  | { readonly name: 'adam'; readonly learningRate: number; readonly epsilon: number }
  | { readonly name: 'momentum'; readonly learningRate: number; readonly momentum: number }
  | { readonly name: 'sgd'; readonly learningRate: number };

/** How a reconstruction is compared with its image, the mean over pixels. */
export type PixelLoss = 'binary cross-entropy' | 'mean squared error';

/** A batch as models see it. */
export interface ImageBatch {
  /** Pixels in [0, 1], `[N, H, W, C]`. */
  readonly image: Tensor4D;
  /** Class indices, int32 `[N]`; present where the model is conditional. */
  readonly label?: Tensor1D | undefined;
}

/** What training minimises, `loss`, and the terms that it is made of. All are means per pixel. */
export type Losses = {
  readonly loss: Scalar;
  readonly reconstruction: Scalar;
  readonly kl?: Scalar;
};

/** A model that is built: two tfjs-layers models, and the pure functions of tensors that the stages trace. */
export interface Autoencoder {
  readonly encoder: LayersModel;
  readonly decoder: LayersModel;
  /** Shape of the standard-normal noise that `loss` needs for a batch of `n`, or undefined if it needs none. */
  noiseShape(n: number): number[] | undefined;
  /** @param klWeight weight of the KL divergence in the loss; 1 where not given */
  loss(batch: ImageBatch, noise: Tensor | undefined, klWeight?: Scalar): Losses;
  /** The code of each image, `[N, D]` (a VAE's mean, and its log-variance). */
  encode(batch: ImageBatch): { latent: Tensor2D; logvar?: Tensor2D };
  /** Images in [0, 1], `[N, H, W, C]`, from codes `[N, D]` (and int32 labels `[N]` where the model is conditional). */
  decode(latent: Tensor2D, label?: Tensor1D | undefined): Tensor4D;
}

/** One row of the model list. */
export interface ModelDefinition {
  readonly name: string;
  readonly summary: string;
  readonly pixelLoss: PixelLoss;
  readonly recipe: Recipe;
  /** Whether encoding or decoding takes a label. */
  readonly conditional: { readonly encoder: boolean; readonly decoder: boolean };
  /** @throws RangeError when the model cannot be built for that size; the message names sizes that fit */
  build(size: ModelSize): Autoencoder;
}
