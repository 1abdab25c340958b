import type { Batch } from '../../engine/protocol.ts';
import type { Card, TrainStep } from '../../site/schema.ts';
import { priorLatents, seeded } from '../../state/sampling.ts';

/*
 * Everything random in a training. It follows from the seed and the step number only, so a restarted training is
 * identical.
 */

/** A training image: pixels 0–255 `[H, W, C]`, and its class where known. */
export interface TrainImage {
  readonly pixels: Uint8Array;
  readonly label: number | null;
}

/** A separate seed for each step and purpose. */
const stepSeed = (seed: number, step: number, purpose: 0 | 1) => (2 * seed + purpose) * 2 ** 32 + step;

/** `count` of `total` rows, without repetition: with the same seed a larger sample begins with a smaller one. */
export function sampleRows(total: number, count: number, seed: number): number[] {
  const random = seeded(seed);
  // Rows that a shuffle of all rows would have moved.
  const moved = new Map<number, number>();
  return Array.from({ length: Math.min(total, count) }, (_, i) => {
    const other = i + Math.floor(random.uniform() * (total - i));
    const row = moved.get(other) ?? other;
    moved.set(other, moved.get(i) ?? i);
    return row;
  });
}

/**
 * The images of a step, `batchSize` indices below `images`: without repetition where there are enough, else each equally
 * often, up to the remainder.
 */
export function batchIndices(images: number, batchSize: number, seed: number, step: number): number[] {
  if (images === 0) return [];
  const rest = batchSize % images;
  const whole = Array.from({ length: batchSize - rest }, (_, i) => i % images);
  return images >= batchSize
    ? sampleRows(images, batchSize, stepSeed(seed, step, 0))
    : [...whole, ...sampleRows(images, rest, stepSeed(seed, step, 0))];
}

/**
 * The inputs of a step, the same for the same images, seed and step.
 * @param at number of steps before it
 * @param rate the learning rate as a share of the recipe's
 */
export function batchOf(
  card: Pick<Card, 'training' | 'latent'>,
  { inputs, batchSize }: TrainStep,
  images: readonly TrainImage[],
  { seed, at, rate }: { readonly seed: number; readonly at: number; readonly rate: number },
): Batch {
  const chosen = batchIndices(images.length, batchSize, seed, at).map((i) => images[i] as TrainImage);
  const image = new Uint8Array(inputs.image.reduce((size, side) => size * side, 1));
  chosen.forEach(({ pixels }, i) => {
    image.set(pixels, (i * image.length) / batchSize);
  });
  return {
    image,
    rate,
    ...(inputs.label && { label: Int32Array.from(chosen, ({ label }) => label ?? 0) }),
    ...(inputs.noise && { noise: priorLatents(batchSize, card.latent.size, stepSeed(seed, at, 1)) }),
    ...(inputs.klWeight && { klWeight: klWeightOf(card) }),
  };
}

/** The KL weight at the end of the model's training. */
export function klWeightOf({ training: { recipe } }: Pick<Card, 'training'>): number {
  const { beta } = recipe as { readonly beta?: unknown };
  return typeof beta === 'number' ? beta : 1;
}
