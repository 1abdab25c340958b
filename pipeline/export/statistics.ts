import ort from 'onnxruntime-node';
import { sequentialBatches } from '../data/batches.ts';
import type { ImageDataset } from '../data/dataset.ts';
import type { TrainingProgram } from '../train/program.ts';
import type { Card } from './card.ts';

const BATCH = 256;

/** Mean, standard deviation and range of each latent dimension over the test images. */
export async function latentStatistics(
  encoder: Uint8Array,
  { model, size }: TrainingProgram,
  dataset: ImageDataset,
): Promise<Card['latent']['statistics']> {
  const d = size.latent;
  const [sum, squares] = [new Float64Array(d), new Float64Array(d)];
  const [min, max] = [
    new Float64Array(d).fill(Number.POSITIVE_INFINITY),
    new Float64Array(d).fill(Number.NEGATIVE_INFINITY),
  ];
  const session = await ort.InferenceSession.create(encoder, { logSeverityLevel: 3 });
  try {
    for await (const { count, images, labels } of sequentialBatches(dataset, BATCH)) {
      const feeds: Record<string, ort.Tensor> = {
        image: new ort.Tensor('uint8', images, [count, size.height, size.width, size.channels]),
      };
      if (model.conditional.encoder && labels) feeds.label = new ort.Tensor('int32', labels, [count]);
      const { latent } = await session.run(feeds);
      const codes = latent?.data as Float32Array;
      for (const [i, value] of codes.entries()) {
        const k = i % d;
        sum[k] = (sum[k] ?? 0) + value;
        squares[k] = (squares[k] ?? 0) + value * value;
        min[k] = Math.min(min[k] ?? value, value);
        max[k] = Math.max(max[k] ?? value, value);
      }
    }
  } finally {
    await session.release();
  }
  const mean = Array.from(sum, (total) => total / dataset.length);
  const std = Array.from(squares, (total, k) => Math.sqrt(Math.max(0, total / dataset.length - (mean[k] ?? 0) ** 2)));
  return { over: 'test', images: dataset.length, mean, std, min: [...min], max: [...max] };
}
