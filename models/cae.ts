import { layers } from '@tensorflow/tfjs-layers';
import { adam, clustering, dense, deterministic, featureMap, type ModelDefinition, type ModelSize } from './kit.ts';

/** A dense layer each way between the feature map and the latent. */
function denseBetween(size: ModelSize, { relu }: { relu: boolean }) {
  const { latent, seed } = size;
  const { shape, features } = featureMap(size); // [3, 3, 128] and 1152 for 28×28
  return {
    toLatent: [
      layers.flatten({ name: 'flatten' }),
      dense({ name: 'embedding', inputs: features, units: latent, seed }),
    ],
    fromLatent: [
      dense({ name: 'expand', inputs: latent, units: features, relu, seed }),
      layers.reshape({ name: 'reshape', targetShape: shape }),
    ],
  };
}

/** The convolutional autoencoder with a dense latent. */
export const cae: ModelDefinition = {
  name: 'cae',
  summary: 'convolutional autoencoder with a dense latent',
  recipe: { epochs: 10, batchSize: 128, latent: 10, optimizer: adam() },
  ...deterministic('binary cross-entropy', (size) => denseBetween(size, { relu: false })),
};

/** The ConvAE of DCEC (Guo et al. 2017): squared error, a linear output, ReLU after the dense layer of the decoder. */
export const convAe: ModelDefinition = {
  name: 'conv-ae',
  summary: "DCEC's convolutional autoencoder with a dense latent, trained on squared error",
  // Keras' default epsilon, as in DCEC's own program.
  recipe: { epochs: 200, batchSize: 256, latent: 10, optimizer: adam({ epsilon: 1e-7 }) },
  ...deterministic('mean squared error', (size) => denseBetween(size, { relu: true })),
};

/** DCEC (Guo et al. 2017): `conv-ae`, trained further so that its latents form clusters. */
export const dcec: ModelDefinition = {
  name: 'dcec',
  summary: 'deep clustering: goes on from a conv-ae, whose latents it gathers in clusters',
  recipe: { ...convAe.recipe, epochs: 40, clusters: 10, centres: 'umap-gmm' },
  startsFrom: convAe.name,
  ...clustering('mean squared error', (size) => denseBetween(size, { relu: true })),
};
