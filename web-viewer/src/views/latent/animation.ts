import { Channel } from '../../engine/channel.ts';
import type { Shape } from '../../ui/pixels.ts';
import type { GifCalls } from './gif-worker.ts';

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
  const frames = order.map((i) => images[i] as Float32Array);
  const delays = order.map((i) => (i === 0 || i === last ? END_DELAY : DELAY));
  const script = new Worker(new URL('./gif-worker.ts', import.meta.url), { type: 'module', name: 'gif' });
  const worker = new Channel<GifCalls>(script, 'the GIF cannot be created');
  try {
    const file = await worker.call(({ encode }) => encode(frames, delays, shape, ENLARGED), Number.POSITIVE_INFINITY);
    return new Blob([file], { type: 'image/gif' });
  } finally {
    worker.end();
  }
}
