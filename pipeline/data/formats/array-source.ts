import { resolve } from 'node:path';
import type { ArrayFile } from '../../io/npy.ts';
import type { ImageEntry, ImageSource, RawLabel } from '../image-source.ts';
import type { StoredArray } from './array-file.ts';
import { arrange, isChannelsLast, type Layout } from './array-layout.ts';
import { decodeNumbers } from './numbers.ts';
import { stampOf } from './stamp.ts';

/** Bytes that are read at a time. */
const BLOCK = 2 ** 20;

/** An array of images, and what belongs to them. */
export interface ArrayPart {
  /** For people. */
  readonly name: string;
  readonly images: StoredArray;
  readonly layout: Layout;
  /** One for each image. */
  readonly labels: readonly RawLabel[] | undefined;
  readonly classes?: readonly string[] | undefined;
  /** All files that its contents depend on. */
  readonly files: readonly string[];
}

/**
 * The images of an array. They are read by position in blocks, so memory does not grow with their number; a compressed array is
 * inflated when the first is read.
 */
export function arraySource({ name, images, layout, labels, classes, files }: ArrayPart): ImageSource {
  const { height, width, channels, count } = layout;
  const { path, offset, type } = images;
  const perBlock = Math.max(1, Math.floor(BLOCK / (height * width * channels * type.bytes)));
  let opened: Promise<ArrayFile> | undefined;
  const isPlain = offset !== undefined && type.name === 'uint8' && channels !== 4 && isChannelsLast(layout);
  const verify = async () => (await images.open()).source.close();
  return {
    name,
    count,
    classes,
    plain: isPlain ? { path, offset, shape: { height, width, channels }, count, labels, verify } : undefined,
    files,
    stamp: async () => `${resolve(images.name)} ${labels ? 'labelled' : 'unlabelled'}\n${await stampOf(files)}`,
    async *entries() {
      opened ??= images.open();
      const file = await opened;
      for (let first = 0; first < count; first += perBlock) {
        yield* entriesOf(file, first, Math.min(perBlock, count - first));
      }
    },
    async close() {
      await (await opened)?.source.close();
    },
  };

  function* entriesOf(file: ArrayFile, first: number, length: number): Generator<ImageEntry> {
    const bytes = height * width * channels * type.bytes;
    let block: Promise<Uint8Array> | undefined;
    const read = async () => {
      const target = new Uint8Array(length * bytes);
      await file.source.read(target, file.offset + first * bytes);
      return target;
    };
    for (let i = 0; i < length; i++) {
      yield {
        id: String(first + i),
        label: labels?.[first + i],
        where: `${images.name}[${first + i}]`,
        async read() {
          block ??= read();
          const values = decodeNumbers((await block).subarray(i * bytes, (i + 1) * bytes), type);
          return { height, width, channels, type: type.name, values: arrange(values, layout) };
        },
      };
    }
  }
}

/**
 * Sources one after another, as one.
 * @param rename gives an entry of source `i` an id that is unique among all, and perhaps a label
 */
export const joinedSource = (
  {
    name,
    classes,
    sources,
  }: {
    readonly name: string;
    readonly classes: readonly string[] | undefined;
    readonly sources: readonly ImageSource[];
  },
  rename: (entry: ImageEntry, i: number) => ImageEntry,
): ImageSource => ({
  name,
  classes,
  count: sources.reduce((sum, { count = 0 }) => sum + count, 0),
  files: sources.flatMap(({ files = [] }) => files),
  stamp: async () => (await Promise.all(sources.map((source) => source.stamp()))).join('\n'),
  async *entries() {
    for (const [i, source] of sources.entries()) for await (const entry of source.entries()) yield rename(entry, i);
  },
  async close() {
    for (const source of sources) await source.close();
  },
});
