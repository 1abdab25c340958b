import { layers } from '@tensorflow/tfjs-layers';
import { deterministic } from './deterministic.ts';
import { dense } from './layers.ts';
import type { ModelDefinition } from './model.ts';
import { waist } from './trunk.ts';

/** The convolutional autoencoder with a dense code. */
export const cae: ModelDefinition = {
  name: 'cae',
  summary: 'convolutional autoencoder with a dense code',
  pixelLoss: 'binary cross-entropy',
  recipe: { epochs: 10, batchSize: 128, latent: 10, optimizer: { name: 'adam', learningRate: 1e-3, epsilon: 1e-8 } },
  conditional: { encoder: false, decoder: false },
  build(size) {
    const { latent, seed } = size;
    const { height, width, channels } = waist(size);
    const features = height * width * channels;
    return deterministic(
      size,
      'binary cross-entropy',
      [layers.flatten({ name: 'flatten' }), dense({ name: 'embedding', inputs: features, units: latent, seed })],
      [
        dense({ name: 'expand', inputs: latent, units: features, seed }),
        layers.reshape({ name: 'reshape', targetShape: [height, width, channels] }),
      ],
    );
  },
};
