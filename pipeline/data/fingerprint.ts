import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import { sequentialBatches } from './batches.ts';
import { bytesPerImage, type ImageDataset } from './dataset.ts';

const CHUNK = 2 ** 20;

/**
 * SHA-256 over the line `convae images HxWxC N labels|unlabelled`, the labels as little-endian int32 and the pixels, all
 * in the order of the data set. Names, ids and the file format do not enter.
 */
export async function fingerprintOf(dataset: ImageDataset): Promise<string> {
  const { shape, length, labels } = dataset;
  const size = `${shape.height}x${shape.width}x${shape.channels}`;
  const hash = createHash('sha256');
  hash.update(`convae images ${size} ${length} ${labels ? 'labels' : 'unlabelled'}\n`);
  if (labels) {
    const bytes = Buffer.from(labels.buffer, labels.byteOffset, labels.byteLength);
    hash.update(endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32());
  }
  const batchSize = Math.max(1, Math.floor(CHUNK / bytesPerImage(shape)));
  for await (const { images } of sequentialBatches(dataset, batchSize)) hash.update(images);
  return `sha256:${hash.digest('hex')}`;
}
