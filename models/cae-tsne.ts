import { cae2 } from './cae2.ts';
import type { ModelDefinition } from './model.ts';

/** cae2 with a code of ten numbers, to be looked at through t-SNE. */
export const caeTsne: ModelDefinition = {
  ...cae2,
  name: 'cae-tsne',
  summary: 'fully convolutional autoencoder with a 10-D code',
  recipe: { ...cae2.recipe, epochs: 14, latent: 10 },
};
