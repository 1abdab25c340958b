import type { Card } from '../site/schema.ts';

/** A seeded random number generator. */
export interface RandomGenerator {
  /** Uniform in [0, 1), with 32 bits. */
  uniform(): number;
  /** From N(0, 1). */
  normal(): number;
}

/** Chris Doty-Humphrey's sfc32, seeded with one number; normals by the Box–Muller transform. */
export function seeded(seed: number): RandomGenerator {
  let [a, b, c, counter] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b9, 1];
  let kept: number | undefined;
  const next = (): number => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  // Decorrelates neighbouring seeds.
  for (let i = 0; i < 16; i++) next();
  const uniform = () => next() / 2 ** 32;
  return {
    uniform,
    normal() {
      if (kept !== undefined) {
        const value = kept;
        kept = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      kept = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** Latents from the prior N(0, I), `[count, size]`, reproducible by seed. */
export function priorLatents(count: number, size: number, seed: number): Float32Array {
  const random = seeded(seed);
  return Float32Array.from({ length: count * size }, () => random.normal());
}

/**
 * Latents from the Gaussian mixture fitted to the model's latents, `[count, D]`.
 * @throws RangeError when the card has none, or it does not fit the latent size
 */
export function mixtureLatents({ latent }: Pick<Card, 'latent'>, count: number, seed: number): Float32Array {
  const { size, mixture } = latent;
  if (!mixture) throw new RangeError('the card has no mixture of latents');
  const random = seeded(seed);
  const latents = new Float32Array(count * size);
  const normals = new Float64Array(size);
  for (let row = 0; row < count; row++) {
    const component = pick(mixture.weights, random.uniform());
    const [mean, factor] = [mixture.means[component], mixture.factors[component]];
    if (mean?.length !== size || factor?.length !== (size * (size + 1)) / 2) {
      throw new RangeError(`the card’s mixture is not one of ${size} dimensions`);
    }
    for (let i = 0; i < size; i++) normals[i] = random.normal();
    for (let i = 0, at = 0; i < size; i++) {
      let value = mean[i] as number;
      for (let j = 0; j <= i; j++, at++) value += (factor[at] as number) * (normals[j] as number);
      latents[row * size + i] = value;
    }
  }
  return latents;
}

/** Distributions of random latents. */
export type Distribution = 'prior' | 'mixture' | 'statistics';

/** The distributions available for a model, the best first. */
export function distributions({ model, latent }: Pick<Card, 'model' | 'latent'>): readonly Distribution[] {
  const found: Distribution[] = [];
  if (model.variational) found.push('prior');
  if (latent.mixture) found.push('mixture');
  return found.length > 0 ? found : ['statistics'];
}

/**
 * Random latents of a model, `[count, D]`: from the prior where it was trained with one, else from the mixture of its
 * latents, else from a normal distribution with the mean and standard deviation of each dimension.
 * @param from one of its distributions
 * @throws RangeError when the card's mixture is damaged
 */
export function randomLatents(
  card: Pick<Card, 'model' | 'latent'>,
  count: number,
  seed: number,
  from: Distribution | undefined = distributions(card)[0],
): Float32Array {
  if (from === 'mixture') return mixtureLatents(card, count, seed);
  const { size, statistics } = card.latent;
  const latents = priorLatents(count, size, seed);
  if (from === 'prior') return latents;
  return latents.map((value, i) => (statistics.mean[i % size] ?? 0) + (statistics.std[i % size] ?? 1) * value);
}

/** The index at a share, 0 to 1, of weights that sum to 1 up to rounding. */
function pick(weights: readonly number[], share: number): number {
  let rest = share;
  const found = weights.findIndex((weight) => {
    rest -= weight;
    return rest < 0;
  });
  return found < 0 ? weights.length - 1 : found;
}
