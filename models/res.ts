import {
  adam,
  denseLatent,
  deterministicOf,
  type ModelDefinition,
  residualDecoder,
  residualEncoder,
  variational,
} from './kit.ts';

/** Residual blocks with group normalization and SiLU, and a dense latent. */
export const resae: ModelDefinition = {
  name: 'resae',
  summary: 'residual autoencoder with a dense latent: slower to train, for GPUs or more time',
  recipe: { epochs: 10, batchSize: 64, latent: 10, optimizer: adam(), schedule: 'cosine' },
  ...deterministicOf('binary cross-entropy', (size) => ({
    toLatent: [...residualEncoder(size), ...denseLatent(size, 'embedding')],
    fromLatent: residualDecoder(size),
  })),
};

/** The variational autoencoder of the same layers. */
export const resvae: ModelDefinition = {
  name: 'resvae',
  summary: 'residual variational autoencoder',
  recipe: { ...resae.recipe, epochs: 20, beta: 1 },
  ...variational(
    { encoder: false, decoder: false },
    { encoder: residualEncoder, head: denseLatent, decoder: residualDecoder },
  ),
};
