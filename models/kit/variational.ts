import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { chain, type Step } from './chain.ts';
import { sigmoidOf, toPixels } from './deterministic.ts';
import { compareImages, klDivergence, otherLoss, ownLoss } from './losses.ts';
import type { Autoencoder, ImageBatch, LossChoice, ModelArchitecture, ModelSize } from './model.ts';
import { convExpand, convLatent, decoderTrunk, encoderTrunk } from './trunk.ts';

/** The parts of a variational model. */
export interface VariationalParts {
  /** From an image of `inputs` channels to features. */
  encoder(size: ModelSize, inputs: number): readonly Step[];
  /** From features to mu or logvar, `[N, D]`. */
  head(size: ModelSize, name: 'mu' | 'logvar'): readonly Step[];
  /** From a latent of `inputs` dimensions to the image, before any sigmoid. */
  decoder(size: ModelSize, inputs: number): readonly Step[];
}

/** The shared trunks, and two convolutional heads. */
const plainParts: VariationalParts = {
  encoder: encoderTrunk,
  head: convLatent,
  decoder: (size, inputs) => [...convExpand(size, inputs), ...decoderTrunk(size)],
};

/**
 * A variational autoencoder.
 * @param conditional whether the label is appended to the image, as one plane per class, and to the latent, one-hot
 * @param parts by default the shared trunks with two convolutional heads
 */
export const variational = (conditional: Conditional, parts = plainParts): ModelArchitecture =>
  trainedOn(ownLoss('binary cross-entropy'), conditional, parts);

type Conditional = ModelArchitecture['conditional'];

const trainedOn = (loss: LossChoice, conditional: Conditional, parts: VariationalParts): ModelArchitecture => ({
  pixelLoss: loss.pixelLoss,
  conditional,
  build: (size) => build(size, loss, conditional, parts),
  withLoss: (choice) => trainedOn(otherLoss(loss, choice), conditional, parts),
});

function build(size: ModelSize, choice: LossChoice, conditional: Conditional, parts: VariationalParts): Autoencoder {
  const { height, width, channels, latent, classes } = size;
  if ((conditional.encoder || conditional.decoder) && classes < 2) {
    throw new RangeError(`a conditional model needs at least 2 classes, the data have ${classes}`);
  }
  const planes = channels + (conditional.encoder ? classes : 0);
  const image = input({ shape: [height, width, planes], name: 'image' }); // [N, 28, 28, 1 + classes]
  const features = chain(image, parts.encoder(size, planes)); // [N, 3, 3, 128]
  const heads = [chain(features, parts.head(size, 'mu')), chain(features, parts.head(size, 'logvar'))]; // [N, 10] each
  const encoder = model({ inputs: image, outputs: heads, name: 'encoder' });

  const inputs = latent + (conditional.decoder ? classes : 0);
  const decoderInput = input({ shape: [inputs], name: 'latent' }); // [N, 10 + classes]
  const logits = chain(decoderInput, parts.decoder(size, inputs)); // [N, 28, 28, 1]
  const decoder = model({ inputs: decoderInput, outputs: chain(logits, sigmoidOf(choice)), name: 'decoder' });
  const toLogits = model({ inputs: decoderInput, outputs: logits, name: 'logits' });

  const encode = ({ image: pixels, label }: ImageBatch): [Tensor2D, Tensor2D] => {
    const seen = conditional.encoder ? tf.concat([pixels, labelPlanes(label, size)], 3) : pixels;
    return encoder.apply(seen) as [Tensor2D, Tensor2D];
  };
  const withLabel = (z: Tensor2D, label: Tensor1D | undefined): Tensor2D =>
    conditional.decoder ? tf.concat([z, oneHot(label, classes)], 1) : z;
  return {
    encoder,
    decoder,
    noiseShape: (n) => [n, latent],
    loss(batch, noise, klWeight) {
      if (!noise) throw new Error('a variational model needs noise');
      const [mu, logvar] = encode(batch);
      const z = tf.add(mu, tf.mul(tf.exp(tf.div(logvar, 2)), noise)) as Tensor2D;
      const output = toLogits.apply(withLabel(z, batch.label)) as Tensor4D;
      const { loss, ...terms } = compareImages(choice, batch.image, output);
      const kl = klDivergence(mu, logvar, batch.image.size);
      return { loss: tf.add(loss, klWeight ? tf.mul(kl, klWeight) : kl), ...terms, kl };
    },
    encode(batch) {
      const [mu, logvar] = encode(batch);
      return { latent: mu, logvar };
    },
    decode: (z, label) => toPixels(choice, decoder.apply(withLabel(z, label)) as Tensor4D),
  };
}

function oneHot(label: Tensor1D | undefined, classes: number): Tensor2D {
  if (!label) throw new Error('a conditional model needs labels');
  return tf.oneHot(label, classes, 1, 0, 'float32') as Tensor2D; // [N, classes]
}

/** The one-hot label as planes of ones and zeros: `[N, H, W, classes]`. */
function labelPlanes(label: Tensor1D | undefined, { height, width, classes }: ModelSize): Tensor4D {
  return tf.tile(tf.reshape(oneHot(label, classes), [-1, 1, 1, classes]), [1, height, width, 1]) as Tensor4D;
}
