import { adam, type ModelDefinition, variational } from './kit.ts';

const recipe = { epochs: 20, batchSize: 50, latent: 10, optimizer: adam(), beta: 1 };

/** A variational autoencoder (Kingma & Welling 2014). */
export const cvae: ModelDefinition = {
  name: 'cvae',
  summary: 'variational autoencoder',
  recipe: { ...recipe, batchSize: 128 },
  ...variational({ encoder: false, decoder: false }),
};

/** Conditional in the decoder only: the encoder has to infer the class. */
export const ccvaeDecoder: ModelDefinition = {
  name: 'ccvae-decoder',
  summary: 'conditional variational autoencoder, the label given to the decoder',
  recipe,
  ...variational({ encoder: false, decoder: true }),
};

/** Conditional in both: the latent need not hold the class. */
export const ccvae: ModelDefinition = {
  name: 'ccvae',
  summary: 'conditional variational autoencoder, the label given to encoder and decoder',
  recipe,
  ...variational({ encoder: true, decoder: true }),
};
