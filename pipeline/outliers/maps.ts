import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu'; // tracing needs a backend to return to
import * as ort from 'onnxruntime-node';
import { convertFunction } from 'tfjs-to-onnx';
import { similarityMap } from '../../models/kit/ssim.ts';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';

/** Where an image differs from its reconstruction, `[n, H, W]` each. */
export interface ErrorMaps {
  /** Absolute difference of the pixels, mean over the channels. */
  readonly raw: Float32Array;
  /** The same under a Gaussian, whose standard deviation is a 64th of the longer side, at least 1. */
  readonly smoothed: Float32Array;
  /** 1 − structural similarity, mean over the channels; at the edges that of the nearest whole window. */
  readonly dissimilarity: Float32Array;
}

/**
 * Error maps of images.
 * @param images pixels 0–255, `[n, H, W, C]`
 * @param reconstructions in [0, 1], `[n, H, W, C]`
 */
export async function errorMaps(
  shape: ImageShape,
  images: Uint8Array,
  reconstructions: Float32Array,
): Promise<ErrorMaps> {
  const { height, width, channels } = shape;
  const pixels = height * width;
  const [size, count] = [bytesPerImage(shape), images.length / bytesPerImage(shape)];
  const maps = {
    raw: new Float32Array(count * pixels),
    smoothed: new Float32Array(count * pixels),
    dissimilarity: new Float32Array(count * pixels),
  };
  const session = await ort.InferenceSession.create(mapGraph(shape), { logSeverityLevel: 4 });
  try {
    for (let i = 0; i < count; i++) {
      const of = (data: Uint8Array | Float32Array) => data.slice(i * size, (i + 1) * size);
      const dims = [1, height, width, channels];
      const made = await session.run({
        image: new ort.Tensor(of(images), dims),
        reconstruction: new ort.Tensor(of(reconstructions), dims),
      });
      const { raw, smoothed, windows } = made as Record<string, ort.Tensor & { data: Float32Array }>;
      if (!raw || !smoothed || !windows) throw new Error('a map is missing');
      maps.raw.set(raw.data, i * pixels);
      maps.smoothed.set(smoothed.data, i * pixels);
      maps.dissimilarity.set(spreadWindows(windows, shape), i * pixels);
    }
  } finally {
    await session.release();
  }
  return maps;
}

/** Inputs `image` (uint8) and `reconstruction`, `[1, H, W, C]`; outputs `raw` and `smoothed`, `[H, W]`, and `windows`, a value each. */
function mapGraph({ height, width, channels }: ImageShape): Uint8Array {
  tf.enableProdMode(); // constants are written on the CPU, of whose slowness tfjs would warn
  const shape = [1, height, width, channels] as const;
  const sigma = Math.max(1, Math.max(height, width) / 64);
  const [rows, columns] = [gaussian(height, sigma), gaussian(width, sigma)];
  return convertFunction(
    ({ image, reconstruction }: { image: Tensor; reconstruction: Tensor }) => {
      const original = tf.div(tf.cast(image, 'float32'), 255) as Tensor4D;
      const difference = tf.abs(tf.sub(original, reconstruction)); // [1, H, W, C]
      const raw = tf.reshape(tf.mean(difference, 3), [height, width]);
      const across = tf.matMul(raw, tf.tensor2d(columns, [width, width]), false, true);
      const smoothed = tf.matMul(tf.tensor2d(rows, [height, height]), across); // [H, W]
      const similar = similarityMap(original, reconstruction as Tensor4D); // [C, h, w]
      return { raw, smoothed, windows: tf.sub(1, tf.mean(similar, 0)) };
    },
    {
      name: 'maps',
      inputs: { image: { shape, dtype: 'int32', storage: 'uint8' }, reconstruction: { shape, dtype: 'float32' } },
    },
  );
}

/** `[length, length]`: each row averages by a Gaussian around its position, cut at the edges. */
function gaussian(length: number, sigma: number): Float32Array {
  const weights = new Float32Array(length * length);
  for (let i = 0; i < length; i++) {
    const row = Array.from({ length }, (_, j) => Math.exp(-((i - j) ** 2) / (2 * sigma ** 2)));
    const sum = row.reduce((total, weight) => total + weight, 0);
    weights.set(
      row.map((weight) => weight / sum),
      i * length,
    );
  }
  return weights;
}

/** Values of windows `[h, w]` at the pixels of an image, `[H, W]`. */
function spreadWindows(
  { dims, data }: ort.Tensor & { data: Float32Array },
  { height, width }: ImageShape,
): Float32Array {
  const [h = 0, w = 0] = dims;
  const place = (at: number, length: number, windows: number) =>
    Math.max(0, Math.min(windows - 1, at - (length - windows) / 2));
  return Float32Array.from({ length: height * width }, (_, i) => {
    const row = place(Math.floor(i / width), height, h);
    return data[row * w + place(i % width, width, w)] as number;
  });
}
