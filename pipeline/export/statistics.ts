import type { Card } from '../artifacts/card.ts';
import { sequentialBatches } from '../data/batches.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { stopIfAborted } from '../io/publish.ts';
import type { EncoderSession } from './encoder-session.ts';

const BATCH = 256;

/** Mean, standard deviation and range of each latent dimension over the test images. @throws Interrupted */
export async function latentStatistics(
  encoder: EncoderSession,
  dataset: ImageDataset,
  signal?: AbortSignal | undefined,
): Promise<Card['latent']['statistics']> {
  const d = encoder.size;
  const [sum, squares] = [new Float64Array(d), new Float64Array(d)];
  const [min, max] = [
    new Float64Array(d).fill(Number.POSITIVE_INFINITY),
    new Float64Array(d).fill(Number.NEGATIVE_INFINITY),
  ];
  for await (const batch of sequentialBatches(dataset, BATCH)) {
    stopIfAborted(signal);
    const { latent } = await encoder.encode(batch);
    for (const [i, value] of latent.entries()) {
      const k = i % d;
      sum[k] = (sum[k] ?? 0) + value;
      squares[k] = (squares[k] ?? 0) + value * value;
      min[k] = Math.min(min[k] ?? value, value);
      max[k] = Math.max(max[k] ?? value, value);
    }
  }
  const mean = Array.from(sum, (total) => total / dataset.length);
  const std = Array.from(squares, (total, k) => Math.sqrt(Math.max(0, total / dataset.length - (mean[k] ?? 0) ** 2)));
  return { over: 'test', images: dataset.length, mean, std, min: [...min], max: [...max] };
}
