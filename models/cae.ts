import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, model as layersModel, sequential } from '@tensorflow/tfjs-layers';
import { dense } from './layers.ts';
import { binaryCrossEntropy } from './losses.ts';
import type { ModelDefinition } from './model.ts';
import { decoderTrunk, encoderTrunk, waist } from './trunk.ts';

/** The convolutional autoencoder with a dense code: DCEC's ConvAE, trained on binary cross-entropy. */
export const cae: ModelDefinition = {
  name: 'cae',
  summary: 'convolutional autoencoder with a dense code, trained on binary cross-entropy',
  recipe: { epochs: 10, batchSize: 128, latent: 10, optimizer: { name: 'adam', learningRate: 1e-3, epsilon: 1e-8 } },
  conditional: { encoder: false, decoder: false },
  build(size) {
    const { height, width, channels, latent, seed } = size;
    const top = waist(size);
    const features = top.height * top.width * top.channels;
    const encoder = sequential({
      name: 'encoder',
      layers: [
        layers.inputLayer({ inputShape: [height, width, channels], name: 'image' }), // [N, 28, 28, 1]
        ...encoderTrunk(size), // [N, 3, 3, 128]
        layers.flatten({ name: 'flatten' }), // [N, 1152]
        dense({ name: 'embedding', inputs: features, units: latent, seed }), // [N, 10]
      ],
    });
    const decoder = sequential({
      name: 'decoder',
      layers: [
        layers.inputLayer({ inputShape: [latent], name: 'latent' }), // [N, 10]
        dense({ name: 'expand', inputs: latent, units: features, seed }), // [N, 1152]
        layers.reshape({ name: 'reshape', targetShape: [top.height, top.width, top.channels] }), // [N, 3, 3, 128]
        ...decoderTrunk(size), // [N, 28, 28, 1]
        layers.activation({ name: 'sigmoid', activation: 'sigmoid' }), // [N, 28, 28, 1] in [0, 1]
      ],
    });
    const logits = layersModel({ inputs: decoder.inputs, outputs: decoder.getLayer('deconv1').output, name: 'logits' });
    const encode = (image: Tensor4D) => encoder.apply(image) as Tensor2D;
    return {
      encoder,
      decoder,
      noiseShape: () => undefined,
      loss({ image }) {
        const loss = binaryCrossEntropy(image, logits.apply(encode(image)) as Tensor4D);
        return { loss, reconstruction: tf.clone(loss) };
      },
      encode: ({ image }) => ({ latent: encode(image) }),
      decode: (latent) => decoder.apply(latent) as Tensor4D,
    };
  },
};
