import { signal } from '@preact/signals';
import { showLatent } from './explore.ts';
import { currentLatent, engine, label, latentOrigin, type OpenModel } from './store.ts';

/** Whether the walk is running. */
export const walking = signal(false);

/** Time from one image to the next in milliseconds, and the share of it spent at rest. */
const STEP = 2600;
const REST = 0.25;
/** Time between two latents: a slow walk needs no more, and this saves power. */
const INTERVAL = 30;
/** Longer pauses, as in a hidden tab, do not advance the walk further than this. */
const MAX_PAUSE = 100;

/**
 * Walks slowly through the latents of the set's images, until the visitor interacts or another latent is shown. With
 * reduced motion only the first image's latent is shown. Where the decoder is conditional, all images are of one class.
 * @returns a function that ends it
 */
export function startWalk(model: OpenModel): () => void {
  const { points, card } = model;
  if (!points) {
    showLatent(Float32Array.from(card.latent.statistics.mean), 'walk');
    return () => undefined;
  }
  const size = card.latent.size;
  const rows = walkedRows(model);
  const latentOf = (step: number) => {
    const row = rows(step);
    return points.latents.subarray(row * size, (row + 1) * size);
  };
  showLatent(latentOf(0).slice(), 'walk');
  const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  if (reducedMotion.matches) return () => undefined;
  const stop = new AbortController();
  walking.value = true;
  stop.signal.addEventListener('abort', () => {
    walking.value = false;
  });
  const options = { signal: stop.signal, capture: true, passive: true } as const;
  for (const event of ['pointerdown', 'keydown', 'wheel', 'dragenter', 'paste', 'hashchange'] as const) {
    window.addEventListener(event, () => stop.abort(), options);
  }
  reducedMotion.addEventListener('change', () => stop.abort(), options);
  let [time, before] = [0, performance.now()];
  const frame = (now: number) => {
    // Setting a latent anywhere else ends the walk.
    if (latentOrigin.peek() !== 'walk') stop.abort();
    if (stop.signal.aborted) return;
    requestAnimationFrame(frame);
    // Nothing is decoded before the library has come.
    if (!engine.peek()) before = now;
    if (now - before < INTERVAL) return;
    time += Math.min(MAX_PAUSE, now - before);
    before = now;
    const step = Math.floor(time / STEP);
    const [from, to] = [latentOf(step), latentOf(step + 1)];
    const share = smoothstep(Math.max(0, (time / STEP - step - REST) / (1 - REST)));
    currentLatent.value = Float32Array.from(from, (value, d) => value + share * ((to[d] as number) - value));
  };
  requestAnimationFrame(frame);
  return () => stop.abort();
}

/** Eases in and out: 0 to 0, 1 to 1. */
const smoothstep = (share: number): number => share * share * (3 - 2 * share);

/** Rows of the set in a fixed scattered order; of the selected class where the decoder takes one. */
function walkedRows({ points, card, set }: Pick<OpenModel, 'points' | 'card' | 'set'>): (step: number) => number {
  const count = points?.count ?? 1;
  const labels = card.conditional.decoder ? set?.labels : null;
  const value = label.peek();
  let rows = Array.from({ length: count }, (_, row) => row);
  const own = labels ? rows.filter((row) => labels[row] === value) : [];
  if (own.length > 1) rows = own;
  return (step) => rows[(17 + step * 7919) % rows.length] as number;
}
