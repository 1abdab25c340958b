import { computed, effect, signal } from '@preact/signals';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { showLatent } from '../../state/explore.ts';
import type { Parameter } from '../../state/parameters.ts';
import {
  classes,
  conditional,
  currentLatent,
  engine,
  input,
  label,
  latentOrigin,
  model,
  type OpenModel,
  reading,
} from '../../state/store.ts';
import { share } from '../../state/url.ts';
import { imageName } from './caption.ts';
import { latentBetween, latentsBetween, split } from './dimensions.ts';

/** Frames of an interpolation. */
export const FRAMES = 12;
/** Duration of an interpolation in one direction, in milliseconds. */
const DURATION = 3000;
const DEBOUNCE = 150;

/** An end of an interpolation. */
export interface End {
  readonly latent: Float32Array;
  /** The image, where there is one. */
  readonly pixels: Uint8Array | null;
  readonly name: string;
  /** Used in file names. */
  readonly file: string;
  readonly row: number | null;
}

/** Ends chosen by the visitor, or rows of the set, with their model; and how often another B was requested. */
type Chosen = End | number | null;
const chosen = signal<{ readonly of: OpenModel; readonly a: Chosen; readonly b: Chosen } | null>(null);
const skipped = signal(0);
const choice = computed(() => {
  if (!chosen.value || chosen.value.of.source !== model.value?.source) return null;
  const [a, b] = [chosen.value.a, chosen.value.b].map((end) => (typeof end === 'number' ? endOfRow(end) : end));
  return { a: a ?? null, b: b ?? null };
});

/** The start: the chosen latent, else the input's. */
export const endA = computed(() => choice.value?.a ?? inputEnd.value);
/** The end: the chosen latent, else that of another image of the set. */
export const endB = computed(() => choice.value?.b ?? otherEnd.value);
/** Progress, 0 to 1, and whether the animation is running. */
export const position = signal(0);
export const playing = signal(false);
/** The frames, and the ends and class that they belong to. */
export const frames = signal<{
  readonly of: OpenModel;
  readonly a: End;
  readonly b: End;
  readonly images: readonly Float32Array[];
} | null>(null);

/** An image of the set as an end, without its pixels until they have come; null where the open model has no such image. */
function endOfRow(row: number): End | null {
  const { points, set, card } = model.value ?? {};
  if (!points || !card || !(row >= 0 && row < points.count)) return null;
  const { size } = card.latent;
  const pixels = set?.pixels(row) ?? null;
  return {
    latent: points.latents.slice(row * size, (row + 1) * size),
    pixels,
    name: imageName(
      { pixels: pixels ?? new Uint8Array(), origin: 'set', row, label: set?.label(row) ?? null },
      classes.value,
    ),
    file: String(row),
    row,
  };
}

const endOfLatent = (latent: Float32Array): End => ({
  latent,
  pixels: null,
  name: 'a latent without an image',
  file: 'latent',
  row: null,
});

/** An end in the address: the row of an image, or a latent after `z`. */
const endParameter = (key: 'a' | 'b'): Parameter => ({
  key,
  read: () => {
    const end = choice.value?.[key] ?? (key === 'b' && skipped.value > 0 ? endB.value : null);
    if (!end) return null;
    return end.row === null
      ? `z${Array.from(end.latent, (value) => Number(value.toFixed(3))).join(',')}`
      : String(end.row);
  },
  write: (text) => {
    const of = model.peek();
    if (!of) return;
    const values = text?.startsWith('z') ? text.slice(1).split(',').map(Number) : [];
    const isLatent = values.length === of.card.latent.size && values.every(Number.isFinite);
    const end = isLatent ? endOfLatent(Float32Array.from(values)) : /^\d+$/.test(text ?? '') ? Number(text) : null;
    const others = chosen.peek()?.of.source === of.source ? chosen.peek() : null;
    chosen.value = { of, a: others?.a ?? null, b: others?.b ?? null, [key]: end };
  },
});

