import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model } from '@tensorflow/tfjs-layers';
import { convCode, convExpand } from './code.ts';
import { binaryCrossEntropy, klDivergence } from './losses.ts';
import type { Autoencoder, ImageBatch, ModelDefinition, ModelSize } from './model.ts';
import { decoderTrunk, encoderTrunk } from './trunk.ts';

/**
 * A variational autoencoder of the shared trunk with two heads, mu and logvar. Where it is conditional the label, one
 * plane for each class, joins the image, the code or both.
 */
export function variational(size: ModelSize, conditional: ModelDefinition['conditional']): Autoencoder {
  const { height, width, channels, latent, classes } = size;
  if ((conditional.encoder || conditional.decoder) && classes < 2) {
    throw new RangeError(`a conditional model needs at least 2 classes, the data have ${classes}`);
  }
  const planes = channels + (conditional.encoder ? classes : 0);
  const image = input({ shape: [height, width, planes], name: 'image' }); // [N, 28, 28, 1 + classes]
  const features = chain(image, encoderTrunk(size, planes)); // [N, 3, 3, 128]
  const heads = [chain(features, convCode(size, 'mu')), chain(features, convCode(size, 'logvar'))]; // [N, 10] each
  const encoder = model({ inputs: image, outputs: heads, name: 'encoder' });

  const inputs = latent + (conditional.decoder ? classes : 0);
  const code = input({ shape: [inputs], name: 'latent' }); // [N, 10 + classes]
  const logits = chain(code, [...convExpand(size, inputs), ...decoderTrunk(size)]); // [N, 28, 28, 1]
  const sigmoid = layers.activation({ name: 'sigmoid', activation: 'sigmoid' });
  const decoder = model({ inputs: code, outputs: chain(logits, [sigmoid]), name: 'decoder' });
  const toLogits = model({ inputs: code, outputs: logits, name: 'logits' });

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

const chain = (start: Symbolic, chained: ReturnType<typeof encoderTrunk>): Symbolic =>
  chained.reduce((x, layer) => layer.apply(x) as Symbolic, start);

function oneHot(label: Tensor1D | undefined, classes: number): Tensor2D {
  if (!label) throw new Error('a conditional model needs labels');
  return tf.oneHot(label, classes, 1, 0, 'float32') as Tensor2D; // [N, classes]
}

/** A plane for each class, of ones where it is the image's: `[N, H, W, classes]`. */
function labelPlanes(label: Tensor1D | undefined, { height, width, classes }: ModelSize): Tensor4D {
  return tf.tile(tf.reshape(oneHot(label, classes), [-1, 1, 1, classes]), [1, height, width, 1]) as Tensor4D;
}
