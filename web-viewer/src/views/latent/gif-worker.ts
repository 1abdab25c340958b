import { encode } from 'modern-gif';
import { serve } from '../../engine/serve.ts';
import type { Shape } from '../../ui/pixels.ts';
import { sheet } from '../../ui/sheet.ts';

const calls = {
  /** A GIF of images in [0, 1], each shown for so many milliseconds and enlarged `scale` times. */
  async encode(images: readonly Float32Array[], delays: readonly number[], shape: Shape, scale: number) {
    const frames = images.map((image, i) => ({
      data: sheet([image], 1, shape, { scale }).data,
      delay: delays[i] ?? 100,
    }));
    return new Uint8Array(await encode({ width: shape.width * scale, height: shape.height * scale, frames }));
  },
};
serve(calls);
export type GifCalls = typeof calls;
