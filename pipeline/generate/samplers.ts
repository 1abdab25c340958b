import { type GaussianMixture, sampleMixture } from '../analyse/gaussian-mixture.ts';
import type { Card } from '../artifacts/card.ts';
import { Generator } from '../data/generator.ts';
import { InputError } from '../io/errors.ts';

/** Source of latents to decode. */
export type SamplerName = 'prior' | 'mixture' | 'interpolation';

/** Draws latents, `[count, D]`. */
type Draw = (count: number, generator: Generator) => Float32Array;

/** Latents of one interpolation, a row of the grid. */
const STEPS = 10;
/** Default number of images without classes is ROWS², with classes in columns ROWS of each. */
const ROWS = 10;
/** Classes that get a column of the grid each; with more there is none for any. */
const MAX_CLASS_COLUMNS = 100;

export interface SampleChoices {
  /** Number of images. */
  readonly n?: number | undefined;
  /** Name or index of the class, or `all`; conditional models only. */
  readonly class?: string | undefined;
  readonly sampler?: SamplerName | undefined;
  readonly seed: number;
}

/** The latents to decode, in the grid's order: row after row. */
export interface SamplePlan {
  readonly sampler: SamplerName;
  readonly n: number;
  /** `[n, D]` */
  readonly latents: Float32Array;
  /** `[n]`, where the decoder is conditional. */
  readonly labels: Int32Array | undefined;
  /** Meaning of the grid's columns. */
  readonly columns: { readonly are: 'classes' | 'steps' | 'images'; readonly count: number };
}

/**
 * Draws the latents to decode. The same seed gives the same latents, and a larger `n` only adds to them. With several
 * classes each latent is decoded once per class, in a row; a row of interpolations has one class.
 * @param exported the model's folder, for messages
 * @throws InputError when the model lacks the class or the sampler that is asked for
 */
export function planSamples(card: Card, exported: string, choices: SampleChoices): SamplePlan {
  const classes = classesOf(card, choices.class);
  if (choices.sampler === 'interpolation') return planInterpolations(card, exported, classes, choices);
  const draw = samplerOf(card, exported, choices.sampler);
  const sampler = choices.sampler ?? (card.model.variational ? 'prior' : 'mixture');
  const across = classes?.length ?? 1;
  const n = choices.n ?? ROWS * (across > 1 ? across : ROWS);
  const { size } = card.latent;
  const drawn = draw(Math.ceil(n / across), Generator.of(choices.seed, 'samples'));
  const latents = new Float32Array(n * size);
  for (let i = 0; i < n; i++) {
    const from = Math.floor(i / across) * size;
    latents.set(drawn.subarray(from, from + size), i * size);
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
  const draw = samplerOf(card, exported, card.latent.mixture && 'mixture'); // ends that look like encoded images
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

/**
 * The sampler of a model: unless asked otherwise its prior where it is variational, else the mixture in its card.
 * @throws InputError when the model has no prior, or the card no mixture
 */
export function samplerOf(card: Card, exported: string, asked?: 'prior' | 'mixture' | undefined): Draw {
  const sampler = asked ?? (card.model.variational ? 'prior' : 'mixture');
  if (sampler === 'mixture') {
    const mixture = mixtureOf(card, exported);
    return (count, generator) => mixtureLatents(mixture, count, generator);
  }
  if (card.model.variational) return (count, generator) => priorLatents(card.latent.size, count, generator);
  throw new InputError(
    `--sampler prior: ${card.model.name} is not a variational model, so its latents have no prior; use --sampler mixture`,
  );
}

/** Latents drawn from N(0, I), a variational model's prior, `[count, size]`. */
export function priorLatents(size: number, count: number, generator: Generator): Float32Array {
  const latents = new Float32Array(count * size);
  generator.fillNormal(latents);
  return latents;
}

/** Latents drawn from a mixture, `[count, size]`, one after another: a larger `count` only adds to them. */
export function mixtureLatents(mixture: GaussianMixture, count: number, generator: Generator): Float32Array {
  const latents = new Float32Array(count * mixture.size);
  for (let i = 0; i < count; i++) latents.set(sampleMixture(mixture, 1, generator).rows, i * mixture.size);
  return latents;
}

/**
 * The Gaussian mixture that the export fitted to latents of training images.
 * @param exported the model's folder, for the message
 * @throws InputError when the card has none
 */
export function mixtureOf({ latent: { size, mixture } }: Card, exported: string): GaussianMixture {
  if (mixture) return { size, weights: mixture.weights, means: mixture.means, factors: mixture.factors };
  throw new InputError(
    `${exported}: its card has no mixture of latents to sample from, because it was written by an older convae or its latents are too long; export the model again`,
  );
}

/**
 * `steps` latents from one to another, both included, `[steps, D]`, on a straight line. It stays between the two even
 * where the latents' mean is not 0, which an arc around 0 does not; and between latents of a variational model it passes
 * where the prior is densest, the region that the decoder knows.
 */
export function interpolate(from: Float32Array, to: Float32Array, steps: number): Float32Array {
  const size = from.length;
  return Float32Array.from({ length: steps * size }, (_, i) => {
    const share = steps > 1 ? Math.floor(i / size) / (steps - 1) : 0;
    return (1 - share) * (from[i % size] as number) + share * (to[i % size] as number);
  });
}

/**
 * Indices of the classes to generate: the one asked for, or all.
 * @param asked a class's name, or its index where no class has that name, or `all`
 * @returns undefined where the decoder takes no class
 * @throws InputError when there is no such class, or the decoder takes none
 */
function classesOf({ model, conditional, classes }: Card, asked: string | undefined): number[] | undefined {
  if (!conditional.decoder) {
    if (asked === undefined) return undefined;
    throw new InputError(`--class ${asked}: the decoder of ${model.name} takes no class; leave --class out`);
  }
  const named = asked === undefined ? -1 : (classes?.indexOf(asked) ?? -1);
  if (named >= 0) return [named];
  if (asked === undefined || asked === 'all') {
    if (classes) return classes.map((_, index) => index);
    throw new InputError(`the card of ${model.name} does not list its classes; give one with --class INDEX`);
  }
  const index = /^\d+$/.test(asked) ? Number(asked) : -1;
  if (index >= 0 && index < (classes?.length ?? Number.POSITIVE_INFINITY)) return [index];
  const names = classes && (classes.length <= 20 ? classes : [...classes.slice(0, 20), '…']).join(', ');
  throw new InputError(
    `--class ${asked}: ${model.name} has no such class; expected all, ${classes ? `${names} or an index up to ${classes.length - 1}` : 'or an index'}`,
  );
}

/** Name of a class; its index where it has none. */
export const className = ({ classes }: Card, index: number): string => classes?.[index] ?? String(index);
