import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import type { Fingerprints } from '../artifacts/fields.ts';
import type { ImageIndex, SkippedImage } from '../artifacts/image-index.ts';
import { InputError } from '../io/errors.ts';
import { range } from './rows.ts';

/** Height and width in pixels, and the number of channels (1 gray, 3 RGB). */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The label of an image without one. */
export const UNLABELLED = -1;

/** Bytes of one image. */
export const bytesPerImage = ({ height, width, channels }: ImageShape): number => height * width * channels;

/**
 * Where the pixels of a data set are, one image after another, for threads that read them by position: in memory, or in
 * files that hold the next `images` images each, from `offset` on. Image `i` is at position `rows[i]`, by default `i`.
 */
export type PixelStore = { readonly rows?: Uint32Array | undefined } & (
  | { readonly kind: 'memory'; readonly bytes: SharedArrayBuffer }
  | {
      readonly kind: 'files';
      readonly files: readonly {
        readonly path: string;
        readonly offset: number;
        readonly images: number;
        /** Of a file in the image cache, see `block-sums.js`. */
        readonly sums?: readonly number[] | undefined;
      }[];
    }
);

/**
 * Images of one shape, in a fixed order. Pixels stay uint8 (0–255, channels last) until they are inside the graph.
 * Images are read on request: only data sets that are documented to do so hold more of them in memory.
 */
export interface ImageDataset {
  /** Shown to users: `mnist/test`, a path. */
  readonly name: string;
  readonly shape: ImageShape;
  readonly length: number;
  /** One class index per image, `[length]`, `UNLABELLED` where it has none, or undefined where no image has a label. */
  readonly labels: Int32Array | undefined;
  /** Class names by index, where the data has them (folders do; MNIST's are '0' … '9'). */
  readonly classes: readonly string[] | undefined;
  /** Images of the data that could not be read, and are left out. */
  readonly skipped?: readonly SkippedImage[] | undefined;
  /** Where the bytes are that `read` gives, if they exist as they are; a data set made from another must not inherit it. */
  readonly pixels?: PixelStore | undefined;
  /** A stable name of image `index`: its number, or its path inside the folder. */
  id(index: number): string;
  /**
   * Reads images into `target`, one after another.
   * @param indices which images, in the order wanted
   * @param target at least `indices.length × bytesPerImage(shape)` bytes
   * @throws InputError when an image cannot be decoded or has another size (its id is in the message), or its pixels are damaged
   */
  read(indices: ArrayLike<number>, target: Uint8Array): Promise<void>;
  /** SHA-256 over shape, labels and pixels, as `sha256:<hex>`: data sets of equal contents have equal fingerprints. */
  fingerprint(): Promise<string>;
  /** This, and `pixels`, the same without labels. */
  fingerprints(): Promise<Required<Fingerprints>>;
  /** Releases file handles and temporary files. */
  close(): Promise<void>;
}

/** The parts of a data set. At least one of `val` and `test` is there. */
export interface DatasetSplits {
  readonly name: string;
  readonly train: ImageDataset;
  /** Images by which training is judged: which epoch is best, when to stop. */
  readonly val?: ImageDataset | undefined;
  /** Images that decide nothing. */
  readonly test?: ImageDataset | undefined;
  /** The column that labels are from, where one was asked for. */
  readonly label?: string | undefined;
  /** The classes that the images were restricted to, by their index. */
  readonly onlyClass?: readonly string[] | undefined;
  /** What is known about all images, where they were read from files. */
  readonly index?: ImageIndex | undefined;
}

/** The images to measure a trained model on: the test part, or the validation part where there is no test part. */
export function heldOut({ name, val, test }: DatasetSplits): ImageDataset {
  const part = test ?? val;
  if (!part) throw new InputError(`${name}: one image cannot be split into a training and a test set; add more`);
  return part;
}

/** The parts that a data set has: train, val, test. */
export const partsOf = ({ train, val, test }: DatasetSplits): ImageDataset[] =>
  [train, val, test].filter((part) => part !== undefined);

/** Indices of the images that have a label. */
export function labelledRows({ labels }: Pick<ImageDataset, 'labels'>): Uint32Array {
  const rows: number[] = [];
  labels?.forEach((label, row) => {
    if (label >= 0) rows.push(row);
  });
  return Uint32Array.from(rows);
}

/** The pixels of some images, one after another. @throws InputError as `read` */
export async function readImages(
  { shape, read }: Pick<ImageDataset, 'shape' | 'read'>,
  rows: ArrayLike<number>,
): Promise<Uint8Array> {
  const images = new Uint8Array(rows.length * bytesPerImage(shape));
  await read(rows, images);
  return images;
}

/** Closes all parts. */
export async function closeSplits(splits: DatasetSplits): Promise<void> {
  await Promise.all(partsOf(splits).map((part) => part.close()));
}

/** Bytes that are read at a time to compute fingerprints. */
const CHUNK = 2 ** 20;

/**
 * Completes a reader: `read` checks its arguments (RangeError: a mistake of the caller, not of the data), and the
 * fingerprints are computed in the same way for all formats.
 * @param fingerprints gives them where they are known already
 */
export function defineDataset(
  reader: Omit<ImageDataset, 'fingerprint' | 'fingerprints'>,
  fingerprints?: ImageDataset['fingerprints'],
): ImageDataset {
  const { name, length } = reader;
  const bytes = bytesPerImage(reader.shape);
  const dataset: ImageDataset = {
    ...reader,
    async read(indices, target) {
      if (target.length < indices.length * bytes) {
        throw new RangeError(
          `${name}: ${indices.length} images need ${indices.length * bytes} bytes, the target has ${target.length}`,
        );
      }
      for (let i = 0; i < indices.length; i++) {
        const index = indices[i];
        if (index === undefined || !(Number.isInteger(index) && index >= 0 && index < length)) {
          throw new RangeError(`${name}: there is no image ${index}; it has ${length}, counted from 0`);
        }
      }
      await reader.read(indices, target);
    },
    fingerprints: fingerprints ?? (() => fingerprintsOf(dataset)),
    fingerprint: async () => (await dataset.fingerprints()).fingerprint,
  };
  return dataset;
}

/**
 * SHA-256 over the line `convae images HxWxC N labels|unlabelled`, the labels as little-endian int32 and the pixels, in
 * the order of the data set. Names, ids and the file format do not matter. `pixels` is that of the same images unlabelled.
 */
async function fingerprintsOf({ shape, length, labels, read }: ImageDataset): Promise<Required<Fingerprints>> {
  const bytes = bytesPerImage(shape);
  const ofPixels = createHash('sha256');
  const hash = labels ? createHash('sha256') : undefined;
  const size = `${shape.height}x${shape.width}x${shape.channels}`;
  ofPixels.update(`convae images ${size} ${length} unlabelled\n`);
  if (labels) {
    const raw = Buffer.from(labels.buffer, labels.byteOffset, labels.byteLength);
    hash?.update(`convae images ${size} ${length} labels\n`);
    hash?.update(endianness() === 'LE' ? raw : Buffer.from(raw).swap32());
  }
  const step = Math.max(1, Math.floor(CHUNK / bytes));
  const pixels = new Uint8Array(Math.min(step, length) * bytes);
  for (let start = 0; start < length; start += step) {
    const count = Math.min(step, length - start);
    await read(range(start, count), pixels);
    for (const each of [ofPixels, hash]) each?.update(pixels.subarray(0, count * bytes));
  }
  const unlabelled = `sha256:${ofPixels.digest('hex')}`;
  return { fingerprint: hash ? `sha256:${hash.digest('hex')}` : unlabelled, pixels: unlabelled };
}
