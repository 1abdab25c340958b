import { totalmem } from 'node:os';
import { EnvironmentError } from '../io/errors.ts';
import { bytesPerImage, type ImageDataset } from './dataset.ts';
import { defineDataset } from './define.ts';
import { range } from './indices.ts';

const CHUNK = 2 ** 22;
const GIB = 2 ** 30;

/** Half of the memory that this process may use, and no more than 4 GiB, the largest typed array of Node 20. */
const defaultLimit = () => Math.min(4 * GIB, Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2);

/**
 * Reads a whole data set into one array, for access in random order. The original is not needed afterwards and may be
 * closed at once; whoever opened it does that.
 * @param limitBytes the most that the pixels may take; half of the machine's memory if not given, 4 GiB at most
 * @throws EnvironmentError when they would take more; InputError when an image cannot be read
 */
export async function loadIntoMemory(
  dataset: ImageDataset,
  { limitBytes = defaultLimit() }: { limitBytes?: number } = {},
): Promise<ImageDataset> {
  const { name, length, shape } = dataset;
  const bytes = bytesPerImage(shape);
  if (length * bytes > limitBytes) {
    throw new EnvironmentError(
      `${name}: ${length} images of ${shape.height}×${shape.width}×${shape.channels} take ${gib(length * bytes)} in memory, and ${gib(limitBytes)} is the limit; use fewer or smaller images, or a machine with more memory`,
    );
  }
  const pixels = new Uint8Array(length * bytes);
  const step = Math.max(1, Math.floor(CHUNK / bytes));
  for (let start = 0; start < length; start += step) {
    const count = Math.min(step, length - start);
    await dataset.read(range(start, count), pixels.subarray(start * bytes, (start + count) * bytes));
  }
  return defineDataset({
    name,
    shape,
    length,
    labels: dataset.labels,
    classes: dataset.classes,
    id: (index) => dataset.id(index),
    async read(indices, target) {
      for (let i = 0; i < indices.length; i++) {
        const start = (indices[i] as number) * bytes;
        target.set(pixels.subarray(start, start + bytes), i * bytes);
      }
    },
    close: async () => {},
  });
}

const gib = (bytes: number): string => `${(bytes / GIB).toFixed(bytes < GIB ? 3 : 1)} GiB`;
