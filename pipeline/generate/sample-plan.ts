import type { Card } from '../artifacts/card.ts';
import { Generator } from '../data/generator.ts';
import { classesAsked } from './classes.ts';
import type { SamplerName } from './sampler-names.ts';
import { codesOf, interpolate } from './samplers.ts';

/** Codes of one interpolation, a row of the grid. */
const STEPS = 10;
/** Codes when nobody says how many images, or rows of a grid that has a column for each class. */
const ROWS = 10;
/** A grid has a column for each of so many classes at most. */
const MAX_CLASS_COLUMNS = 100;

export interface SampleChoices {
  /** How many images. */
  readonly n?: number | undefined;
  /** Name or index of the class, or `all`; conditional models only. */
  readonly class?: string | undefined;
  readonly sampler?: SamplerName | undefined;
  readonly seed: number;
}

/** The codes that are decoded, in the grid's order: row after row. */
export interface SamplePlan {
  readonly sampler: SamplerName;
  readonly n: number;
  /** `[n, D]` */
  readonly latents: Float32Array;
  /** `[n]`, where the decoder is conditional. */
  readonly labels: Int32Array | undefined;
  /** What the grid's columns are. */
  readonly columns: { readonly are: 'classes' | 'steps' | 'images'; readonly count: number };
}

/**
 * Draws the codes to decode. The same seed gives the same codes, and more images only add to them.
 * Where all classes are wanted each row has one code, decoded as every class; a row of interpolations has one class.
 * @param exported the model's folder, for messages
 * @throws InputError when the model lacks the class or the sampler that is asked for
 */
export function planSamples(card: Card, exported: string, choices: SampleChoices): SamplePlan {
  const classes = classesAsked(card, choices.class);
  if (choices.sampler === 'interpolation') return planInterpolations(card, exported, classes, choices);
  const draw = codesOf(card, exported, choices.sampler);
  const sampler = choices.sampler ?? (card.model.variational ? 'prior' : 'mixture');
  const across = classes?.length ?? 1;
  const n = choices.n ?? ROWS * (across > 1 ? across : ROWS);
  const { size } = card.latent;
  const codes = draw(Math.ceil(n / across), Generator.of(choices.seed, 'samples'));
  const latents = new Float32Array(n * size);
  for (let i = 0; i < n; i++) {
    const from = Math.floor(i / across) * size;
    latents.set(codes.subarray(from, from + size), i * size);
  }
  const inColumns = across > 1 && across <= MAX_CLASS_COLUMNS;
  return {
    sampler,
    n,
    latents,
    labels: classes && Int32Array.from({ length: n }, (_, i) => classes[i % across] as number),
    columns: inColumns ? { are: 'classes', count: across } : { are: 'images', count: Math.ceil(Math.sqrt(n)) },
  };
}

function planInterpolations(
  card: Card,
  exported: string,
  classes: number[] | undefined,
  { n = ROWS * STEPS, seed }: SampleChoices,
): SamplePlan {
  const { size } = card.latent;
  const steps = Math.min(STEPS, n);
  const rows = Math.ceil(n / steps);
  const draw = codesOf(card, exported, card.latent.mixture && 'mixture'); // codes like those of images
  const ends = draw(2 * rows, Generator.of(seed, 'samples'));
  const latents = new Float32Array(rows * steps * size);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [2 * row, 2 * row + 1].map((end) => ends.subarray(end * size, (end + 1) * size));
    if (from && to) latents.set(interpolate(from, to, steps), row * steps * size);
  }
  const labelOf = (image: number) => classes?.[Math.floor(image / steps) % classes.length] as number;
  return {
    sampler: 'interpolation',
    n,
    latents: latents.subarray(0, n * size),
    labels: classes && Int32Array.from({ length: n }, (_, i) => labelOf(i)),
    columns: { are: 'steps', count: steps },
  };
}
