import type { ModelDefinition } from './model.ts';
import { variational } from './variational.ts';

const conditional = { encoder: true, decoder: true };

/** Conditional in both: the code need not hold the class. */
export const ccvae: ModelDefinition = {
  name: 'ccvae',
  summary: 'conditional variational autoencoder, the label given to encoder and decoder',
  pixelLoss: 'binary cross-entropy',
  recipe: {
    epochs: 20,
    batchSize: 50,
    latent: 10,
    optimizer: { name: 'adam', learningRate: 1e-3, epsilon: 1e-8 },
    beta: 1,
  },
  conditional,
  build: (size) => variational(size, conditional),
};
