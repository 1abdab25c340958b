import { signal } from '@preact/signals';
import type { FileSource, OnBytes } from './files.ts';
import { readJson } from './files.ts';
import { readNpy } from './npy.ts';
import { bitmapOf, canvasOf } from './picture.ts';
import { FileProblem } from './problem.ts';
import { type ImageSetFile, parseFile, setSchema } from './schema.ts';

/** The images of a data set's split, with labels and ids. */
export interface ImageSet {
  readonly about: ImageSetFile;
  /** Class indices `[N]`, −1 for images without one; null where no image has one. */
  readonly labels: Int32Array | null;
  /** The class index of an image; null where it has none. */
  label(row: number): number | null;
  /** Whether the pixels of an image are there. Those of a large set are read when they are asked for, and some are kept. */
  has(row: number): boolean;
  /** Reads the pixels of some images. @throws FileProblem */
  ready(rows: Iterable<number>): Promise<readonly Uint8Array[]>;
  /**
   * Pixels 0–255 of one image, `[H, W, C]`. Those of a large set are black until they have been read; a component, a computed
   * signal or an effect that has asked for them then runs again.
   */
  pixels(row: number): Uint8Array;
  /** The id of an image, as `convae encode` writes it. */
  id(row: number): string;
}

/** Sets of at most this many sheets are read whole before they are shown. */
const SMALL = 8;
/**
 * Of others, so many bytes of sheets are kept, those that were read last, and of single images those that were asked for last:
 * at least so many, as a training in the page asks for them again and again.
 */
const MOST_BYTES = 2 ** 27;
const LEAST_IMAGES = 1200;
export const isLarge = ({ sheets }: Pick<ImageSetFile, 'sheets'>): boolean => sheets.length > SMALL;

/** Pixels of a sheet that are unpacked at a time. */
const BAND = 2 ** 19;

/** What counts the bytes that are read: those of sheets, whose sizes are known before, and those of other files. */
export interface ByteCounter {
  expect(bytes: number): void;
  readonly add: OnBytes;
  readonly addMore: OnBytes;
}

/** @throws FileProblem */
export async function loadImageSet(source: FileSource, counter: ByteCounter): Promise<ImageSet> {
  const about = parseFile(setSchema, await readJson(source, 'set.json'), 'set.json');
  const { height, width, channels } = about;
  if (!isLarge(about)) counter.expect(about.sheets.reduce((sum, { bytes = 0 }) => sum + bytes, 0));
  const [labels, ids] = await Promise.all([
    about.labels === null
      ? null
      : source.read(about.labels, counter.addMore).then((bytes) => readNpy(bytes, '<i4', 1, 'labels.npy').data),
    about.ids === null ? null : readJson(source, about.ids, counter.addMore),
  ]);
  if (labels && labels.length !== about.images) {
    throw new FileProblem(`labels.npy holds ${labels.length} labels for ${about.images} images`);
  }
  if (ids !== null && !(Array.isArray(ids) && ids.length === about.images)) {
    throw new FileProblem('ids.json does not hold an id for each image');
  }
  /** Pixels by sheet; it changes when another sheet has been read. */
  const sheets = signal<ReadonlyMap<Sheet, Uint8Array>>(new Map());
  const reading = new Map<Sheet, Promise<void>>();
  let last: Promise<unknown> = Promise.resolve();
  const read = (sheet: Sheet): Promise<void> => {
    const before = reading.get(sheet);
    if (before) return before;
    const bytes = source.read(sheet.file, sheet.bytes === undefined ? counter.addMore : counter.add);
    bytes.catch(() => undefined); // reported below
    // Unpacked one after another: that takes memory, and the page stays responsive between them.
    const next = last.then(async () => {
      const pixels = await unpackSheet(await bytes, about, sheet);
      // Others are told in a task of their own, so that a slow phone stays responsive.
      await new Promise((resolve) => setTimeout(resolve));
      const kept = new Map([...sheets.peek(), [sheet, pixels]]);
      let total = [...kept.values()].reduce((sum, { length }) => sum + length, 0);
      for (const [old, { length }] of isLarge(about) ? kept : []) {
        if (total <= MOST_BYTES || old === sheet) break;
        total -= length;
        kept.delete(old);
        reading.delete(old);
      }
      sheets.value = kept;
    });
    reading.set(sheet, next);
    last = next.catch(() => reading.delete(sheet));
    return next;
  };
  const sheetOf = (row: number): Sheet => {
    const sheet = about.sheets.find(({ first, count }) => row >= first && row < first + count);
    if (!sheet) throw new RangeError(`the set has no image ${row}`);
    return sheet;
  };
  if (!isLarge(about)) await Promise.all(about.sheets.map(read));
  /** Images that were asked for, the last ones at the end; their sheets may be gone. */
  const images = new Map<number, Uint8Array>();
  const most = isLarge(about) ? Math.max(LEAST_IMAGES, MOST_BYTES / (height * width * channels)) : 0;
  const find = (row: number): Uint8Array | null => {
    const sheet = sheetOf(row);
    const known = images.get(row);
    const all = known ? null : sheets.value.get(sheet);
    const pixels = known ?? (all && cutOut(all, about, sheet, row - sheet.first));
    if (!pixels) return null;
    images.delete(row);
    images.set(row, pixels);
    const [oldest = row] = images.keys();
    if (images.size > most) images.delete(oldest);
    return pixels;
  };
  return {
    about,
    labels,
    label: (row) => classOf(labels?.[row]),
    id: (row) => (Array.isArray(ids) ? String(ids[row]) : String(row)),
    has: (row) => images.has(row) || sheets.value.has(sheetOf(row)),
    async ready(rows) {
      const one = async (row: number) => {
        if (!images.has(row)) await read(sheetOf(row));
        return find(row) as Uint8Array; // before its sheet makes room for others
      };
      return Promise.all(Array.from(rows, one));
    },
    pixels(row) {
      const found = find(row);
      if (found) return found;
      read(sheetOf(row)).catch(() => undefined); // black; whoever needs it calls `ready`
      return new Uint8Array(height * width * channels);
    },
  };
}

