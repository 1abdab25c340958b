import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import type { Drawing } from './drawing.ts';
import { drawGrid } from './grid.ts';

type Pixels = Uint8Array | Float32Array;

const toBytes = (pixels: Pixels): Uint8Array =>
  pixels instanceof Uint8Array ? pixels : new Uint8Array(Uint8ClampedArray.from(pixels, (value) => value * 255));

export interface ReconstructionGrid {
  readonly shape: ImageShape;
  /** `[n, height, width, channels]`, bytes 0–255 or numbers in [0, 1]. */
  readonly originals: Pixels;
  readonly reconstructions: Pixels;
  /** Pairs side by side; 8 by default. */
  readonly columns?: number | undefined;
}

/** Images above, their reconstructions below; more pairs than columns go on in further double rows. */
export async function drawReconstructions({
  shape,
  originals,
  reconstructions,
  columns = 8,
}: ReconstructionGrid): Promise<Drawing> {
  const [above, below] = [toBytes(originals), toBytes(reconstructions)];
  if (above.length !== below.length)
    throw new RangeError(`${above.length} bytes of images, ${below.length} of reconstructions`);
  const size = bytesPerImage(shape);
  const count = above.length / size;
  const across = Math.min(columns, count);
  const blocks = Math.ceil(count / across);
  const images = new Uint8Array(2 * blocks * across * size).fill(255);
  for (let block = 0; block < blocks; block++) {
    const part = [block * across * size, Math.min(count, (block + 1) * across) * size] as const;
    images.set(above.subarray(...part), 2 * block * across * size);
    images.set(below.subarray(...part), (2 * block + 1) * across * size);
  }
  const rowLabels = Array.from({ length: blocks }, () => ['original', 'reconstruction']).flat();
  return drawGrid({ shape, images, columns: across, rowLabels });
}

export interface ConditionalGrid {
  readonly shape: ImageShape;
  /** Row by row, one image of each class in a row, `[rows × classes, height, width, channels]`. */
  readonly images: Pixels;
  readonly classes: readonly string[];
}

/** Samples of a conditional model: a column for each class, headed by its name. */
export const drawConditionalSamples = ({ shape, images, classes }: ConditionalGrid): Promise<Drawing> =>
  drawGrid({ shape, images, columns: classes.length, columnLabels: classes });

export interface InterpolationStrips {
  readonly shape: ImageShape;
  /** Strip after strip, `[strips × steps, height, width, channels]`. */
  readonly images: Pixels;
  readonly steps: number;
}

/** Interpolations, one to a row, the columns headed by the share of the way that is gone. */
export function drawInterpolations({ shape, images, steps }: InterpolationStrips): Promise<Drawing> {
  const columnLabels = Array.from({ length: steps }, (_, i) => `${Math.round((100 * i) / Math.max(1, steps - 1))} %`);
  return drawGrid({ shape, images, columns: steps, columnLabels });
}
