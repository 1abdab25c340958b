import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, model, sequential } from '@tensorflow/tfjs-layers';
import { binaryCrossEntropy, meanSquaredError } from './losses.ts';
import type { Autoencoder, ModelSize, PixelLoss } from './model.ts';
import { decoderTrunk, encoderTrunk } from './trunk.ts';

type Layers = ReturnType<typeof encoderTrunk>;

/**
 * An autoencoder of the shared trunk: what is between is given.
 * @param toCode from the waist `[N, 3, 3, 128]` to the code `[N, D]`
 * @param fromCode from the code to the waist
 */
export function deterministic(size: ModelSize, pixelLoss: PixelLoss, toCode: Layers, fromCode: Layers): Autoencoder {
  const { height, width, channels, latent } = size;
  const bce = pixelLoss === 'binary cross-entropy';
  const encoder = sequential({
    name: 'encoder',
    layers: [
      layers.inputLayer({ inputShape: [height, width, channels], name: 'image' }), // [N, 28, 28, 1]
      ...encoderTrunk(size), // [N, 3, 3, 128]
      ...toCode, // [N, 10]
    ],
  });
  const decoder = sequential({
    name: 'decoder',
    layers: [
      layers.inputLayer({ inputShape: [latent], name: 'latent' }), // [N, 10]
      ...fromCode, // [N, 3, 3, 128]
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
    decode: (code) => {
      const image = decoder.apply(code) as Tensor4D;
      return bce ? image : tf.clipByValue(image, 0, 1);
    },
  };
}
