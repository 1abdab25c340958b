import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { withFileErrors } from '../io/errors.ts';
import { type ByteSource, openFile } from '../io/source.ts';
import { blockCheck, blockSums } from './block-sums.js';
import type { PixelStore } from './dataset.ts';
import { runs } from './rows.ts';

type PixelFiles = Extract<PixelStore, { kind: 'files' }>['files'];

/** Reads images of equal size by position from files that contain them one after another. */
export function pixelReader(files: PixelFiles, bytes: number) {
  const sources = new Map<string, Promise<ByteSource>>();
  const sourceOf = (path: string): Promise<ByteSource> => {
    const opened = sources.get(path) ?? openFile(path);
    sources.set(path, opened);
    return opened;
  };
  const ends: number[] = [];
  for (const { images } of files) ends.push((ends.at(-1) ?? 0) + images);
  const checks = files.map(({ path, images, sums }) => sums && blockCheck(path, sums, images * bytes));
  const fileWith = (index: number) => ends.findIndex((end) => index < end);
  return {
    /** Reads images into `target`, one after another. @throws InputError when a file is missing, too short or damaged */
    async read(indices: ArrayLike<number>, target: Uint8Array): Promise<void> {
      const joined = (i: number) => {
        const [index, before] = [indices[i] as number, indices[i - 1] as number];
        return index === before + 1 && !ends.includes(index);
      };
      for (const { from, to } of runs(indices.length, joined)) {
        const first = indices[from] as number;
        const at = fileWith(first);
        const { path, offset, images } = files[at] as PixelFiles[number];
        const position = offset + (first - ((ends[at] as number) - images)) * bytes;
        const source = await sourceOf(path);
        for (const { index, start, length } of checks[at]?.unchecked(position, position + (to - from) * bytes) ?? []) {
          const block = new Uint8Array(length);
          await source.read(block, start);
          await withFileErrors(`cannot read ${path}`, async () => checks[at]?.accept(index, block));
        }
        await source.read(target.subarray(from * bytes, to * bytes), position);
      }
    },
    async close(): Promise<void> {
      const opened = await Promise.allSettled(sources.values());
      sources.clear();
      for (const end of opened) if (end.status === 'fulfilled') await end.value.close();
    },
  };
}

/** Names of files of pixels in the image cache. */
export const PIXELS = /^(train|val|test|all)-\d+\.u8$/;

/** Bytes of a file of pixels, about: small enough to copy, large enough to be few. */
const SHARD = 2 ** 28;
/** Bytes that are written at a time. */
const CHUNK = 2 ** 22;

/** Writes images one after another into files `<name>-000.u8` … of a folder. */
export function pixelWriter(folder: string, name: string, bytes: number) {
  const perShard = Math.max(1, Math.floor(SHARD / bytes));
  const chunk = new Uint8Array(Math.max(1, Math.floor(CHUNK / bytes)) * bytes);
  const files: { path: string; offset: number; images: number; sums: number[] }[] = [];
  let file: FileHandle | undefined;
  let used = 0;
  let checksums = blockSums();
  const flush = async () => {
    checksums.add(chunk.subarray(0, used));
    if (used > 0) await file?.appendFile(chunk.subarray(0, used));
    used = 0;
  };
  return {
    /** The files written so far, with paths inside the folder. */
    files: files as readonly Readonly<(typeof files)[number]>[],
    async write(image: Uint8Array): Promise<void> {
      let last = files.at(-1);
      if (!last || last.images === perShard) {
        await this.close();
        checksums = blockSums();
        const { sums } = checksums;
        last = { path: `${name}-${String(files.length).padStart(3, '0')}.u8`, offset: 0, images: 0, sums };
        files.push(last);
        file = await open(join(folder, last.path), 'w');
      }
      if (used === chunk.length) await flush();
      chunk.set(image, used);
      used += bytes;
      last.images++;
    },
    async close(): Promise<void> {
      await flush();
      await file?.close();
      file = undefined;
    },
  };
}
