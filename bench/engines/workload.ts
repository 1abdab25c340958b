import { models } from '../../models/index.ts';
import type { ModelDefinition, ModelSize } from '../../models/kit/model.ts';
import { bytesPerImage, type DatasetSplits, defineDataset, type ImageShape } from '../../pipeline/data/dataset.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { mnistInMemory } from '../mnist.ts';

/** A model and the size of its images, as in `cae` or `resvae@64x64x3`. */
export interface Workload {
  readonly name: string;
  readonly model: ModelDefinition;
  readonly shape: ImageShape;
  readonly size: ModelSize;
  readonly batch: number;
}

const CLASSES = 10;

/** @throws InputError when there is no such model, or the text has no size */
export function workloadOf(name: string): Workload {
  const [modelName = '', text = '28x28x1'] = name.split('@');
  const [height = 0, width = 0, channels = 0] = text.split('x').map(Number);
  const model = models[modelName];
  if (!model || !(height > 0 && width > 0 && channels > 0)) {
    throw new InputError(
      `${name}: a model such as cae or resvae@64x64x3 was expected, of ${Object.keys(models).join(', ')}`,
    );
  }
  const shape = { height, width, channels };
  const { latent, batchSize: batch } = model.recipe;
  return { name, model, shape, batch, size: { ...shape, latent, classes: CLASSES, seed: 0 } };
}

/** MNIST, or noise where its images have another shape, in memory; and a class for each. */
export async function imagesFor({ shape, batch }: Workload) {
  const bytes = bytesPerImage(shape);
  const mnist = await mnistInMemory();
  const length = bytes === bytesPerImage(mnist.shape) ? mnist.length : 16 * batch;
  const pixels = length === mnist.length ? mnist.pixels : noise(length * bytes);
  const batches = Math.floor(length / batch);
  return {
    pixels,
    labels: Int32Array.from({ length }, (_, i) => i % CLASSES),
    dims: [batch, shape.height, shape.width, shape.channels] as [number, number, number, number],
    /** A batch, over and over. */
    batch: (index: number) =>
      pixels.subarray((index % batches) * batch * bytes, ((index % batches) + 1) * batch * bytes),
  };
}

const noise = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 2_654_435_761) >>> 24);

/** The same images over and over, so that an epoch outlasts a measurement. */
export async function endless(workload: Workload): Promise<DatasetSplits> {
  const bytes = bytesPerImage(workload.shape);
  const { pixels } = await imagesFor(workload);
  const rows = pixels.length / bytes;
  const part = (length: number) => ({
    ...defineDataset({
      name: 'bench',
      shape: workload.shape,
      length,
      labels: Int32Array.from({ length }, (_, i) => i % CLASSES),
      classes: Array.from({ length: CLASSES }, (_, i) => `${i}`),
      id: String,
      read: async (indices, target) => {
        for (let i = 0; i < indices.length; i++) {
          const row = (indices[i] as number) % rows;
          target.set(pixels.subarray(row * bytes, (row + 1) * bytes), i * bytes);
        }
      },
      close: async () => {},
    }),
    fingerprint: async () => `sha256:${'0'.repeat(64)}`,
  });
  return { name: 'bench', train: part(1_000_000), test: part(16) };
}
