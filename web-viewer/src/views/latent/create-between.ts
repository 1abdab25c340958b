import { computed, effect, signal } from '@preact/signals';
import { textOfLatent } from '../../site/dimensions.ts';
import { showLatent } from '../../state/explore.ts';
import type { Parameter } from '../../state/parameters.ts';
import {
  classes,
  conditional,
  currentLatent,
  input,
  label,
  latentOrigin,
  model,
  type OpenModel,
  reading,
} from '../../state/store.ts';
import { share } from '../../state/url.ts';
import { imageName } from './caption.ts';
import { decodeLater } from './decode-later.ts';
import { latentBetween, latentsBetween } from './dimensions.ts';

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

/** The frames of an interpolation, and the ends that they belong to. */
export interface Frames {
  readonly of: OpenModel;
  readonly a: End;
  readonly b: End;
  readonly images: readonly Float32Array[];
}

/** An image of the set as an end, without its pixels until they have come; null where the open model has no such image. */
function endOfRow(row: number): End | null {
  const { points, set, card } = model.value ?? {};
  if (!points || !card || !(row >= 0 && row < points.count)) return null;
  const { size } = card.latent;
  const asked = set?.pixels(row);
  const pixels = (set?.has(row) && asked) || null;
  const image = { pixels: pixels ?? new Uint8Array(), origin: 'set' as const, row, label: set?.label(row) ?? null };
  const latent = points.latents.slice(row * size, (row + 1) * size);
  return { latent, pixels, name: imageName(image, classes.value), file: String(row), row };
}

const endOfLatent = (latent: Float32Array): End => ({
  ...{ latent, pixels: null, name: 'a latent without an image', file: 'latent', row: null },
});

/** The interpolation between two latents. */
export function createBetween() {
  /** Ends chosen by the visitor, or rows of the set, with their model; and how often another B was requested. */
  const chosen = signal<{
    readonly of: OpenModel;
    readonly a: End | number | null;
    readonly b: End | number | null;
  } | null>(null);
  const skipped = signal(0);
  const choice = computed(() => {
    if (!chosen.value || chosen.value.of.source !== model.value?.source) return null;
    const [a, b] = [chosen.value.a, chosen.value.b].map((end) => (typeof end === 'number' ? endOfRow(end) : end));
    return { a: a ?? null, b: b ?? null };
  });
  /** Progress, 0 to 1, and whether the animation is running. */
  const position = signal(0);
  const playing = signal(false);
  const frames = signal<Frames | null>(null);

  const inputEnd = computed((): End | null => {
    if (!reading.value) return null;
    const { image, latents } = reading.value;
    const { pixels, row } = image;
    return { latent: latents.latent, pixels, name: imageName(image, classes.value), file: String(row ?? 'input'), row };
  });
  /** The start: the chosen latent, else the input's. */
  const a = computed(() => choice.value?.a ?? inputEnd.value);
  /** An image of the set far from A, of another class; of the same class where the decoder is conditional. */
  const otherEnd = computed((): End | null => {
    const { points, set } = model.value ?? {};
    if (!points || !set) return null;
    const from = a.value?.row ?? -1;
    const { labels } = set;
    const own = set.label(from) ?? label.value;
    const wanted = (row: number) => row !== from && (!labels || (labels[row] === own) === conditional.value);
    let row = (from + 4001 + skipped.value * 7919) % points.count;
    for (let tries = 0; tries < points.count && !wanted(row); tries++) row = (row + 1) % points.count;
    return endOfRow(row);
  });
  /** The end: the chosen latent, else that of another image of the set. */
  const b = computed(() => choice.value?.b ?? otherEnd.value);

  const choose = (ends: { readonly a?: End | number | null; readonly b?: End | number | null }) => {
    const of = model.peek();
    if (of)
      chosen.value = { a: null, b: null, ...(chosen.peek()?.of.source === of.source && chosen.peek()), ...ends, of };
  };

  /** Shows the latent at a position from 0 to 1. */
  function goTo(share: number): void {
    const [from, to] = [a.peek(), b.peek()];
    if (!from || !to) return;
    position.value = share;
    showLatent(latentBetween(from.latent, to.latent, share), 'between');
  }

  /** Plays back and forth until paused, or until something else sets the latent. */
  function play(): void {
    playing.value = true;
    const of = model.peek();
    let phase = Math.min(1, position.peek());
    let before = performance.now();
    goTo(phase);
    const frame = (now: number) => {
      if (latentOrigin.peek() !== 'between' || model.peek() !== of) playing.value = false;
      if (!playing.peek()) return;
      // From 0 to 1 and back to 2, which equals 0.
      phase = (phase + Math.max(0, Math.min(100, now - before)) / DURATION) % 2;
      before = now;
      goTo(1 - Math.abs(1 - phase));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** An end in the address: the row of an image, or a latent after `z`. */
  const endParameter = (key: 'a' | 'b'): Parameter => ({
    key,
    read: () => {
      const end = choice.value?.[key] ?? (key === 'b' && skipped.value > 0 ? b.value : null);
      if (!end || end.row !== null || !model.value) return end && String(end.row);
      return `z${textOfLatent(end.latent, model.value.card)}`;
    },
    write: (text) => {
      const values = text?.startsWith('z') ? text.slice(1).split(',').map(Number) : [];
      const isLatent = values.length === model.peek()?.card.latent.size && values.every(Number.isFinite);
      const row = /^\d+$/.test(text ?? '') ? Number(text) : null;
      choose({ [key]: isLatent ? endOfLatent(Float32Array.from(values)) : row });
    },
  });

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

  return {
    ...{ a, b, position, playing, frames, goTo, play },
    /** Makes the shown latent an end. */
    setEnd(end: 'a' | 'b'): void {
      if (!currentLatent.value) return;
      const own = latentOrigin.value === 'input' ? inputEnd.value : null;
      // Another A leaves B as it is.
      choose({ b: b.value, [end]: own ?? endOfLatent(currentLatent.value) });
      position.value = end === 'a' ? 0 : 1;
    },
    /** Makes another image of the set B. */
    nextEnd(): void {
      skipped.value += 1;
      choose({ b: null });
    },
    /** Keeps the frames and the address up to date. @returns a function that stops it */
    follow(): () => void {
      const ends = [
        share(...parameters),
        decodeLater<Omit<Frames, 'images'>>(
          (of) => {
            const [from, to] = [a.value, b.value];
            const fits = (end: End | null) => end?.latent.length === of.card.latent.size;
            if (!from || !to || !fits(from) || !fits(to)) return null;
            const latents = () => latentsBetween(from.latent, to.latent, FRAMES);
            const wait = frames.peek()?.of === of ? DEBOUNCE : 0;
            return { count: FRAMES, latents, about: { of, a: from, b: to }, wait };
          },
          (images, about) => {
            frames.value = { ...about, images };
          },
        ),
        // A new image starts a new interpolation, unless a link has one.
        effect(() => {
          if (input.value && latentOrigin.peek() !== 'between') position.value = 0;
        }),
      ];
      return () => {
        for (const end of ends) end();
        playing.value = false;
      };
    },
  };
}
