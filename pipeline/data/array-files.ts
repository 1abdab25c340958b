import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../io/errors.ts';
import { type ArrayFile, checkSize, isNpy, type NumberType, readNpy } from '../io/npy.ts';
import { type ByteSource, closeOnError, openSource, readUpTo } from '../io/source.ts';
import { openArrayDataset } from './array.ts';
import type { DataSource, ImageDataset } from './dataset.ts';

/** Files of images and labels. Each may be idx or npy, gzipped or not, as its first bytes show; names do not matter. */
interface ArrayPaths {
  /** Name of the data set; the images' path by default. */
  readonly name?: string;
  readonly images: string;
  readonly labels?: string | undefined;
  readonly classes?: readonly string[];
}

/**
 * Locates the files of MNIST and its relatives by their usual names, with `-` or `.` before `idx`, gzipped or not.
 * @returns undefined where there are none
 */
export function idxFolder(root: string): DataSource | undefined {
  const find = (part: string, content: 'images-idx3' | 'labels-idx1') =>
    [content, content.replace('-', '.')]
      .flatMap((name) => [`${part}-${name}-ubyte`, `${part}-${name}-ubyte.gz`])
      .map((file) => join(root, file))
      .find((file) => existsSync(file));
  const locate = (part: 'train' | 't10k') => {
    const [images, labels] = [find(part, 'images-idx3'), find(part, 'labels-idx1')];
    return images === undefined ? undefined : (name: string) => () => openArrays({ name, images, labels });
  };
  const [train, test] = [locate('train'), locate('t10k')];
  if (train && test) return { train: train(`${root}/train`), test: test(`${root}/test`) };
  const all = (train ?? test)?.(root);
  return all && { all };
}

/**
 * Opens images, and labels if there are any, that are arrays in separate files; gzipped ones are first inflated into a
 * temporary file.
 * @throws InputError when a file is missing, damaged or of another type, or the counts differ
 */
export async function openArrays({ name, images, labels, classes }: ArrayPaths): Promise<ImageDataset> {
  const openLabels = labels === undefined ? undefined : () => openArray(labels);
  return openArrayDataset(name ?? images, () => openArray(images), openLabels, classes);
}

async function openArray(path: string): Promise<ArrayFile> {
  const source = await openSource(path);
  return closeOnError(source, async () => (isNpy(await readUpTo(source, 8)) ? readNpy(source) : readIdx(source)));
}

/** The type byte of the idx format. Numbers are big-endian. */
const IDX_TYPES: Readonly<Record<number, Omit<NumberType, 'littleEndian'>>> = {
  8: { name: 'uint8', kind: 'uint', bytes: 1 },
  9: { name: 'int8', kind: 'int', bytes: 1 },
  11: { name: 'int16', kind: 'int', bytes: 2 },
  12: { name: 'int32', kind: 'int', bytes: 4 },
  13: { name: 'float32', kind: 'float', bytes: 4 },
  14: { name: 'float64', kind: 'float', bytes: 8 },
};

/**
 * Reads the header of an idx file: 0, 0, type, number of dimensions, then each dimension as a big-endian uint32.
 * @throws InputError when it is not idx, or its size contradicts its header
 */
async function readIdx(source: ByteSource): Promise<ArrayFile> {
  const magic = await readUpTo(source, 4);
  const [zero, zeroToo, code = 0, dimensions = 0] = magic;
  const type = IDX_TYPES[code];
  if (zero !== 0 || zeroToo !== 0 || !type || dimensions < 1 || dimensions > 4) {
    const start = magic.toString('hex').replace(/(..)(?=.)/g, '$1 ') || 'nothing';
    throw new InputError(
      `${source.name}: it is neither idx nor npy: it starts with ${start}; 00 00 08 03 (images) or 00 00 08 01 (labels) was expected`,
    );
  }
  const offset = 4 + 4 * dimensions;
  const sides = await readUpTo(source, 4 * dimensions, 4);
  if (sides.length < 4 * dimensions) {
    throw new InputError(
      `${source.name}: truncated inside its header: it has ${source.size} bytes, at least ${offset} were expected; download or copy it again`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => sides.readUInt32BE(4 * i));
  return checkSize({ source, offset, shape, type: { ...type, littleEndian: false } });
}
