import type { FileSource, OnBytes } from './files.ts';
import { readJson } from './files.ts';
import { readNpy } from './npy.ts';
import { FileProblem } from './problem.ts';
import { type ImageSetFile, parseFile, setSchema } from './schema.ts';

/** The images of a data set's split, with labels and ids. */
export interface ImageSet {
  readonly about: ImageSetFile;
  /** Class indices `[N]`, −1 for images without one; null where no image has one. */
  readonly labels: Int32Array | null;
  /** The class index of an image; null where it has none. */
  label(row: number): number | null;
  /** Pixels 0–255 of one image, `[H, W, C]`. */
  pixels(row: number): Uint8Array;
  /** The id of an image, as `convae encode` writes it. */
  id(row: number): string;
  /** The sheets as bitmaps, for textures: tiles of W×H, `columns` in a row. */
  readonly sheets: readonly {
    readonly bitmap: ImageBitmap;
    readonly first: number;
    readonly count: number;
    readonly columns: number;
  }[];
}

/** @throws FileProblem */
export async function loadImageSet(source: FileSource, onBytes?: OnBytes): Promise<ImageSet> {
  const about = parseFile(setSchema, await readJson(source, 'set.json'), 'set.json');
  const [labels, ids, sheets] = await Promise.all([
    about.labels === null
      ? null
      : source.read(about.labels, onBytes).then((bytes) => readNpy(bytes, '<i4', 1, 'labels.npy').data),
    about.ids === null ? null : readJson(source, about.ids),
    Promise.all(about.sheets.map((sheet) => loadSheet(source, about, sheet, onBytes))),
  ]);
  if (labels && labels.length !== about.images) {
    throw new FileProblem(`labels.npy holds ${labels.length} labels for ${about.images} images`);
  }
  if (ids !== null && !(Array.isArray(ids) && ids.length === about.images)) {
    throw new FileProblem('ids.json does not hold an id for each image');
  }
  const { height, width, channels } = about;
  return {
    about,
    labels,
    sheets,
    label: (row) => classOf(labels?.[row]),
    id: (row) => (Array.isArray(ids) ? String(ids[row]) : String(row)),
    pixels(row) {
      const sheet = sheets.find(({ first, count }) => row >= first && row < first + count);
      if (!sheet) throw new RangeError(`the set has no image ${row}`);
      const tile = row - sheet.first;
      const [left, top] = [(tile % sheet.columns) * width, Math.floor(tile / sheet.columns) * height];
      const pixels = new Uint8Array(height * width * channels);
      for (let y = 0; y < height; y++) {
        const from = ((top + y) * sheet.columns * width + left) * channels;
        pixels.set(sheet.pixels.subarray(from, from + width * channels), y * width * channels);
      }
      return pixels;
    },
  };
}

/** A label as a class index; null where there is none. */
export const classOf = (label: number | undefined): number | null => (label === undefined || label < 0 ? null : label);

async function loadSheet(
  source: FileSource,
  { height, width, channels }: ImageSetFile,
  sheet: ImageSetFile['sheets'][number],
  onBytes: OnBytes | undefined,
) {
  const bytes = await source.read(sheet.file, onBytes);
  // Exact pixels: no colour conversion, no premultiplied alpha.
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }), {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  }).catch(() => {
    throw new FileProblem(`${sheet.file} is not an image`);
  });
  const [sheetWidth, sheetHeight] = [sheet.columns * width, Math.ceil(sheet.count / sheet.columns) * height];
  if (bitmap.width !== sheetWidth || bitmap.height < sheetHeight) {
    throw new FileProblem(
      `${sheet.file} has ${bitmap.width}×${bitmap.height} pixels, not ${sheetWidth}×${sheetHeight}`,
    );
  }
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new FileProblem('this browser cannot read images');
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return { ...sheet, bitmap, pixels: dropChannels(data, channels) };
}

/** Converts RGBA to the images' number of channels. */
function dropChannels(rgba: Uint8ClampedArray, channels: number): Uint8Array {
  const pixels = new Uint8Array((rgba.length / 4) * channels);
  for (let i = 0, j = 0; i < rgba.length; i += 4) {
    for (let c = 0; c < channels; c++) pixels[j++] = rgba[i + c] as number;
  }
  return pixels;
}
