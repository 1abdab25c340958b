import { errorUnits } from '../../../pipeline/artifacts/fields.ts';
import type { Card } from '../site/schema.ts';
import { short } from './format.ts';

/** How a model's losses are displayed. */
export interface LossUnits {
  /** Factor from a mean per pixel to the unit of the curves. */
  readonly factor: number;
  readonly unit: string;
  /** Formats the loss as recorded: a mean per pixel. */
  readonly each: string;
}

/** Nats are given per image, as in papers; other errors per pixel. */
export function lossUnits({ model, image: { height, width, channels } }: Pick<Card, 'model' | 'image'>): LossUnits {
  const each = channels > 1 ? 'pixel and channel' : 'pixel';
  if (model.error === 'binary cross-entropy')
    return { factor: height * width * channels, unit: 'nats per image', each };
  return { factor: 1, unit: `${errorUnits[model.error]} per ${each}`, each };
}

/** A number with the same digits for all epochs, so that the layout does not shift. */
export function steady(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e4) return short(value, digits);
  return value.toPrecision(digits).replace('-', '−');
}

/** A recorded loss in the unit of the curves, with enough digits to show an epoch's progress. */
export const lossText = (value: number | null | undefined, { factor }: LossUnits): string =>
  steady(value === null || value === undefined ? null : value * factor);

/** A recorded loss, in the unit of the curves and as recorded. */
export function lossUnitText(value: number | null | undefined, { factor, unit, each }: LossUnits): string {
  if (factor === 1 || value === null || value === undefined) return unit;
  return `${unit} (${steady(value)} per ${each})`;
}
