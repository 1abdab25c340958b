import type { Box } from './centre.ts';

/** A stroke: points `x, y, x, y, …`, the brush's radius, and its colour `[C]`. */
export interface Stroke {
  readonly points: readonly number[];
  readonly radius: number;
  readonly colour: readonly number[];
}

/** The share of a brush's radius that is its soft edge. */
const SOFT_EDGE = 0.75;

/**
 * Draws a part of a stroke into a mask `[H, W]`, 0 (untouched) to 255 (covered): a round brush with a soft edge, moved from
 * point to point. Where parts of a stroke overlap, the denser wins, so that slow movements draw no darker line.
 * @returns the pixels that may have changed
 */
export function drawSegment(
  mask: Uint8Array,
  height: number,
  width: number,
  [fromX, fromY, toX, toY]: readonly [number, number, number, number],
  radius: number,
): Box {
  const soft = Math.max(1, SOFT_EDGE * radius);
  const reach = radius + soft / 2;
  const box = {
    left: Math.max(0, Math.floor(Math.min(fromX, toX) - reach)),
    top: Math.max(0, Math.floor(Math.min(fromY, toY) - reach)),
    right: Math.min(width, Math.ceil(Math.max(fromX, toX) + reach)),
    bottom: Math.min(height, Math.ceil(Math.max(fromY, toY) + reach)),
  };
  const [alongX, alongY] = [toX - fromX, toY - fromY];
  const length = alongX ** 2 + alongY ** 2;
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++) {
      const [dx, dy] = [x + 0.5 - fromX, y + 0.5 - fromY];
      const share = length === 0 ? 0 : Math.min(1, Math.max(0, (dx * alongX + dy * alongY) / length));
      const distance = Math.hypot(dx - share * alongX, dy - share * alongY);
      const covered = Math.round(255 * Math.min(1, (reach - distance) / soft));
      const at = y * width + x;
      if (covered > (mask[at] as number)) mask[at] = covered;
    }
  }
  return box;
}

/** Blends a colour `[C]` over a picture `[H, W, C]` through a mask `[H, W]`, within a box. */
export function blendColour(
  into: Uint8Array,
  under: Uint8Array,
  mask: Uint8Array,
  width: number,
  { left, top, right, bottom }: Box,
  colour: readonly number[],
): void {
  const channels = colour.length;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = y * width + x;
      const share = (mask[at] as number) / 255;
      for (let c = 0; c < channels; c++) {
        const below = under[at * channels + c] as number;
        into[at * channels + c] = Math.round(below + share * ((colour[c] as number) - below));
      }
    }
  }
}