/** What the address holds of the interpolation. */
const parameters: readonly Parameter[] = [
  endParameter('a'),
  endParameter('b'),
  {
    key: 'at',
    read: () => (latentOrigin.value === 'between' ? String(Number(position.value.toFixed(3))) : null),
    write: (text) => {
      const share = Number(text ?? Number.NaN);
      if (share >= 0 && share <= 1) goTo(share);
    },
  },
];

const inputEnd = computed((): End | null => {
  if (!reading.value) return null;
  const { image, latents } = reading.value;
  return {
    latent: latents.latent,
    pixels: image.pixels,
    name: imageName(image, classes.value),
    file: String(image.row ?? 'input'),
    row: image.row,
  };
});

/** An image of the set far from A, of another class; of the same class where the decoder is conditional. */
const otherEnd = computed((): End | null => {
  const { points, set, card } = model.value ?? {};
  if (!points || !set || !card) return null;
  const from = endA.value?.row ?? -1;
  const { labels } = set;
  const own = set.label(from) ?? label.value;
  const wanted = (row: number) => row !== from && (!labels || (labels[row] === own) === conditional.value);
  let row = (from + 4001 + skipped.value * 7919) % points.count;
  for (let tries = 0; tries < points.count && !wanted(row); tries++) row = (row + 1) % points.count;
  return endOfRow(row);
});

/** Makes the shown latent an end. */
export function setEnd(end: 'a' | 'b'): void {
  const of = model.value;
  if (!of || !currentLatent.value) return;
  const isInput = latentOrigin.value === 'input' && inputEnd.value !== null;
  const taken: End = isInput ? (inputEnd.value as End) : endOfLatent(currentLatent.value);
  // Another A leaves B as it is.
  chosen.value = { of, a: choice.value?.a ?? null, b: endB.value, [end]: taken };
  position.value = end === 'a' ? 0 : 1;
}

/** Makes another image of the set B. */
export function nextEnd(): void {
  const of = model.value;
  if (!of) return;
  skipped.value += 1;
  chosen.value = { of, a: choice.value?.a ?? null, b: null };
}

/** Shows the latent at a position from 0 to 1. */
export function goTo(share: number): void {
  const [a, b] = [endA.peek(), endB.peek()];
  if (!a || !b) return;
  position.value = share;
  showLatent(latentBetween(a.latent, b.latent, share), 'between');
}

/** Plays back and forth until paused, or until something else sets the latent. */
export function play(): void {
  playing.value = true;
  const of = model.peek();
  let phase = position.peek() >= 1 ? 1 : position.peek();
  let before = performance.now();
  goTo(phase);
  const frame = (now: number) => {
    if (!playing.peek()) return;
    if (latentOrigin.peek() !== 'between' || model.peek() !== of) {
      playing.value = false;
      return;
    }
    // From 0 to 1 and back to 2, which equals 0.
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
  readonly classIndex: number;
}

/** Keeps the frames up to date. @returns a function that stops it */
export function followFrames(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const decode = latest(async ({ by, of, a, b, classIndex }: Wanted) => {
    const batch = await by
      .decode(FRAMES, latentsBetween(a.latent, b.latent, FRAMES), new Int32Array(FRAMES).fill(classIndex))
      .catch(() => null);
    if (batch && model.value === of) frames.value = { of, a, b, images: split(batch, FRAMES) };
  });
  const ends = [
    share(...parameters),
    effect(() => {
      const [by, of, a, b, classIndex] = [engine.value, model.value, endA.value, endB.value, label.value];
      clearTimeout(timer);
      if (by && of && a?.latent.length === of.card.latent.size && b?.latent.length === of.card.latent.size) {
        timer = setTimeout(() => decode({ by, of, a, b, classIndex }), frames.peek()?.of === of ? DEBOUNCE : 0);
      }
    }),
    // A new image starts a new interpolation, unless a link has one.
    effect(() => {
      if (input.value && latentOrigin.peek() !== 'between') position.value = 0;
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
