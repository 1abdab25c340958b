import type { ModelDefinition } from './model.ts';
import { variational } from './variational.ts';

const conditional = { encoder: false, decoder: true };

/** Conditional in the decoder only: the encoder has to find out the class. */
export const ccvaeDecoder: ModelDefinition = {
  name: 'ccvae-decoder',
  summary: 'conditional variational autoencoder, the label given to the decoder',
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
