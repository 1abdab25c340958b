import type { Card } from '../artifacts/card.ts';
import type { DatasetSplits } from '../data/dataset.ts';

/** Classes beyond which a measure by class would say little and take long. */
const MOST_CLASSES = 1000;

/** Labels of both parts, counted from 0 without gaps. */
export interface Ranked {
  readonly train: Int32Array;
  readonly test: Int32Array;
  /** How many different ones there are. */
  readonly classes: number;
}

/**
 * The labels by which figures can be told.
 * @returns or, where there are none, why
 */
export function rankedLabels({ train, test }: DatasetSplits): Ranked | string {
  if (!train.labels || !test.labels) return 'the images have no labels';
  const ranks = new Map<number, number>();
  const distinct = new Set<number>(train.labels);
  for (const label of test.labels) distinct.add(label);
  for (const label of [...distinct].sort((a, b) => a - b)) ranks.set(label, ranks.size);
  if (ranks.size < 2) return 'all images are of one class';
  if (ranks.size > MOST_CLASSES)
    return `there are ${ranks.size} classes, and more than ${MOST_CLASSES} are not compared`;
  const rank = (labels: Int32Array) => labels.map((label) => ranks.get(label) as number);
  return { train: rank(train.labels), test: rank(test.labels), classes: ranks.size };
}

/** Class names: the model's where it is conditional, else the data's, else the model's. */
export function classNames(card: Card, { test }: Pick<DatasetSplits, 'test'>): readonly string[] | undefined {
  const ofModel = card.classes ?? undefined;
  if (card.conditional.encoder || card.conditional.decoder) return ofModel;
  return test.classes ?? (test.labels ? ofModel : undefined);
}
