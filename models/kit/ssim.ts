import type { Scalar, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

const [SIDE, SIGMA] = [11, 1.5];
/** (K₁L)² and (K₂L)², for pixels of the range L = 1. */
const [C1, C2] = [0.01 ** 2, 0.03 ** 2];

/**
 * Structural similarity of images, the mean over windows, channels and images, as `similarityMap`.
 * @param a pixels in [0, 1], `[N, H, W, C]`
 * @param b likewise; it may leave that range a little
 */
export const similarity = (a: Tensor4D, b: Tensor4D): Scalar => tf.mean(similarityMap(a, b));

/**
 * Structural similarity around each pixel that is far enough from the edges: equations 6 and 13 to 15 of Wang et al. (2004), with
 * their Gaussian window of 11×11, σ = 1.5. Images with a smaller side have the largest odd window that fits.
 * @param a as for `similarity`
 * @returns `[N·C, H − side + 1, W − side + 1]`
 */
export function similarityMap(a: Tensor4D, b: Tensor4D): Tensor3D {
  const [n, height, width, channels] = a.shape;
  const side = Math.min(SIDE, oddBelow(height), oddBelow(width));
  const [rows, columns] = [slidingMean(height, side), tf.transpose(slidingMean(width, side))];
  const planes = (image: Tensor4D): Tensor2D =>
    tf.reshape(tf.transpose(image, [0, 3, 1, 2]), [n * channels * height, width]); // a row of pixels each
  /** Means over all windows: `[N·C, H − side + 1, W − side + 1]`. */
  const mean = (pixels: Tensor2D): Tensor3D => {
    const across = tf.reshape(tf.matMul(pixels, columns), [n * channels, height, width - side + 1]); // [N·C, H, W − side + 1]
    return tf.matMul(rows, across) as Tensor3D;
  };
  const [x, y] = [planes(a), planes(b)];
  const [mx, my] = [mean(x), mean(y)];
  const [mx2, my2, mxy] = [tf.square(mx), tf.square(my), tf.mul(mx, my)];
  const variances = tf.sub(mean(tf.add(tf.square(x), tf.square(y))), tf.add(mx2, my2));
  const covariance = tf.sub(mean(tf.mul(x, y)), mxy);
  const similar = tf.mul(tf.add(tf.mul(mxy, 2), C1), tf.add(tf.mul(covariance, 2), C2));
  return tf.div(similar, tf.mul(tf.add(tf.add(mx2, my2), C1), tf.add(variances, C2)));
}

const oddBelow = (side: number): number => side - 1 + (side % 2);

/** The matrix that averages a column of pixels over all windows, weighted by a Gaussian: `[length − side + 1, length]`. */
function slidingMean(length: number, side: number): Tensor2D {
  const reach = (side - 1) / 2;
  // Computed in tensors, since a traced training step may not hold numbers of its own.
  const centres = tf.reshape(tf.range(reach, length - reach, 1), [length - side + 1, 1]);
  const distance = tf.abs(tf.sub(tf.range(0, length, 1), centres));
  const within = tf.cast(tf.lessEqual(distance, reach), 'float32');
  const weights = tf.mul(tf.exp(tf.mul(tf.square(distance), -0.5 / SIGMA ** 2)), within);
  return tf.div(weights, tf.sum(weights, 1, true));
}
