import { convCode, convExpand } from './code.ts';
import { deterministic } from './deterministic.ts';
import type { ModelDefinition } from './model.ts';

/** Fully convolutional, with a code of two numbers: one that can be looked at. */
export const cae2: ModelDefinition = {
  name: 'cae2',
  summary: 'fully convolutional autoencoder with a 2-D code',
  pixelLoss: 'binary cross-entropy',
  recipe: { epochs: 20, batchSize: 128, latent: 2, optimizer: { name: 'adam', learningRate: 1e-3, epsilon: 1e-8 } },
  conditional: { encoder: false, decoder: false },
  build: (size) =>
    deterministic(size, 'binary cross-entropy', convCode(size, 'embedding'), convExpand(size, size.latent)),
};
