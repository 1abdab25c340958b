import { type GaussianMixture, sampleMixture } from '../analyse/gaussian-mixture.ts';
import type { Card } from '../artifacts/card.ts';
import type { Generator } from '../data/generator.ts';
import { InputError } from '../io/errors.ts';

/** Draws codes, `[count, D]`. */
export type DrawCodes = (count: number, generator: Generator) => Float32Array;

/** Codes drawn from N(0, I), a variational model's prior, `[count, size]`. */
export function priorCodes(size: number, count: number, generator: Generator): Float32Array {
  const codes = new Float32Array(count * size);
  generator.fillNormal(codes);
  return codes;
}

/** Codes drawn from a mixture, `[count, size]`: one after another, so that more of them begin with the same. */
export function mixtureCodes(mixture: GaussianMixture, count: number, generator: Generator): Float32Array {
  const codes = new Float32Array(count * mixture.size);
  for (let i = 0; i < count; i++) codes.set(sampleMixture(mixture, 1, generator).rows, i * mixture.size);
  return codes;
}

/**
 * The Gaussian mixture that an export has fitted on its model's codes.
 * @param exported the model's folder, for the message
 * @throws InputError when the card has none
 */
export function mixtureOf({ latent: { size, mixture } }: Card, exported: string): GaussianMixture {
  if (mixture) return { size, weights: mixture.weights, means: mixture.means, factors: mixture.factors };
  throw new InputError(
    `${exported}: its card has no mixture of codes to sample from: it is of an older convae, or its codes are too long; export the model again`,
  );
}

/**
 * What draws codes for a model: the prior where it is variational, else the mixture in its card, unless told.
 * @throws InputError when the prior is asked of a model that has none, or a mixture of a card that has none
 */
export function codesOf(card: Card, exported: string, asked?: 'prior' | 'mixture' | undefined): DrawCodes {
  const sampler = asked ?? (card.model.variational ? 'prior' : 'mixture');
  if (sampler === 'mixture') {
    const mixture = mixtureOf(card, exported);
    return (count, generator) => mixtureCodes(mixture, count, generator);
  }
  if (card.model.variational) return (count, generator) => priorCodes(card.latent.size, count, generator);
  throw new InputError(
    `--sampler prior: ${card.model.name} is no variational model, its codes follow no prior; use --sampler mixture`,
  );
}

/**
 * `steps` codes from one code to another, both included, `[steps, D]`: along a straight line. That stays between the two
 * wherever codes lie, also where their mean is not 0, which an arc around 0 does not; and of a variational model it passes
 * through where the prior is densest, whose images the decoder knows.
 */
export function interpolate(from: Float32Array, to: Float32Array, steps: number): Float32Array {
  const size = from.length;
  return Float32Array.from({ length: steps * size }, (_, i) => {
    const share = steps > 1 ? Math.floor(i / size) / (steps - 1) : 0;
    return (1 - share) * (from[i % size] as number) + share * (to[i % size] as number);
  });
}
