import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import ort from 'onnxruntime-node';
import { convertFunction } from 'tfjs-to-onnx';
import type { GaussianMixture } from '../analyse/gaussian-mixture.ts';
import { invertLower } from '../analyse/matrix.ts';
import { largestOf } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';

/** Rows of numbers, each with the probability of every cluster. */
export interface Assigned {
  /** `[n, K]` */
  readonly probabilities: Float32Array;
  /** Squared distance of each row from the mean of its most probable cluster, in units of the covariance, `[n]`. */
  readonly distances: Float32Array;
}

/**
 * What a mixture says of a row x: the probability of each component, softmax over k of
 * log w_k − log |L_k| − ½ ‖L_k⁻¹ (x − μ_k)‖², where L_k is the Cholesky factor of its covariance.
 */
function programOf({ size, weights, means, factors }: GaussianMixture) {
  const components = weights.length;
  const whitening = new Float32Array(components * size * size); // L⁻ᵀ
  const peaks = new Float32Array(components);
  factors.forEach((factor, k) => {
    const inverse = invertLower(factor, size);
    let peak = Math.log(weights[k] as number);
    for (let i = 0, at = 0; i < size; i++) {
      for (let j = 0; j <= i; j++, at++) whitening[(k * size + j) * size + i] = inverse[at] as number;
      peak -= Math.log(factor[at - 1] as number);
    }
    peaks[k] = peak;
  });
  return ({ latent }: { latent: tf.Tensor }) => {
    const centred = tf.sub(tf.expandDims(latent, 0), tf.tensor3d(means.flat(), [components, 1, size])); // [K, N, D]
    const white = tf.matMul(centred, tf.tensor3d(whitening, [components, size, size]));
    const distance = tf.transpose(tf.sum(tf.square(white), 2)); // [N, K]
    return { cluster: tf.softmax(tf.sub(peaks, tf.mul(distance, 0.5))), distance };
  };
}

const inputs = (size: number) => ({ latent: { shape: ['N', size], dtype: 'float32' } as const });

/** A graph that takes `latent`, float32 `[N, D]`, and gives `cluster`, the probability of each component, float32 `[N, K]`. */
export async function assignmentGraph(mixture: GaussianMixture): Promise<Uint8Array> {
  await tf.setBackend('cpu');
  const program = programOf(mixture);
  const options = { name: 'clusters', inputs: inputs(mixture.size) };
  return convertFunction((given: { latent: tf.Tensor }) => ({ cluster: program(given).cluster }), options);
}

/** Assigns rows to the components of a mixture. @param rows `[n, size]` */
export async function assign(mixture: GaussianMixture, rows: Float32Array, tick?: Tick): Promise<Assigned> {
  await tf.setBackend('cpu');
  const { size, weights } = mixture;
  const k = weights.length;
  const graph = convertFunction(programOf(mixture), { name: 'clusters', inputs: inputs(size) });
  const session = await ort.InferenceSession.create(graph, { logSeverityLevel: 4 });
  try {
    const n = rows.length / size;
    const probabilities = new Float32Array(n * k);
    const distances = new Float32Array(n);
    const pause = pauses(tick);
    for (const { from, to } of rowStretches(n, size * k)) {
      const latent = new ort.Tensor(rows.slice(from * size, to * size), [to - from, size]);
      const outputs = await session.run({ latent });
      const [cluster, distance] = [outputs.cluster?.data, outputs.distance?.data] as Float32Array[];
      if (!cluster || !distance) throw new Error('the graph has other outputs');
      probabilities.set(cluster, from * k);
      const found = largestOf(cluster, k);
      distances.set(
        Float32Array.from(found, (best, i) => distance[i * k + best] as number),
        from,
      );
      await pause(to / n);
    }
    return { probabilities, distances };
  } finally {
    await session.release();
  }
}
