import { adam, convExpand, convLatent, deterministic, type ModelDefinition } from './kit.ts';

/** Fully convolutional, with a latent of two dimensions that can be plotted. */
export const cae2: ModelDefinition = {
  name: 'cae2',
  summary: 'fully convolutional autoencoder, by default with a 2-D latent',
  recipe: { epochs: 20, batchSize: 128, latent: 2, fixedLatent: true, optimizer: adam() },
  ...deterministic('binary cross-entropy', (size) => ({
    toLatent: convLatent(size, 'embedding'), // [N, 2]
    fromLatent: convExpand(size, size.latent), // [N, 3, 3, 128]
  })),
};

/** cae2 with a latent of ten dimensions, to be plotted by t-SNE. */
export const caeTsne: ModelDefinition = {
  ...cae2,
  name: 'cae-tsne',
  summary: 'fully convolutional autoencoder, by default with a 10-D latent',
  recipe: { ...cae2.recipe, epochs: 14, latent: 10, fixedLatent: false },
};
