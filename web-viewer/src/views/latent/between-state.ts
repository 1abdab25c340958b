import { computed, effect, signal } from '@preact/signals';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { showCode } from '../../state/explore.ts';
import {
  classes,
  code,
  codeOrigin,
  conditional,
  engine,
  input,
  label,
  model,
  type OpenModel,
  reading,
} from '../../state/store.ts';
import { imageName } from './caption.ts';
import { codeBetween, codesBetween, split } from './dimensions.ts';

/** Frames of a walk. */
export const FRAMES = 12;
/** Time of a walk in one direction, in milliseconds. */
const DURATION = 3000;
const REST = 150;

/** An end of a walk. */
export interface End {
  readonly latent: Float32Array;
  /** The image itself, where there is one. */
  readonly pixels: Uint8Array | null;
  readonly name: string;
  /** For a file's name. */
  readonly file: string;
  readonly row: number | null;
}

/** Ends that the visitor has chosen, with their model; and how often another B was asked for. */
const chosen = signal<{ readonly of: OpenModel; readonly a: End | null; readonly b: End | null } | null>(null);
const turn = signal(0);
const choice = computed(() => (chosen.value?.of === model.value ? chosen.value : null));

/** Where the walk begins: the chosen code, else the input's. */
export const endA = computed(() => choice.value?.a ?? inputEnd.value);
/** Where it ends: the chosen code, else that of another image of the set. */
export const endB = computed(() => choice.value?.b ?? otherEnd.value);
/** How far the walk has come, 0 to 1, and whether it goes on by itself. */
export const place = signal(0);
export const playing = signal(false);
/** The frames of the walk, and the ends and the class that they are of. */
export const frames = signal<{
  readonly of: OpenModel;
  readonly a: End;
  readonly b: End;
  readonly images: readonly Float32Array[];
} | null>(null);

const inputEnd = computed((): End | null => {
  if (!reading.value) return null;
  const { image, codes } = reading.value;
  return {
    latent: codes.latent,
    pixels: image.pixels,
    name: imageName(image, classes.value),
    file: String(image.row ?? 'input'),
    row: image.row,
  };
});

/** An image far from A in the set, of another class; of the same one where the decoder is told it. */
const otherEnd = computed((): End | null => {
  const { points, set, card } = model.value ?? {};
  if (!points || !set || !card) return null;
  const from = endA.value?.row ?? -1;
  const { labels } = set;
  const own = labels?.[from] ?? label.value;
  const wanted = (row: number) => row !== from && (!labels || (labels[row] === own) === conditional.value);
  let row = (from + 4001 + turn.value * 7919) % points.count;
  for (let tries = 0; tries < points.count && !wanted(row); tries++) row = (row + 1) % points.count;
  const size = card.latent.size;
  return {
    latent: points.latents.slice(row * size, (row + 1) * size),
    pixels: set.pixels(row),
    name: imageName({ pixels: set.pixels(row), origin: 'set', row, label: labels?.[row] ?? null }, classes.value),
    file: String(row),
    row,
  };
});

/** Takes the code that is shown as an end. */
export function setEnd(end: 'a' | 'b'): void {
  const of = model.value;
  if (!of || !code.value) return;
  const isInput = codeOrigin.value === 'input' && inputEnd.value !== null;
  const taken: End = isInput
    ? (inputEnd.value as End)
    : { latent: code.value, pixels: null, name: 'a code without an image', file: 'code', row: null };
  chosen.value = { of, a: choice.value?.a ?? null, b: choice.value?.b ?? null, [end]: taken };
  place.value = end === 'a' ? 0 : 1;
}

/** Takes another image of the set as B. */
export function nextEnd(): void {
  const of = model.value;
  if (!of) return;
  turn.value += 1;
  chosen.value = { of, a: choice.value?.a ?? null, b: null };
}

/** Shows the code at a share, 0 to 1, of the way. */
export function goTo(share: number): void {
  const [a, b] = [endA.peek(), endB.peek()];
  if (!a || !b) return;
  place.value = share;
  showCode(codeBetween(a.latent, b.latent, share), 'between');
}

/** Goes there and back until paused, or until something else sets the code. */
export function play(): void {
  playing.value = true;
  const of = model.peek();
  let phase = place.peek() >= 1 ? 1 : place.peek();
  let before = performance.now();
  goTo(phase);
  const frame = (now: number) => {
    if (!playing.peek()) return;
    if (codeOrigin.peek() !== 'between' || model.peek() !== of) {
      playing.value = false;
      return;
    }
    // From 0 to 1 and back to 2, which is 0 again.
    phase = (phase + Math.max(0, Math.min(100, now - before)) / DURATION) % 2;
    before = now;
    goTo(1 - Math.abs(1 - phase));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

interface Wanted {
  readonly by: Engine;
  readonly of: OpenModel;
  readonly a: End;
  readonly b: End;
  readonly given: number;
}

/** Keeps the frames up to date. @returns what ends that */
export function followFrames(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const decode = latest(async ({ by, of, a, b, given }: Wanted) => {
    const batch = await by
      .decode(FRAMES, codesBetween(a.latent, b.latent, FRAMES), new Int32Array(FRAMES).fill(given))
      .catch(() => null);
    if (batch && model.value === of) frames.value = { of, a, b, images: split(batch, FRAMES) };
  });
  const ends = [
    effect(() => {
      const [by, of, a, b, given] = [engine.value, model.value, endA.value, endB.value, label.value];
      clearTimeout(timer);
      if (by && of && a?.latent.length === of.card.latent.size && b?.latent.length === of.card.latent.size) {
        timer = setTimeout(() => decode({ by, of, a, b, given }), frames.peek()?.of === of ? REST : 0);
      }
    }),
    // A new image begins a new walk.
    effect(() => {
      if (input.value) place.value = 0;
    }),
  ];
  return () => {
    clearTimeout(timer);
    for (const end of ends) end();
    playing.value = false;
    chosen.value = null;
    frames.value = null;
  };
}
