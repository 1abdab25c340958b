import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model, sequential } from '@tensorflow/tfjs-layers';
import { chain, type Step } from './chain.ts';
import type { Layer } from './layers.ts';
import { compareImages, otherLoss, ownLoss } from './losses.ts';
import type { Autoencoder, LossChoice, ModelArchitecture, ModelSize, PixelLoss } from './model.ts';
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

interface Networks {
  readonly encoder: LayersModel;
  readonly decoder: LayersModel;
  /** The decoder's layers before the sigmoid. */
  readonly output: LayersModel;
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

function autoencoder(loss: LossChoice, { encoder, decoder, output }: Networks): Autoencoder {
  return {
    encoder,
    decoder,
    noiseShape: () => undefined,
    loss: ({ image }) => compareImages(loss, image, output.apply(encoder.apply(image) as Tensor2D) as Tensor4D),
    encode: ({ image }) => ({ latent: encoder.apply(image) as Tensor2D }),
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
