import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import type { TrainingProgram } from '../train/program.ts';
import type { OnnxModels } from './trace-model.ts';

/** Images that are compared: real ones, spread over the data set. tfjs's own backend takes some 15 ms for each. */
const IMAGES = 16;

/** The largest absolute differences between tfjs and ONNX Runtime. */
export interface Parity {
  readonly images: number;
  readonly latent: number;
  readonly image: number;
}

/** Runs real images through the model in tfjs and in ONNX Runtime, encoder and decoder each on the same input. */
export async function measureParity(
  program: TrainingProgram,
  models: OnnxModels,
  dataset: ImageDataset,
): Promise<Parity> {
  const { height, width, channels } = dataset.shape;
  const n = Math.min(IMAGES, dataset.length);
  const indices = Array.from({ length: n }, (_, i) => Math.floor((i * dataset.length) / n));
  const pixels = new Uint8Array(n * bytesPerImage(dataset.shape));
  await dataset.read(indices, pixels);
  const labels = Int32Array.from(indices, (index) => dataset.labels?.[index] ?? 0);
  const feedLabel = (needed: boolean) => (needed ? { label: new ort.Tensor('int32', labels, [n]) } : {});
  const { conditional } = program.model;

  const image = new ort.Tensor('uint8', pixels, [n, height, width, channels]);
  const latent = await runOnce(models.encoder, { image, ...feedLabel(conditional.encoder) }, 'latent');
  const decoded = await runOnce(models.decoder, { latent, ...feedLabel(conditional.decoder) }, 'image');
  return tf.tidy(() => {
    const input = tf.div(tf.tensor4d(pixels, [n, height, width, channels], 'int32'), 255) as tf.Tensor4D;
    const label = tf.tensor1d(labels, 'int32');
    const { latent: expected } = program.autoencoder.encode({ image: input, label });
    const codes = tf.tensor2d(latent.data as Float32Array, latent.dims as [number, number]);
    const expectedImage = program.autoencoder.decode(codes, label);
    return { images: n, latent: difference(expected, latent), image: difference(expectedImage, decoded) };
  });
}

async function runOnce(bytes: Uint8Array, feeds: Record<string, ort.Tensor>, output: string): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    const { [output]: result } = await session.run(feeds);
    if (!result) throw new Error(`the graph has no output ${output}`);
    return result as ort.Tensor;
  } finally {
    await session.release();
  }
}

/** NaN wherever either is not a number: a comparison with it fails. */
function difference(expected: tf.Tensor, got: ort.Tensor): number {
  const [a, b] = [expected.dataSync(), got.data as Float32Array];
  if (a.length !== b.length) throw new Error(`tfjs gives ${a.length} numbers, ONNX Runtime ${b.length}`);
  let largest = 0;
  for (const [i, value] of a.entries()) {
    const d = Math.abs(value - (b[i] ?? Number.NaN));
    if (!(d <= largest)) largest = d;
  }
  return largest;
}
