import { report } from '../state/store.ts';
import { save } from './save.ts';

/** An RGBA picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** Downloads a PNG file with exactly these pixels; failures are reported in `problem`. */
export async function savePng({ width, height, data }: Picture, name: string): Promise<void> {
  try {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    if (!context) throw new Error('this browser cannot create a picture');
    context.putImageData(new ImageData(data, width, height), 0, 0);
    save(await canvas.convertToBlob({ type: 'image/png' }), name);
  } catch (error) {
    report(error);
  }
}
