import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LossChoice, PixelLoss } from './model.ts';
import { similarity } from './ssim.ts';

/** Compares the decoder's last linear layer, before sigmoid or clipping, with the image: a mean over all pixels. */
export type ReconstructionLoss = (image: Tensor, output: Tensor) => Scalar;

/**
 * Binary cross-entropy of pixels in [0, 1] against logits, the mean over every pixel of the batch, in nats:
 * max(l, 0) − l·x + log(1 + exp(−|l|)), the form that cannot overflow.
 */
export const binaryCrossEntropy: ReconstructionLoss = (image, logits) => {
  const softplus = tf.add(tf.relu(logits), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
  return tf.mean(tf.sub(softplus, tf.mul(logits, image)));
};

/** Mean squared error over every pixel of the batch. */
const meanSquaredError: ReconstructionLoss = (image, output) => tf.mean(tf.squaredDifference(output, image));

/** Mean absolute error over every pixel of the batch. */
export const meanAbsoluteError: ReconstructionLoss = (image, output) => tf.mean(tf.abs(tf.sub(output, image)));

/**
 * Mean over every pixel of the squared difference in colour alone, which is what differs from the mean of an image's channels.
 * Where most of an image is white or gray it is a small part of the squared error, and is learned last.
 * @param image `[N, H, W, C]`
 */
export const colourError: ReconstructionLoss = (image, output) => {
  const difference = tf.sub(output, image);
  return tf.mean(tf.square(tf.sub(difference, tf.mean(difference, -1, true))));
};

/** Cross-entropy takes logits, the others pixels. */
const pixelErrors: Record<PixelLoss, ReconstructionLoss> = {
  'binary cross-entropy': binaryCrossEntropy,
  'mean squared error': meanSquaredError,
  'mean absolute error': meanAbsoluteError,
};

/** The loss of a model whose own is `pixelLoss`: cross-entropy needs a sigmoid. */
export const ownLoss = (pixelLoss: PixelLoss): LossChoice => ({
  pixelLoss,
  sigmoid: pixelLoss === 'binary cross-entropy',
});

/** Another loss for the same layers: a sigmoid stays, and comes where cross-entropy needs it. */
export const otherLoss = (own: LossChoice, choice: Partial<Omit<LossChoice, 'sigmoid'>>): LossChoice => ({
  ...own,
  ...choice,
  sigmoid: own.sigmoid || choice.pixelLoss === 'binary cross-entropy',
});

/**
 * The terms of a loss that compare images with the output of the decoder's last linear layer: `loss` is their sum by weight.
 * @param image pixels in [0, 1], `[N, H, W, C]`
 */
export function compareImages(choice: LossChoice, image: Tensor4D, output: Tensor4D) {
  const pixels = choice.sigmoid ? tf.sigmoid(output) : output;
  const reconstruction = pixelErrors[choice.pixelLoss](
    image,
    choice.pixelLoss === 'binary cross-entropy' ? output : pixels,
  );
  const ssim = choice.ssim ? similarity(image, pixels) : undefined;
  const colour = choice.colour ? colourError(image, pixels) : undefined;
  let loss = tf.clone(reconstruction);
  if (ssim) loss = tf.add(loss, tf.mul(tf.sub(1, ssim), choice.ssim ?? 0));
  if (colour) loss = tf.add(loss, tf.mul(colour, choice.colour ?? 0));
  return { loss, reconstruction, ...(ssim && { ssim }), ...(colour && { colour }) };
}

/**
 * KL divergence of N(mean, exp(logvar)) from N(0, I): −½ Σ (1 + logvar − mean² − exp(logvar)) over the batch, divided
 * by the number of pixels of the batch, so that it adds to a mean over pixels (Kingma & Welling 2014, appendix B).
 */
export function klDivergence(mean: Tensor, logvar: Tensor, pixels: number): Scalar {
  const terms = tf.sub(tf.sub(tf.add(logvar, 1), tf.square(mean)), tf.exp(logvar));
  return tf.mul(tf.sum(terms), -0.5 / pixels);
}
