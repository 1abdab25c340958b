import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model } from '@tensorflow/tfjs-layers';
import type { Layer } from './layers.ts';
import { binaryCrossEntropy, klDivergence } from './losses.ts';
import type { Autoencoder, ImageBatch, ModelArchitecture, ModelSize } from './model.ts';
import { convExpand, convLatent, decoderTrunk, encoderTrunk } from './trunk.ts';

/**
 * A variational autoencoder: the shared trunks, and two convolutional heads, mu and logvar.
 * @param conditional whether the label is appended to the image, as one plane per class, and to the latent, one-hot
 */
export const variational = (conditional: ModelArchitecture['conditional']): ModelArchitecture => ({
  pixelLoss: 'binary cross-entropy',
  conditional,
  build: (size) => build(size, conditional),
});

function build(size: ModelSize, conditional: ModelArchitecture['conditional']): Autoencoder {
  const { height, width, channels, latent, classes } = size;
  if ((conditional.encoder || conditional.decoder) && classes < 2) {
    throw new RangeError(`a conditional model needs at least 2 classes, the data have ${classes}`);
  }
  const planes = channels + (conditional.encoder ? classes : 0);
  const image = input({ shape: [height, width, planes], name: 'image' }); // [N, 28, 28, 1 + classes]
  const features = chain(image, encoderTrunk(size, planes)); // [N, 3, 3, 128]
  const heads = [chain(features, convLatent(size, 'mu')), chain(features, convLatent(size, 'logvar'))]; // [N, 10] each
  const encoder = model({ inputs: image, outputs: heads, name: 'encoder' });

  const inputs = latent + (conditional.decoder ? classes : 0);
  const decoderInput = input({ shape: [inputs], name: 'latent' }); // [N, 10 + classes]
  const logits = chain(decoderInput, [...convExpand(size, inputs), ...decoderTrunk(size)]); // [N, 28, 28, 1]
  const sigmoid = layers.activation({ name: 'sigmoid', activation: 'sigmoid' });
  const decoder = model({ inputs: decoderInput, outputs: chain(logits, [sigmoid]), name: 'decoder' });
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
      const reconstruction = binaryCrossEntropy(batch.image, toLogits.apply(withLabel(z, batch.label)) as Tensor4D);
      const kl = klDivergence(mu, logvar, batch.image.size);
      return { loss: tf.add(reconstruction, klWeight ? tf.mul(kl, klWeight) : kl), reconstruction, kl };
    },
    encode(batch) {
      const [mu, logvar] = encode(batch);
      return { latent: mu, logvar };
    },
    decode: (z, label) => decoder.apply(withLabel(z, label)) as Tensor4D,
  };
}

type Symbolic = ReturnType<typeof input>;

const chain = (start: Symbolic, chained: readonly Layer[]): Symbolic =>
  chained.reduce((x, layer) => layer.apply(x) as Symbolic, start);

function oneHot(label: Tensor1D | undefined, classes: number): Tensor2D {
  if (!label) throw new Error('a conditional model needs labels');
  return tf.oneHot(label, classes, 1, 0, 'float32') as Tensor2D; // [N, classes]
}

/** The one-hot label as planes of ones and zeros: `[N, H, W, classes]`. */
function labelPlanes(label: Tensor1D | undefined, { height, width, classes }: ModelSize): Tensor4D {
  return tf.tile(tf.reshape(oneHot(label, classes), [-1, 1, 1, classes]), [1, height, width, 1]) as Tensor4D;
}
