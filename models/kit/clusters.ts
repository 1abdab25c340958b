import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { serialization } from '@tensorflow/tfjs-core';
import { initializers, layers } from '@tensorflow/tfjs-layers';

interface ClustersConfig {
  readonly name: string;
  readonly clusters: number;
  readonly seed?: number;
}

/**
 * The probability that each latent belongs to each cluster, by a Student t kernel of one degree of freedom around the
 * clusters' centres, `[N, D]` → `[N, K]` (Xie, Girshick & Farhadi 2016, equation 1, α = 1):
 * q_ij = (1 + ‖z_i − c_j‖²)⁻¹, divided by their sum over j. Its weight is `centres`, `[K, D]`.
 */
export class StudentClusters extends layers.Layer {
  static readonly className = 'StudentClusters';
  readonly #clusters: number;
  readonly #seed: number;

  constructor({ clusters, seed = 0, ...config }: ClustersConfig) {
    super(config);
    this.#clusters = clusters;
    this.#seed = seed;
  }

  override build(shape: number[]): void {
    const initializer = initializers.randomUniform({ minval: -1, maxval: 1, seed: this.#seed });
    this.addWeight('centres', [this.#clusters, shape.at(-1) ?? 0], 'float32', initializer);
    super.build(shape);
  }

  override computeOutputShape(shape: number[]): number[] {
    return [...shape.slice(0, -1), this.#clusters];
  }

  override call(inputs: Tensor | Tensor[]): Tensor {
    const [z] = [inputs].flat();
    const [centres] = this.weights.map((weight) => weight.read());
    const differences = tf.sub(tf.expandDims(z as Tensor, 1), tf.expandDims(centres as Tensor, 0)); // [N, K, D]
    const near = tf.div(1, tf.add(tf.sum(tf.square(differences), 2), 1)); // [N, K]
    return tf.div(near, tf.sum(near, 1, true));
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), clusters: this.#clusters, seed: this.#seed };
  }
}

serialization.registerClass(StudentClusters);

/** Probabilities below this are taken as this, as by Keras' divergence. */
const LEAST = 1e-7;

/**
 * KL divergence of the assignments from their targets, Σ_j p log(p/q) in nats, the mean over the images (Xie et al. 2016,
 * equation 2).
 * @param target p, `[N, K]` @param assigned q, `[N, K]`
 */
export function clusterDivergence(target: Tensor2D, assigned: Tensor2D): Scalar {
  const [p, q] = [tf.clipByValue(target, LEAST, 1), tf.clipByValue(assigned, LEAST, 1)];
  return tf.mean(tf.sum(tf.mul(p, tf.sub(tf.log(p), tf.log(q))), 1));
}
