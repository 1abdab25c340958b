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
  /** Filters of the first convolution, a multiple of 8; each halving doubles them, up to four times as many. 32 by default. */
  readonly filters?: number | undefined;
  /** How many times the encoder halves height and width; 3 by default. */
  readonly halvings?: number | undefined;
  /** Clusters of a model that has them; 10 by default. */
  readonly clusters?: number | undefined;
}

/** How a model is trained by default. */
export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  readonly latent: number;
  /** Whether the latent has that size for a purpose, whatever the images: two dimensions can be plotted. */
  readonly fixedLatent?: boolean;
  /** As in `ModelSize`. */
  readonly filters?: number | undefined;
  readonly halvings?: number | undefined;
  /** Number of clusters; only models that assign images to clusters have it. */
  readonly clusters?: number | undefined;
  /** Where their centres start; `kmeans` by default. */
  readonly centres?: CentresMethod | undefined;
  readonly optimizer: OptimizerRecipe;
  /** The reconstruction error, where it is not the model's own. */
  readonly pixelLoss?: PixelLossName | undefined;
  /** Weight of 1 − SSIM in the loss (Wang et al. 2004); 0 by default. */
  readonly ssim?: number | undefined;
  /** Weight of the squared error of colour alone in the loss; 0 by default. */
  readonly colour?: number | undefined;
  /** Random changes of the training images, as `--augment` takes them; none by default. */
  readonly augment?: string | undefined;
  /** Learning-rate schedule; `constant` by default. */
  readonly schedule?: Schedule;
  /** Weight of the KL divergence in the loss (Higgins et al. 2017); only variational models have one. */
  readonly beta?: number;
  /** Epochs over which that weight grows from 0 (Sønderby et al. 2016); 0 by default. */
  readonly klWarmUp?: number;
}

/**
 * Ways to find the first centres of clusters in the latents: k-means, or the means of the clusters that a Gaussian mixture finds
 * in their map by UMAP.
 */
export const centresMethods = ['umap-gmm', 'kmeans'] as const;
export type CentresMethod = (typeof centresMethods)[number];

/** `cosine` and `linear` end at 0 with the last epoch; `plateau` halves while the validation loss stays above its lowest. */
export const schedules = ['constant', 'cosine', 'linear', 'plateau'] as const;
export type Schedule = (typeof schedules)[number];

/** Settings of any optimizer. */
interface AnyOptimizer {
  readonly learningRate: number;
  /** Share of the learning rate by which kernels shrink at each step (Loshchilov & Hutter 2019); biases and scales do not. */
  readonly weightDecay?: number | undefined;
  /** Gradients are scaled down so that their common norm is at most this. */
  readonly clipNorm?: number | undefined;
}

export type OptimizerRecipe = AnyOptimizer &
  (
    | { readonly name: 'adam'; readonly epsilon: number }
    | { readonly name: 'adamw'; readonly epsilon: number; readonly weightDecay: number }
    | { readonly name: 'momentum'; readonly momentum: number }
    | { readonly name: 'sgd' }
    | { readonly name: 'rmsprop'; readonly decay: number; readonly epsilon: number }
  );

/** Adam, by default with PyTorch's hyperparameters. */
export const adam = ({ learningRate = 1e-3, epsilon = 1e-8 } = {}): OptimizerRecipe => ({
  name: 'adam',
  learningRate,
  epsilon,
});

/** The reconstruction errors, each a mean over all pixels, by the names that recipes and options have for them. */
export const pixelLosses = {
  bce: 'binary cross-entropy',
  mse: 'mean squared error',
  l1: 'mean absolute error',
} as const;
export type PixelLossName = keyof typeof pixelLosses;
export type PixelLoss = (typeof pixelLosses)[PixelLossName];

/** What a model is trained on besides a KL divergence. */
export interface LossChoice {
  readonly pixelLoss: PixelLoss;
  /** Whether the decoder ends in a sigmoid; else its output is linear, and clipped to [0, 1]. */
  readonly sigmoid: boolean;
  /** Weights of 1 − SSIM and of the squared error of colour alone in the loss; 0 by default. */
  readonly ssim?: number | undefined;
  readonly colour?: number | undefined;
}

