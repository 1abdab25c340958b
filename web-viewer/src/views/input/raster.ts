import type { Shape } from '../../ui/pixels.ts';

/** An image of bytes `[H, W, C]`. */
export interface Raster extends Shape {
  readonly data: Uint8Array;
}

/** Maps points of one picture to another: `scale · point + (x, y)`. */
export interface Placement {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

/** The identity placement. */
export const IN_PLACE: Placement = { scale: 1, x: 0, y: 0 };

/** Composes two placements, the first one first. */
export const compose = (second: Placement, first: Placement): Placement => ({
  scale: second.scale * first.scale,
  x: second.scale * first.x + second.x,
  y: second.scale * first.y + second.y,
});

/**
 * Draws a picture into another of `height`×`width`. Each target pixel is the mean of the area that it covers, so
 * every source pixel counts when scaling down, and scaling up repeats pixels without blurring.
 * @param outside colour `[C]` beyond the source's edges
 */
export function resample(
  source: Raster,
  { scale, x, y }: Placement,
  height: number,
  width: number,
  outside: readonly number[],
): Raster {
  return resampleAxes(source, { scale, offset: x }, { scale, offset: y }, height, width, outside);
}

/** Maps positions along an axis: `scale · position + offset`. */
export interface AxisPlacement {
  readonly scale: number;
  readonly offset: number;
}

/** As `resample`, with a placement for each axis. */
export function resampleAxes(
  source: Raster,
  horizontal: AxisPlacement,
  vertical: AxisPlacement,
  height: number,
  width: number,
  outside: readonly number[],
): Raster {
  const { channels } = source;
  const across = covers(source.width, width, horizontal);
  const down = covers(source.height, height, vertical);
  const data = new Uint8Array(height * width * channels);
  const row = new Float64Array(source.width * channels);
  down.forEach((rows, j) => {
    row.fill(0);
    for (let r = 0; r < rows.weights.length; r++) {
      const weight = rows.weights[r] as number;
      const from = (rows.first + r) * row.length;
      for (let i = 0; i < row.length; i++) row[i] = (row[i] as number) + weight * (source.data[from + i] as number);
    }
    across.forEach((columns, i) => {
      for (let c = 0; c < channels; c++) {
        let sum = (1 - rows.inside * columns.inside) * (outside[c] ?? 0);
        for (let k = 0; k < columns.weights.length; k++) {
          sum += (columns.weights[k] as number) * (row[(columns.first + k) * channels + c] as number);
        }
        data[(j * width + i) * channels + c] = Math.round(sum);
      }
    });
  });
  return { height, width, channels, data };
}

/** The source pixels covered by a target pixel along an axis, their shares, and the total share covered. */
interface Cover {
  readonly first: number;
  readonly weights: readonly number[];
  readonly inside: number;
}

function covers(length: number, count: number, { scale, offset }: AxisPlacement): Cover[] {
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [(i - offset) / scale, (i + 1 - offset) / scale];
    const first = Math.max(0, Math.floor(from));
    const last = Math.min(length, Math.ceil(to));
    const weights: number[] = [];
    for (let p = first; p < last; p++) weights.push((Math.min(p + 1, to) - Math.max(p, from)) * scale);
    return { first, weights, inside: weights.reduce((a, b) => a + b, 0) };
  });
}
