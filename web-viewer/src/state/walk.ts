import { showLatent } from './explore.ts';
import {
  currentLatent,
  engine,
  input,
  label,
  latentOrigin,
  type OpenModel,
  model as openModel,
  walking,
} from './store.ts';

/** Time from one image to the next in milliseconds, and the share of it spent at rest. */
const STEP = 2600;
const REST = 0.25;
/** Time between two latents: a slow walk needs no more, and this saves power. */
const INTERVAL = 30;
/** Longer pauses, as in a hidden tab, do not advance the walk further than this. */
const MAX_PAUSE = 100;
/** A walk that nobody stops ends after this time, in milliseconds. */
const LIMIT = 120_000;

/** The idle walk, which shows a visitor what latents are before anything is touched. */
export function createWalk() {
  let touched = false;
  const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  const stop = () => {
    walking.value = false;
  };
  const touch = () => {
    touched = true;
    stop();
  };
  for (const event of ['pointerdown', 'keydown', 'wheel', 'dragenter', 'paste', 'hashchange'] as const) {
    window.addEventListener(event, touch, { capture: true, passive: true, once: true });
  }
  document.addEventListener('visibilitychange', () => document.hidden && stop());
  reducedMotion.addEventListener('change', stop);
  return {
    /**
     * Walks slowly through the latents of the set's images until the visitor interacts, another latent is shown, the tab is
     * hidden or two minutes have passed; the visitor's first action ends walks for good. With reduced motion only the first
     * image's latent is shown. Where the decoder is conditional, all images are of one class.
     */
    start(model: OpenModel): void {
      stop();
      const { points, card } = model;
      if (!points) {
        showLatent(Float32Array.from(card.latent.statistics.mean), 'walk');
        return;
      }
      if (touched && input.peek()) return;
      const size = card.latent.size;
      let [of, rows] = [model, walkedRows(model)];
      const latentOf = (step: number) => {
        const row = rows(step);
        return points.latents.subarray(row * size, (row + 1) * size);
      };
      showLatent(latentOf(0).slice(), 'walk');
      if (touched || reducedMotion.matches || document.hidden) return;
      walking.value = true;
      const began = performance.now();
      let [time, before] = [0, began];
      const frame = (now: number) => {
        // Setting a latent anywhere else ends the walk.
        if (latentOrigin.peek() !== 'walk' || openModel.peek()?.source !== model.source || now - began > LIMIT) stop();
        const opened = openModel.peek();
        if (!walking.peek() || !opened) return;
        requestAnimationFrame(frame);
        // Its images, and their classes, may come later.
        if (opened !== of) [of, rows] = [opened, walkedRows(opened)];
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
    },
  };
}

/** Eases in and out: 0 to 0, 1 to 1. */
const smoothstep = (share: number): number => share * share * (3 - 2 * share);

/** Rows of the set in a fixed scattered order; of the selected class where the decoder takes one. */
function walkedRows({ points, card, set }: Pick<OpenModel, 'points' | 'card' | 'set'>): (step: number) => number {
  const labels = (card.conditional.decoder && set?.labels) || new Int32Array();
  const value = label.peek();
  const own = Array.from(labels.keys()).filter((row) => labels[row] === value);
  return (step) => {
    const place = 17 + step * 7919;
    return own.length > 1 ? (own[place % own.length] as number) : place % (points?.count ?? 1);
  };
}
