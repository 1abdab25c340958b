import type { Scalar, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model, sequential } from '@tensorflow/tfjs-layers';
import { chain, type Step, type Symbolic } from './chain.ts';
import { clusterDivergence, StudentClusters } from './clusters.ts';
import type { Layer } from './layers.ts';
import { compareImages, otherLoss, ownLoss } from './losses.ts';
import type { Autoencoder, ImageBatch, LossChoice, ModelArchitecture, ModelSize, PixelLoss } from './model.ts';
import { decoderTrunk, encoderTrunk } from './trunk.ts';

/** The layers of a model between the two trunks; their shapes are for images of 28×28 and a latent of 10 dimensions. */
export interface Between {
  /** From the feature map `[N, 3, 3, 128]` to the latent `[N, 10]`. */
  readonly toLatent: readonly Layer[];
  /** From the latent to the feature map. */
  readonly fromLatent: readonly Layer[];
}

/** All of a model. */
export interface Ends {
  /** From the image `[N, H, W, C]` to the latent `[N, D]`. */
  readonly toLatent: readonly Step[];
  /** From the latent to the image, before any sigmoid. */
  readonly fromLatent: readonly Step[];
}

/**
 * An autoencoder without noise: the shared trunks, and the given layers between them.
 * @param pixelLoss also decides the output: a sigmoid for cross-entropy, else linear and clipped to [0, 1]
 */
export const deterministic = (pixelLoss: PixelLoss, between: (size: ModelSize) => Between): ModelArchitecture =>
  trainedOn(ownLoss(pixelLoss), (size, sigmoid) => joined(size, sigmoid, between(size)));

/** An autoencoder without noise and without the shared trunks. @param pixelLoss as `deterministic` takes it */
export const deterministicOf = (pixelLoss: PixelLoss, ends: (size: ModelSize) => Ends): ModelArchitecture =>
  trainedOn(ownLoss(pixelLoss), (size, sigmoid) => whole(size, sigmoid, ends(size)));

/** Clusters unless the size says how many. */
const CLUSTERS = 10;
/** Weight of the clusters' divergence in the loss: γ of DCEC (Guo et al. 2017, equation 7). */
const GAMMA = 0.1;

/**
 * `deterministic` with clusters in the latent space, which the training sharpens (DCEC, Guo et al. 2017): the encoder also
 * gives the probability of each cluster, and the loss is the reconstruction error plus 0.1 times the divergence of these
 * from their targets.
 */
export const clustering = (pixelLoss: PixelLoss, between: (size: ModelSize) => Between): ModelArchitecture =>
  trainedOn(ownLoss(pixelLoss), (size, sigmoid) => withClusters(joined(size, sigmoid, between(size)), size));

function withClusters({ encoder, ...networks }: Networks, { clusters = CLUSTERS, seed }: ModelSize): Networks {
  const latent = encoder.outputs[0] as Symbolic;
  const assigned = new StudentClusters({ name: 'clusters', clusters, seed }).apply(latent) as Symbolic;
  return {
    ...networks,
    clusters,
    encoder: model({ inputs: encoder.inputs, outputs: [latent, assigned], name: 'encoder' }),
  };
}

interface Networks {
  /** From the image to the latent and, where there are clusters, to their probabilities. */
  readonly encoder: LayersModel;
  readonly decoder: LayersModel;
  /** The decoder's layers before the sigmoid. */
  readonly output: LayersModel;
  readonly clusters?: number;
}
type Build = (size: ModelSize, sigmoid: readonly Layer[]) => Networks;

const trainedOn = (loss: LossChoice, build: Build): ModelArchitecture => ({
  pixelLoss: loss.pixelLoss,
  conditional: { encoder: false, decoder: false },
  build: (size) => autoencoder(loss, build(size, sigmoidOf(loss))),
  withLoss: (choice) => trainedOn(otherLoss(loss, choice), build),
});

/** The decoder's last layer, where it has one after its linear layers. Values are in [0, 1]. */
export const sigmoidOf = (loss: LossChoice): Layer[] =>
  loss.sigmoid ? [layers.activation({ name: 'sigmoid', activation: 'sigmoid' })] : [];

function autoencoder(loss: LossChoice, { encoder, decoder, output, clusters }: Networks): Autoencoder {
  const encode = ({ image }: ImageBatch) => {
    const [latent, cluster] = [encoder.apply(image) as Tensor2D | Tensor2D[]].flat();
    return { latent: latent as Tensor2D, ...(cluster && { cluster }) };
  };
  return {
    encoder,
    decoder,
    clusters,
    noiseShape: () => undefined,
    loss(batch) {
      const { latent, cluster } = encode(batch);
      const compared = compareImages(loss, batch.image, output.apply(latent) as Tensor4D);
      if (!cluster) return compared;
      if (!batch.target) throw new Error('a model with clusters needs targets');
      const divergence = clusterDivergence(batch.target, cluster);
      const total = tf.add(compared.loss, tf.mul(divergence, GAMMA)) as Scalar;
      return { ...compared, loss: total, clustering: divergence };
    },
    encode,
    decode: (z) => toPixels(loss, decoder.apply(z) as Tensor4D),
  };
}

/** The decoder's output as pixels in [0, 1]. */
export const toPixels = (loss: LossChoice, decoded: Tensor4D): Tensor4D =>
  loss.sigmoid ? decoded : tf.clipByValue(decoded, 0, 1);

function joined(size: ModelSize, sigmoid: readonly Layer[], { toLatent, fromLatent }: Between): Networks {
  const { height, width, channels, latent } = size;
  const encoder = sequential({
    name: 'encoder',
    layers: [
      layers.inputLayer({ inputShape: [height, width, channels], name: 'image' }), // [N, 28, 28, 1]
      ...encoderTrunk(size), // [N, 3, 3, 128]
      ...toLatent, // [N, 10]
    ],
  });
  const linear = [...fromLatent, ...decoderTrunk(size)];
  const decoder = sequential({
    name: 'decoder',
    layers: [
      layers.inputLayer({ inputShape: [latent], name: 'latent' }), // [N, 10]
      ...linear, // [N, 28, 28, 1]
      ...sigmoid,
    ],
  });
  const output = linear.at(-1)?.output ?? decoder.inputs;
  return { encoder, decoder, output: model({ inputs: decoder.inputs, outputs: output, name: 'output' }) };
}

function whole(size: ModelSize, sigmoid: readonly Layer[], { toLatent, fromLatent }: Ends): Networks {
  const image = input({ shape: [size.height, size.width, size.channels], name: 'image' });
  const latent = input({ shape: [size.latent], name: 'latent' });
  const linear = chain(latent, fromLatent);
  return {
    encoder: model({ inputs: image, outputs: chain(image, toLatent), name: 'encoder' }),
    decoder: model({ inputs: latent, outputs: chain(linear, sigmoid), name: 'decoder' }),
    output: model({ inputs: latent, outputs: linear, name: 'output' }),
  };
}
