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
  if (finite.length === 0) return { kind: 'linear', low: 0, high: 1 };
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
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

/** The position of a value on its scale: 0 at the low end, 1 at the high end. */
export function placeOn({ kind, low, high }: Scale, value: number): number {
  return kind === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** Round values within a scale, about `count` of them. */
export function ticksOf({ kind, low, high }: Scale, count: number): readonly number[] {
  if (kind === 'log') {
    for (const digits of [[1, 2, 5], [1, 3], [1]]) {
      const ticks = logTicks(low, high, digits);
      if (ticks.length <= 1.5 * count || digits.length === 1) return ticks;
    }
  }
  const step = roundStep((high - low) / Math.max(1, count));
  const first = Math.ceil(low / step);
  const ticks: number[] = [];
  for (let i = first; i * step <= high; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Epochs to label on an axis: integers at even steps, and the last one. */
export function epochTicks(first: number, last: number, count: number): readonly number[] {
  const step = Math.max(1, roundStep((last - first) / Math.max(1, count)));
  const ticks: number[] = [];
  for (let epoch = Math.ceil(first / step) * step; epoch <= last; epoch += step) ticks.push(epoch);
  if (step > 1 && ticks[0] !== first && (ticks[0] ?? last) - first >= step / 2) ticks.unshift(first);
  return ticks;
}

function logTicks(low: number, high: number, digits: readonly number[]): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const digit of digits) {
      const tick = Number((digit * 10 ** power).toPrecision(3));
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** The smallest of 1, 2 and 5 times a power of ten that is not below `least`. */
function roundStep(min: number): number {
  const power = 10 ** Math.floor(Math.log10(min));
  for (const digit of [1, 2, 5]) if (digit * power >= min * (1 - 1e-9)) return digit * power;
  return 10 * power;
}