/** The pixels of an image of a sheet. @param tile its number on it */
function cutOut(
  all: Uint8Array,
  { height, width, channels }: ImageSetFile,
  { columns }: Sheet,
  tile: number,
): Uint8Array {
  const pixels = new Uint8Array(height * width * channels);
  const [left, top] = [(tile % columns) * width, Math.floor(tile / columns) * height];
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * columns * width + left) * channels;
    pixels.set(all.subarray(from, from + width * channels), y * width * channels);
  }
  return pixels;
}

type Sheet = ImageSetFile['sheets'][number];

/** A label as a class index; null where there is none. */
const classOf = (label: number | undefined): number | null => (label === undefined || label < 0 ? null : label);

async function unpackSheet(
  bytes: Uint8Array<ArrayBuffer>,
  { height, width, channels }: ImageSetFile,
  sheet: Sheet,
): Promise<Uint8Array> {
  const bitmap = await bitmapOf(new Blob([bytes], { type: 'image/png' }), `${sheet.file} is not an image`, {});
  const [sheetWidth, sheetHeight] = [sheet.columns * width, Math.ceil(sheet.count / sheet.columns) * height];
  if (bitmap.width !== sheetWidth || bitmap.height < sheetHeight) {
    throw new FileProblem(
      `${sheet.file} has ${bitmap.width}×${bitmap.height} pixels, not ${sheetWidth}×${sheetHeight}`,
    );
  }
  const pixels = new Uint8Array(sheetWidth * sheetHeight * channels);
  const rows = Math.min(sheetHeight, Math.max(1, Math.floor(BAND / sheetWidth)));
  const context = canvasOf(sheetWidth, rows);
  context.globalCompositeOperation = 'copy';
  for (let top = 0; top < sheetHeight; top += rows) {
    // Each band in a task of its own, so that a slow phone stays responsive.
    await new Promise((resolve) => setTimeout(resolve));
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, sheetWidth, Math.min(rows, sheetHeight - top));
    pixels.set(dropChannels(data, channels), top * sheetWidth * channels);
  }
  bitmap.close();
  return pixels;
}

/** Converts RGBA to the images' number of channels. */
function dropChannels(rgba: Uint8ClampedArray<ArrayBuffer>, channels: number): Uint8Array {
  // The low byte of each pixel is its red, wherever browsers run: this is many times faster than a loop.
  if (channels === 1) return new Uint8Array(new Uint32Array(rgba.buffer));
  const pixels = new Uint8Array((rgba.length / 4) * channels);
  for (let i = 0, j = 0; i < rgba.length; i += 4) {
    for (let c = 0; c < channels; c++) pixels[j++] = rgba[i + c] as number;
  }
  return pixels;
}