/** A batch as models see it. */
export interface ImageBatch {
  /** Pixels in [0, 1], `[N, H, W, C]`. */
  readonly image: Tensor4D;
  /** Class indices, int32 `[N]`; present where the model is conditional. */
  readonly label?: Tensor1D | undefined;
  /** The probability of each cluster that the image is to have, `[N, K]`; present in losses of a model with clusters. */
  readonly target?: Tensor2D | undefined;
}

/** `loss`, which training minimises, and its terms. All but `ssim` and `clustering` are means per pixel. */
export type Losses = {
  readonly loss: Scalar;
  readonly reconstruction: Scalar;
  readonly kl?: Scalar;
  /** Structural similarity of image and reconstruction, 1 where they are equal; present where the loss has that term. */
  readonly ssim?: Scalar;
  /** Squared error of colour alone; present where the loss has that term. */
  readonly colour?: Scalar;
  /** KL divergence of the clusters' probabilities from their targets in nats, a mean per image. */
  readonly clustering?: Scalar;
};

/** A built model: two tfjs-layers models, and the pure functions of tensors that the stages trace. */
export interface Autoencoder {
  readonly encoder: LayersModel;
  readonly decoder: LayersModel;
  /** Number of clusters, K, where it assigns images to clusters. */
  readonly clusters?: number | undefined;
  /**
   * Shape of the standard-normal noise that `loss` needs for a batch of `n`, or undefined if it needs none. Each dimension
   * is `n` itself or a constant, never computed from `n`: `[n, 2, latent]`, not `[2 * n, latent]`.
   */
  noiseShape(n: number): number[] | undefined;
  /** @param klWeight weight of the KL divergence in the loss; 1 by default */
  loss(batch: ImageBatch, noise: Tensor | undefined, klWeight?: Scalar): Losses;
  /** The latent of each image, `[N, D]` (a VAE's mean, and its log-variance), and the probability of each cluster, `[N, K]`. */
  encode(batch: ImageBatch): { latent: Tensor2D; logvar?: Tensor2D; cluster?: Tensor2D };
  /** Images in [0, 1], `[N, H, W, C]`, from latents `[N, D]` (and int32 labels `[N]` where the model is conditional). */
  decode(latent: Tensor2D, label?: Tensor1D | undefined): Tensor4D;
}

/** A model: an architecture with a name and a recipe. */
export interface ModelDefinition extends ModelArchitecture {
  readonly name: string;
  readonly summary: string;
  readonly recipe: Recipe;
  /** The model of the same autoencoder whose weights it has to start from (`--init`). */
  readonly startsFrom?: string;
}

/** The part of a definition that `deterministic` and `variational` make. */
export interface ModelArchitecture {
  readonly pixelLoss: PixelLoss;
  /** Whether encoder and decoder take a label. */
  readonly conditional: { readonly encoder: boolean; readonly decoder: boolean };
  /** @throws RangeError when the model cannot be built for that size; the message names sizes that fit */
  build(size: ModelSize): Autoencoder;
  /** The same model trained on another loss; absent where its loss is its own. */
  withLoss?(loss: Partial<Omit<LossChoice, 'sigmoid'>>): ModelArchitecture;
}

/**
 * The model trained on the loss of a recipe.
 * @throws RangeError where the recipe has another loss, and the model only its own
 */
export function withLossOf(
  model: ModelDefinition,
  { pixelLoss, ssim, colour }: Pick<Recipe, 'pixelLoss' | 'ssim' | 'colour'>,
): ModelDefinition {
  if (!pixelLoss && !ssim && !colour) return model;
  if (!model.withLoss) throw new RangeError(`${model.name} has a loss of its own: it can be given no other`);
  return { ...model, ...model.withLoss({ ...(pixelLoss && { pixelLoss: pixelLosses[pixelLoss] }), ssim, colour }) };
}
