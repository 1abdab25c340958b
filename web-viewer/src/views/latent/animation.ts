import type { Shape } from '../../ui/pixels.ts';
import type { GifReply, GifRequest } from './gif-worker.ts';

/** Enlargement of an image's pixels in files. */
export const ENLARGED = 8;
/** How long each frame of an animation is shown, in milliseconds, and the first and last frames. */
const DELAY = 80;
const END_DELAY = 480;

/** Back and forth without repeating an end: 0 1 2 3 2 1. */
export function thereAndBack<T>(items: readonly T[]): readonly T[] {
  return [...items, ...items.slice(1, -1).reverse()];
}

/** A GIF that plays images in [0, 1] back and forth in a loop, created in a worker. @throws Error when that fails */
export async function animation(images: readonly Float32Array[], shape: Shape): Promise<Blob> {
  const last = images.length - 1;
  const order = thereAndBack(images.map((_, i) => i));
  const request: GifRequest = {
    images: order.map((i) => images[i] as Float32Array),
    delays: order.map((i) => (i === 0 || i === last ? END_DELAY : DELAY)),
    shape,
    scale: ENLARGED,
  };
  const worker = new Worker(new URL('./gif-worker.ts', import.meta.url), { type: 'module', name: 'gif' });
  try {
    const reply = await new Promise<GifReply>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<GifReply>) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`the GIF cannot be created: ${event.message || 'its script cannot be loaded'}`));
      };
      worker.postMessage(request);
    });
    if ('error' in reply) throw new Error(`the GIF cannot be created: ${reply.error}`);
    return new Blob([reply.file], { type: 'image/gif' });
  } finally {
    worker.terminate();
  }
}
