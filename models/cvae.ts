import type { ModelDefinition } from './model.ts';
import { variational } from './variational.ts';

const conditional = { encoder: false, decoder: false };

/** A variational autoencoder (Kingma & Welling 2014) of the shared trunk. */
export const cvae: ModelDefinition = {
  name: 'cvae',
  summary: 'variational autoencoder',
  pixelLoss: 'binary cross-entropy',
  recipe: {
    epochs: 20,
    batchSize: 128,
    latent: 10,
    optimizer: { name: 'adam', learningRate: 1e-3, epsilon: 1e-8 },
    beta: 1,
  },
  conditional,
  build: (size) => variational(size, conditional),
};
