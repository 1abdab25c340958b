import { extent } from 'd3-array';

/** Maps values to positions along an axis. */
export interface Scale {
  readonly kind: 'linear' | 'log';
  readonly low: number;
  readonly high: number;
}

/** Values that span more than this factor are shown on a logarithmic scale. */
const LOG_FACTOR = 10;
/** Padding above and below the curves, as a share of the values' range. */
const MARGIN = 0.06;

/** A scale that keeps all values distinguishable: logarithmic where they are positive and span more than a power of ten. */
export function scaleFor(values: readonly (number | null)[]): Scale {
  const finite = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const [least, most] = extent(finite);
  if (least === undefined || most === undefined) return { kind: 'linear', low: 0, high: 1 };
  if (least > 0 && most > LOG_FACTOR * least) {
    const room = (most / least) ** MARGIN;
    return { kind: 'log', low: least / room, high: most * room };
  }
  const room = most > least ? MARGIN * (most - least) : MARGIN * Math.abs(most) || 1;
  return { kind: 'linear', low: least - room, high: most + room };
}

/** From this many epochs on, the first epoch's training mean, taken while the model learns fastest, may be clipped. */
const MANY_EPOCHS = 4;

/**
 * A scale for curves over the same epochs. The first values of the secondary curves are ignored if there are enough
 * others: a training loss that starts far away would squash everything else.
 */
export function scaleOfCurves(
  curves: readonly { readonly values: readonly (number | null)[]; readonly main: boolean }[],
): Scale {
  return scaleFor(
    curves.flatMap(({ values, main }) => (main || values.length < MANY_EPOCHS ? values : values.slice(1))),
  );
}
