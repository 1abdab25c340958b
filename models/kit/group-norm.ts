import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { serialization } from '@tensorflow/tfjs-core';
import { initializers, layers } from '@tensorflow/tfjs-layers';
import type { Layer } from './layers.ts';

interface GroupNormConfig {
  readonly name: string;
  readonly groups: number;
  readonly epsilon?: number;
}

/**
 * Group normalization (Wu & He 2018) of `[N, H, W, C]`: in each image, groups of neighbouring channels get mean 0 and
 * variance 1 over their pixels, then each channel a factor (gamma) and an offset (beta). Config and weights are those of
 * Keras' layer of that name, which tfjs-layers lacks. A program that imports `convae/models` can load models that have it.
 */
export class GroupNormalization extends layers.Layer {
  static readonly className = 'GroupNormalization';
  readonly #groups: number;
  readonly #epsilon: number;

  constructor({ groups, epsilon = 1e-5, ...config }: GroupNormConfig) {
    super(config);
    this.#groups = groups;
    this.#epsilon = epsilon;
  }

  override build(shape: number[]): void {
    const channels = shape.at(-1) ?? 0;
    if (channels % this.#groups !== 0) throw new RangeError(`${channels} channels in ${this.#groups} groups`);
    this.addWeight('gamma', [channels], 'float32', initializers.ones());
    this.addWeight('beta', [channels], 'float32', initializers.zeros());
    super.build(shape);
  }

  override call(inputs: Tensor | Tensor[]): Tensor {
    const [x] = [inputs].flat();
    const [gamma, beta] = this.weights.map((weight) => weight.read());
    return groupNorm(x as Tensor4D, gamma as Tensor1D, beta as Tensor1D, this.#groups, this.#epsilon);
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), groups: this.#groups, epsilon: this.#epsilon };
  }
}

serialization.registerClass(GroupNormalization);

/** Groups of eight channels, or one group where channels are not a multiple of that. */
export const groupNormalization = (name: string, channels: number): Layer =>
  new GroupNormalization({ name, groups: channels % 8 === 0 ? channels / 8 : 1 });

/**
 * What the layer computes. Its gradient is written out, because the derived one would make several tensors of the size of
 * x for each operation.
 */
function groupNorm(x: Tensor4D, gamma: Tensor1D, beta: Tensor1D, groups: number, epsilon: number): Tensor4D {
  const [n, height, width, channels] = x.shape;
  const perGroup = [n, groups, channels / groups];
  const overPixels = (values: Tensor) => tf.sum(values, [1, 2], true); // [N, 1, 1, C]
  /** Means over pixels and channels of a group, from sums over pixels: `[N, 1, 1, C]`. */
  const groupMeans = (sums: Tensor) => {
    const means = tf.mul(tf.sum(tf.reshape(sums, perGroup), 2, true), groups / (channels * height * width));
    return tf.reshape(tf.tile(means, [1, 1, channels / groups]), [n, 1, 1, channels]);
  };
  const compute = tf.customGrad((...args) => {
    const [given, factor, offset, save] = args as [Tensor, Tensor, Tensor, tf.GradSaveFunc];
    const centred = tf.sub(given, groupMeans(overPixels(given)));
    const inverse = tf.rsqrt(tf.add(groupMeans(overPixels(tf.square(centred))), epsilon)); // 1/σ, [N, 1, 1, C]
    save([centred, inverse, factor]);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const [c, inv, by] = saved as [Tensor, Tensor, Tensor];
      const [sums, products] = [overPixels(dy), tf.mul(overPixels(tf.mul(dy, c)), inv)]; // [N, 1, 1, C]
      const spread = tf.mul(tf.square(inv), groupMeans(tf.mul(products, by)));
      const shift = tf.mul(inv, groupMeans(tf.mul(sums, by)));
      const dx = tf.sub(tf.sub(tf.mul(dy, tf.mul(inv, by)), tf.mul(c, spread)), shift);
      return [dx, tf.sum(products, [0, 1, 2]), tf.sum(sums, [0, 1, 2])];
    };
    return { value: tf.add(tf.mul(centred, tf.mul(inverse, factor)), offset), gradFunc };
  });
  return compute(x, gamma, beta) as Tensor4D;
}
