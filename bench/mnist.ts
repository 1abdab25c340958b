import { bytesPerImage, type ImageShape } from '../pipeline/data/dataset.ts';
import { openSplit } from '../pipeline/data/open.ts';
import { range } from '../pipeline/data/rows.ts';

/** Images in memory. */
export interface Images {
  readonly length: number;
  readonly shape: ImageShape;
  /** `[length, H, W, C]` */
  readonly pixels: Uint8Array;
}

/** All of MNIST's images. */
export async function mnistInMemory(): Promise<Images> {
  const dataset = await openSplit('mnist', 'all');
  try {
    const { length, shape } = dataset;
    const pixels = new Uint8Array(length * bytesPerImage(shape));
    await dataset.read(range(0, length), pixels);
    return { length, shape, pixels };
  } finally {
    await dataset.close();
  }
}
