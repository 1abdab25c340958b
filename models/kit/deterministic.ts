import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, model, sequential } from '@tensorflow/tfjs-layers';
import type { Layer } from './layers.ts';
import { binaryCrossEntropy, meanSquaredError } from './losses.ts';
import type { Autoencoder, ModelArchitecture, ModelSize, PixelLoss } from './model.ts';
import { decoderTrunk, encoderTrunk } from './trunk.ts';

/** The layers of a model between the two trunks; their shapes are for images of 28×28 and a latent of 10 dimensions. */
export interface Between {
  /** From the feature map `[N, 3, 3, 128]` to the latent `[N, 10]`. */
  readonly toLatent: readonly Layer[];
  /** From the latent to the feature map. */
  readonly fromLatent: readonly Layer[];
}

/**
 * An autoencoder without noise: the shared trunks, and the given layers between them.
 * @param pixelLoss also decides the output: a sigmoid for cross-entropy, else linear and clipped to [0, 1]
 */
export const deterministic = (pixelLoss: PixelLoss, between: (size: ModelSize) => Between): ModelArchitecture => ({
  pixelLoss,
  conditional: { encoder: false, decoder: false },
  build: (size) => build(size, pixelLoss, between(size)),
});

function build(size: ModelSize, pixelLoss: PixelLoss, { toLatent, fromLatent }: Between): Autoencoder {
  const { height, width, channels, latent } = size;
  const bce = pixelLoss === 'binary cross-entropy';
  const encoder = sequential({
    name: 'encoder',
    layers: [
      layers.inputLayer({ inputShape: [height, width, channels], name: 'image' }), // [N, 28, 28, 1]
      ...encoderTrunk(size), // [N, 3, 3, 128]
      ...toLatent, // [N, 10]
    ],
  });
  const decoder = sequential({
    name: 'decoder',
    layers: [
      layers.inputLayer({ inputShape: [latent], name: 'latent' }), // [N, 10]
      ...fromLatent, // [N, 3, 3, 128]
      ...decoderTrunk(size), // [N, 28, 28, 1]
      ...(bce ? [layers.activation({ name: 'sigmoid', activation: 'sigmoid' })] : []), // in [0, 1]
    ],
  });
  const output = model({ inputs: decoder.inputs, outputs: decoder.getLayer('deconv1').output, name: 'output' });
  const compare = bce ? binaryCrossEntropy : meanSquaredError;
  return {
    encoder,
    decoder,
    noiseShape: () => undefined,
    loss({ image }) {
      const loss = compare(image, output.apply(encoder.apply(image) as Tensor2D) as Tensor4D);
      return { loss, reconstruction: tf.clone(loss) };
    },
    encode: ({ image }) => ({ latent: encoder.apply(image) as Tensor2D }),
    decode(z) {
      const image = decoder.apply(z) as Tensor4D;
      return bce ? image : tf.clipByValue(image, 0, 1);
    },
  };
}
