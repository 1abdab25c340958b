import { createHash } from 'node:crypto';
import type { ImageIndex } from '../artifacts/image-index.ts';
import type { ImageShape } from './dataset.ts';
import { bytesPerImage } from './dataset.ts';

/** Images from which the mean image is computed. */
const SAMPLE = 2000;
/** Sizes that an index lists. */
const MOST_SIZES = 20;
/** Sides above which a training step takes seconds. */
const LARGE = 256 * 256;

const FRAMES = 'files with several frames or pages';
const CLIPPED = 'images with numbers beyond black or white';

/** What is to be said of files of which only the first image is read. */
export const onFrames = (files: number): string => `${FRAMES}: ${files}; only the first of each is used`;
/** What is to be said of images with numbers beyond those that are black and white. */
export const onClipped = (images: number): string => `${CLIPPED}: ${images}; these numbers are cut off`;
/** Whether a warning matters to a trained model, too. */
export const isOnReading = (warning: string): boolean => [FRAMES, CLIPPED].some((start) => warning.startsWith(start));

/** Range of the numbers of one type, before scaling, and how many images have them. */
export interface TypeRange {
  min: number;
  max: number;
  images: number;
}

/** What is learned about a data set while its images are read once. */
export class Facts {
  /** Images by `WIDTHxHEIGHT`, before fitting. */
  readonly sizes = new Map<string, number>();
  readonly ranges = new Map<string, TypeRange>();
  coloured = 0;
  transparent = 0;
  /** Files with several frames or pages, of which only the first is read. */
  animated = 0;
  /** Files whose pages are channels, which are images of one kind here. */
  multichannel = 0;
  /** Images with numbers beyond those that are black and white. */
  clipped = 0;
  readonly #histogram = new Float64Array(256);
  readonly #hashes = new Set<bigint>();
  readonly #ofPart = new Set<bigint>();
  readonly duplicates = { within: 0, across: 0 };
  /** Sums of pixels and of their squares over a sample of the images. */
  readonly #sums: Float64Array;
  #squares = 0;
  #sampled = 0;
  #images = 0;
  readonly #stride: number;
  readonly shape: ImageShape;

  /** @param count of images, about */
  constructor(shape: ImageShape, count: number) {
    this.shape = shape;
    this.#sums = new Float64Array(bytesPerImage(shape));
    this.#stride = Math.max(1, Math.floor(count / SAMPLE));
  }

  /** A part of the data set begins. */
  beginPart(): void {
    for (const hash of this.#ofPart) this.#hashes.add(hash);
    this.#ofPart.clear();
  }

  addSize({ height, width }: Pick<ImageShape, 'height' | 'width'>, images = 1): void {
    const size = `${width}x${height}`;
    this.sizes.set(size, (this.sizes.get(size) ?? 0) + images);
  }

  addRange(type: string, { min, max }: { min: number; max: number }, images = 1): void {
    const known = this.ranges.get(type) ?? { min, max, images: 0 };
    this.ranges.set(type, {
      min: Math.min(min, known.min),
      max: Math.max(max, known.max),
      images: known.images + images,
    });
  }

  /** Adds an image as the model sees it. */
  addPixels(pixels: Uint8Array): void {
    const histogram = this.#histogram;
    for (let i = 0; i < pixels.length; i++) (histogram[pixels[i] as number] as number)++;
    if (this.#images++ % this.#stride === 0) {
      this.#sampled++;
      for (let i = 0; i < pixels.length; i++) {
        const value = pixels[i] as number;
        (this.#sums[i] as number) += value;
        this.#squares += value * value;
      }
    }
    const hash = createHash('sha256').update(pixels).digest().readBigUInt64LE();
    if (this.#ofPart.has(hash)) this.duplicates.within++;
    else if (this.#hashes.has(hash)) this.duplicates.across++;
    this.#ofPart.add(hash);
  }

  /** The lowest pixel that a share of all pixels does not exceed. */
  #percentile(share: number): number {
    const total = this.#histogram.reduce((sum, count) => sum + count, 0);
    let below = 0;
    return this.#histogram.findIndex((count) => {
      below += count;
      return below >= share * total;
    });
  }

  /** Range and mean of the pixels, 0–255. */
  get scaled(): { scaled: [number, number]; mean: number } {
    const total = this.#histogram.reduce((sum, count) => sum + count, 0);
    const sum = this.#histogram.reduce((sum, count, value) => sum + count * value, 0);
    const max = 255 - [...this.#histogram].reverse().findIndex((count) => count > 0);
    return { scaled: [this.#histogram.findIndex((count) => count > 0), max], mean: sum / total };
  }

  /** The most frequent sizes first. */
  get mostSizes(): ImageIndex['sizes'] {
    const sorted = [...this.sizes].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    return sorted.slice(0, MOST_SIZES).map(([size, images]) => ({ size, images }));
  }

  /** What suggests that the images were read wrongly, or are not worth training on; one line each. */
  get warnings(): string[] {
    const { height, width } = this.shape;
    const [min, max] = this.scaled.scaled;
    const variance = this.#sums.reduce((rest, sum) => rest - sum ** 2 / this.#sampled, this.#squares) / this.#sampled;
    const spread = Math.sqrt(Math.max(0, variance) / this.#sums.length);
    const bright = this.#percentile(0.999);
    const dark = this.#percentile(0.001);
    const { within, across } = this.duplicates;
    const range = 'if that is wrong, give the numbers that are black and white with --range MIN,MAX';
    return [
      ...(min === max ? [`all pixels have the same value, ${min} of 255; ${range}`] : []),
      ...(min < max && bright < 26
        ? [`the images are nearly black: 99.9 % of their pixels are at most ${bright} of 255; ${range}`]
        : []),
      ...(min < max && dark > 229
        ? [`the images are nearly white: 99.9 % of their pixels are at least ${dark} of 255; ${range}`]
        : []),
      ...(min < max && this.#sampled > 1 && spread < 2
        ? [`the images are nearly identical: pixels differ from the mean image by ${spread.toFixed(2)} of 255`]
        : []),
      ...(this.animated > 0 ? [onFrames(this.animated)] : []),
      ...(this.clipped > 0 ? [onClipped(this.clipped)] : []),
      ...(this.multichannel > 0
        ? [
            `stacks whose pages are of several channels, which are mixed here: ${this.multichannel}; save one file a channel`,
          ]
        : []),
      ...(within > this.#images / 100 ? [`exact duplicates of another image in their part: ${within}`] : []),
      ...(across > 0
        ? [`exact duplicates of an image in another part: ${across}; errors on images held out come out too low`]
        : []),
      ...(height * width > LARGE ? [`images of ${width}×${height} train slowly; --size 128 makes them smaller`] : []),
    ];
  }
}
