import { encode } from 'modern-gif';
import { messageOf } from '../../site/problem.ts';
import type { Shape } from '../../ui/pixels.ts';
import { sheet } from '../../ui/sheet.ts';

/** A request: images in [0, 1], and how long each is shown, in milliseconds. */
export interface GifRequest {
  readonly images: readonly Float32Array[];
  readonly delays: readonly number[];
  readonly shape: Shape;
  readonly scale: number;
}

/** The file, or the error. */
export type GifReply = { readonly file: ArrayBuffer } | { readonly error: string };

const post = (reply: GifReply) => self.postMessage(reply);

self.onmessage = async ({ data: { images, delays, shape, scale } }: MessageEvent<GifRequest>) => {
  try {
    const frames = images.map((image, i) => ({
      data: sheet([image], 1, shape, { scale }).data,
      delay: delays[i] ?? 100,
    }));
    post({ file: await encode({ width: shape.width * scale, height: shape.height * scale, frames }) });
  } catch (error) {
    post({ error: messageOf(error) });
  }
};
