import { sampleMixture } from '../analyse/gaussian-mixture.ts';
import type { Card } from '../artifacts/card.ts';
import { Generator } from '../data/generator.ts';
import { pickRows } from '../data/rows.ts';
import type { Latents } from '../inference/sessions.ts';
import { InputError } from '../io/errors.ts';

/** Source of latents to decode. */
export type SamplerName = 'prior' | 'mixture' | 'interpolation';

/** Latents of one interpolation, a row of the grid. */
const STEPS = 10;
/** Default number of images without classes is ROWS², with classes in columns ROWS of each. */
const ROWS = 10;
/** Images at a time, at most, and numbers of their latents, which are held in memory. */
const MOST = { images: 1e7, numbers: 2 ** 28 };
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
export interface SamplePlan extends Latents {
  readonly sampler: SamplerName;
  readonly n: number;
  /** The grid's columns, and what each holds: a class, a step of the interpolations, or any images. */
  readonly columns: { readonly of: 'classes' | 'steps' | 'images'; readonly count: number };
}

/**
 * Draws the latents to decode. The same seed gives the same latents, and a larger `n` only adds to them. With several
 * classes each latent is decoded once per class, in a row; a row of interpolations has one class.
 * @param exported the model's folder, for messages
 * @throws InputError when the model lacks the class or the sampler that is asked for
 */
export function planSamples(card: Card, exported: string, choices: SampleChoices): SamplePlan {
  const classes = classesOf(card, choices.class);
  const sampler = choices.sampler ?? defaultSampler(card.model);
  const generator = Generator.of(choices.seed, 'samples');
  const { size, mixture } = card.latent;
  const most = Math.min(MOST.images, Math.floor(MOST.numbers / size));
  if (choices.n !== undefined && choices.n > most) {
    throw new InputError(`--n ${choices.n}: expected at most ${most}; generate more with another --seed and --out`);
  }
  if (sampler === 'interpolation') {
    const { n = ROWS * STEPS } = choices;
    const steps = Math.min(STEPS, n);
    const rows = Math.ceil(n / steps);
    const draw = samplerOf(card, exported, mixture && 'mixture'); // ends that look like encoded images
    const ends = draw(2 * rows, generator);
    const endOf = (index: number) => ends.subarray(index * size, (index + 1) * size);
    const latents = new Float32Array(rows * steps * size);
    for (let row = 0; row < rows; row++) {
      latents.set(interpolate(endOf(2 * row), endOf(2 * row + 1), steps), row * steps * size);
    }
    const labels = labelsOf(classes, n, (image) => Math.floor(image / steps));
    return { sampler, n, latents: latents.subarray(0, n * size), labels, columns: { of: 'steps', count: steps } };
  }
  const across = classes?.length ?? 1;
  const n = choices.n ?? ROWS * (across > 1 ? across : ROWS);
  const drawn = samplerOf(card, exported, sampler)(Math.ceil(n / across), generator);
  const latents = pickRows(
    drawn,
    size,
    Uint32Array.from({ length: n }, (_, i) => Math.floor(i / across)),
  );
  const columns: SamplePlan['columns'] =
    across > 1 && across <= MAX_CLASS_COLUMNS
      ? { of: 'classes', count: Math.min(across, n) }
      : { of: 'images', count: Math.ceil(Math.sqrt(n)) };
  return { sampler, n, latents: latents as Float32Array, labels: labelsOf(classes, n, (image) => image), columns };
}

/** Labels of images that take the classes in turn. */
const labelsOf = (classes: readonly number[] | undefined, n: number, turn: (image: number) => number) =>
  classes && Int32Array.from({ length: n }, (_, i) => classes[turn(i) % classes.length] as number);

const defaultSampler = ({ variational }: Card['model']) => (variational ? 'prior' : 'mixture');

/**
 * The sampler of a model: by default its prior where it is variational, else the Gaussian mixture that the export fitted
 * to latents of training images. A larger `count` only adds to the latents of the same seed.
 * @param exported the model's folder, for the message
 * @throws InputError when the model has no prior, or the card no mixture
 */
export function samplerOf(
  { model, latent: { size, mixture } }: Card,
  exported: string,
  sampler: 'prior' | 'mixture' = defaultSampler(model),
): (count: number, generator: Generator) => Float32Array {
  if (sampler === 'prior') {
    if (model.variational) return (count, generator) => priorLatents(size, count, generator);
    throw new InputError(
      `--sampler prior: ${model.name} is not a variational model, so its latents have no prior; use --sampler mixture`,
    );
  }
  if (!mixture) {
    throw new InputError(
      `${exported}: its card has no mixture of latents to sample from, because it was written by an older convae or its latents are too long; export the model again`,
    );
  }
  const fitted = { size, ...mixture };
  return (count, generator) => {
    const latents = new Float32Array(count * size);
    for (let i = 0; i < count; i++) latents.set(sampleMixture(fitted, 1, generator).rows, i * size);
    return latents;
  };
}

/** Latents drawn from N(0, I), a variational model's prior, `[count, size]`. */
export function priorLatents(size: number, count: number, generator: Generator): Float32Array {
  const latents = new Float32Array(count * size);
  generator.fillNormal(latents);
  return latents;
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
