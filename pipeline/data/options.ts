import { type Fit, fits } from '../artifacts/fits.ts';
import type { Preprocessing } from '../artifacts/preprocessing.ts';
import { InputError } from '../io/errors.ts';
import type { ImageShape } from './dataset.ts';

/** Whether images become gray or RGB; `auto`: RGB if any is in colour. */
export const channelChoices = ['auto', 'gray', 'rgb'] as const;
export { fits };

/** What to do to the images of a data set, as the user asks for it. */
export interface DataOptions {
  /** By default the size of the images, which must then be equal. */
  readonly size?: { readonly height: number; readonly width: number } | undefined;
  readonly fit?: Fit | undefined;
  /** `#rrggbb`; white by default. */
  readonly background?: string | undefined;
  readonly channels?: (typeof channelChoices)[number] | undefined;
  /** The numbers that become black and white, for data that are not 8-bit pixels. */
  readonly range?: readonly [number, number] | undefined;
  /** Column of labels, of data that are a table; data without it are refused. */
  readonly label?: string | undefined;
  /** Column of labels that a model was trained with: used where there is one of this name. */
  readonly knownLabel?: string | undefined;
  /** Names of classes: images of others are left out of all parts. */
  readonly onlyClass?: readonly string[] | undefined;
  /** Share of the training images that is held out for validation, above 0 and below 1. */
  readonly valSplit?: number | undefined;
  /** Whether the caller will hold validation images out of the training images. */
  readonly holdsOut?: boolean | undefined;
  /** Share of the images that may be unreadable; 0.01 by default. */
  readonly maxSkipped?: number | undefined;
  /** Stops at the first unreadable image. */
  readonly strict?: boolean | undefined;
  /** Folder for decoded images; in the user's cache folder by default. */
  readonly cache?: string | undefined;
  /** What a trained model wants: replaces the options on size, fit, background, channels and range. */
  readonly preprocessing?: Preprocessing | undefined;
  /** Class names of a trained model, whose order labels take where all of theirs are among them. */
  readonly classes?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Receives a line on numbers that a trained model does not know. */
  readonly note?: ((line: string) => void) | undefined;
  /** Counts images while they are read for the first time; `total` is undefined where it is unknown. */
  readonly progress?: ((done: number, total: number | undefined) => void) | undefined;
}

/** What is known about the images of a trained model: of its run or of its card. */
export interface TrainedOn {
  readonly image: ImageShape;
  readonly preprocessing?: Preprocessing | undefined;
  readonly classes: readonly string[] | null;
  /** Column of their labels, where one was asked for. */
  readonly label?: string | undefined;
}

/**
 * Options that open data for a trained model: its images are prepared as those that it was trained on, and classes get the
 * model's numbers. Models without `preprocessing` were trained on images of exactly their size, with transparency on black.
 */
export const optionsLike = (
  { image: { height, width, channels }, preprocessing, classes, label }: TrainedOn,
  options: DataOptions = {},
): DataOptions => ({
  ...options,
  preprocessing: preprocessing ?? { height, width, channels, fit: 'cover', background: '#000000', scalings: [] },
  classes: classes ?? undefined,
  knownLabel: label,
});

const LARGEST_SIDE = 4096;

/** `64` or `96x64` (width by height). @throws InputError */
export function parseSize(text: string): { height: number; width: number } {
  const [, width, height = width] = /^(\d+)(?:[x×](\d+))?$/i.exec(text.trim()) ?? [];
  const sides = { height: Number(height), width: Number(width) };
  const possible = (side: number) => side >= 1 && side <= LARGEST_SIDE;
  if (possible(sides.height) && possible(sides.width)) return sides;
  throw new InputError(`--size ${text}: expected a side or WIDTHxHEIGHT in pixels, up to ${LARGEST_SIDE}: 64 or 96x64`);
}

/** `white`, `black` or `#rrggbb`, as `#rrggbb`. @throws InputError */
export function parseBackground(text: string): string {
  const named: Readonly<Record<string, string>> = { white: '#ffffff', black: '#000000' };
  const colour = named[text.toLowerCase()] ?? text.toLowerCase();
  if (/^#[0-9a-f]{6}$/.test(colour)) return colour;
  throw new InputError(`--background ${text}: expected white, black or #rrggbb`);
}

/** `0,4095`. @throws InputError */
export function parseRange(text: string): [number, number] {
  const [min = Number.NaN, max = Number.NaN, ...rest] = text
    .split(',')
    .map((part) => (part.trim() ? Number(part) : Number.NaN));
  if (Number.isFinite(min) && Number.isFinite(max) && min < max && rest.length === 0) return [min, max];
  throw new InputError(`--range ${text}: expected the numbers that become black and white: MIN,MAX, as in 0,4095`);
}
