import type { Placement } from './raster.ts';

/** Duration in milliseconds. */
const TIME = 280;

/**
 * Animates a picture's placement from where it is to its target; immediately where reduced motion is preferred.
 * @param show draws an intermediate position
 * @param done called on arrival
 * @returns a function that finishes the motion immediately
 */
export function glide(to: Placement, show: (part: Placement) => void, done: () => void): () => void {
  let request = 0;
  let over = false;
  const finish = () => {
    if (over) return;
    over = true;
    cancelAnimationFrame(request);
    done();
  };
  const there = Math.abs(to.scale - 1) < 1e-6 && Math.hypot(to.x, to.y) < 1e-6;
  if (there || matchMedia('(prefers-reduced-motion: reduce)').matches) {
    finish();
    return finish;
  }
  const began = performance.now();
  const frame = (now: number) => {
    const time = Math.max(0, now - began) / TIME;
    if (time >= 1) {
      finish();
      return;
    }
    const share = time * time * (3 - 2 * time);
    show({ scale: 1 + share * (to.scale - 1), x: share * to.x, y: share * to.y });
    request = requestAnimationFrame(frame);
  };
  request = requestAnimationFrame(frame);
  return finish;
}
