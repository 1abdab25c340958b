import { layers } from '@tensorflow/tfjs-layers';
import { deterministic } from './deterministic.ts';
import { dense } from './layers.ts';
import type { ModelDefinition } from './model.ts';
import { waist } from './trunk.ts';

/** The ConvAE of DCEC (Guo et al. 2017): squared error, a linear output, ReLU after the dense layer of the decoder. */
export const convAe: ModelDefinition = {
  name: 'conv-ae',
  summary: "DCEC's convolutional autoencoder, trained on squared error",
  pixelLoss: 'mean squared error',
  // Keras' default epsilon, as in DCEC's own program.
  recipe: { epochs: 200, batchSize: 256, latent: 10, optimizer: { name: 'adam', learningRate: 1e-3, epsilon: 1e-7 } },
  conditional: { encoder: false, decoder: false },
  build(size) {
    const { latent, seed } = size;
    const { height, width, channels } = waist(size);
    const features = height * width * channels;
    return deterministic(
      size,
      'mean squared error',
      [layers.flatten({ name: 'flatten' }), dense({ name: 'embedding', inputs: features, units: latent, seed })],
      [
        dense({ name: 'expand', inputs: latent, units: features, relu: true, seed }),
        layers.reshape({ name: 'reshape', targetShape: [height, width, channels] }),
      ],
    );
  },
};
