import { resolve } from 'node:path';
import type { PartName } from '../artifacts/image-index.ts';
import type { Preprocessing } from '../artifacts/preprocessing.ts';
import { stopIfAborted } from '../io/errors.ts';
import { bytesPerImage, type ImageShape } from './dataset.ts';
import { Facts } from './facts.ts';
import type { DataSource } from './image-source.ts';
import type { DataOptions } from './options.ts';
import { partsOf, type Read, type ReadPart } from './pass.ts';
import { pixelReader } from './pixel-files.ts';
import { range } from './rows.ts';

/** Bytes that are read at a time. */
const CHUNK = 2 ** 22;

/**
 * Reads plain pixels that are wanted as they are: only facts are collected, nothing is copied.
 * @returns undefined where the pixels are not plain or must be changed
 * @throws InputError when a file is missing or too short; Interrupted
 */
export async function readPlain(source: DataSource, options: DataOptions): Promise<Read | undefined> {
  const { range: asked, signal, progress } = options;
  const sources = partsOf(source).flatMap(([name, { plain, name: title }]) => (plain ? [{ name, title, plain }] : []));
  const shape = sources[0]?.plain.shape;
  if (!shape || asked || sources.length < partsOf(source).length) return undefined;
  const preprocessing = wanted(shape, options);
  const fits = ({ plain }: (typeof sources)[number]) =>
    (['height', 'width', 'channels'] as const).every((side) => plain.shape[side] === preprocessing[side]);
  if (!sources.every(fits) || preprocessing.scalings.some(({ type }) => type === 'uint8')) return undefined;

  const total = sources.reduce((sum, { plain }) => sum + plain.count, 0);
  const facts = new Facts(shape, total);
  const parts: Partial<Record<PartName, ReadPart>> = {};
  const bytes = bytesPerImage(shape);
  let done = 0;
  for (const { name, title, plain } of sources) {
    const { count, offset, path, labels = new Array<undefined>(count).fill(undefined) } = plain;
    await plain.verify?.();
    facts.beginPart();
    const files = [{ path: resolve(path), offset, images: count }];
    const reader = pixelReader(files, bytes);
    const step = Math.min(count, Math.max(1, Math.floor(CHUNK / bytes)));
    const pixels = new Uint8Array(step * bytes);
    try {
      for (let start = 0; start < count; start += step) {
        stopIfAborted(signal);
        const read = Math.min(step, count - start);
        await reader.read(range(start, read), pixels);
        for (let i = 0; i < read; i++) facts.addPixels(pixels.subarray(i * bytes, (i + 1) * bytes));
        done += read;
        progress?.(done, total);
      }
    } finally {
      await reader.close();
    }
    facts.addSize(shape, count);
    parts[name] = { name: title, images: count, files, skipped: [], ids: undefined, labels, unread: [] };
  }
  const [min, max] = facts.scaled.scaled;
  if (max === 1 && !options.preprocessing) return undefined; // 0 and 1 are black and white
  facts.addRange('uint8', { min, max }, total);
  return { preprocessing, facts, parts };
}

/** What the options ask for; by default the images as they are. */
function wanted(shape: ImageShape, options: DataOptions): Preprocessing {
  const { preprocessing, size = shape, channels = 'auto', fit = 'cover', background = '#ffffff' } = options;
  if (preprocessing) return preprocessing;
  const { height, width } = size;
  const kept = channels === 'auto' ? shape.channels : channels === 'gray' ? 1 : 3;
  return { height, width, channels: kept, fit, background, scalings: [] };
}
