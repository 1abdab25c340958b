import { tickStep, ticks } from 'd3-array';

/** The visible part of the map: the map position at the screen's centre, and CSS pixels per unit. On the map y points up. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** Size of the screen area that shows the map, in CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle on the map. */
export interface Bounds {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly top: number;
}

export type Point = readonly [number, number];

/** Zoom limits, as multiples of the scale that shows everything. */
export const ZOOM = { min: 0.5, max: 300 } as const;

/** Map → screen, in CSS pixels from the top left. */
export const toScreen = (view: View, size: Size, [x, y]: Point): Point => [
  size.width / 2 + (x - view.x) * view.scale,
  size.height / 2 - (y - view.y) * view.scale,
];

/** Screen → map. */
export const toMap = (view: View, size: Size, [x, y]: Point): Point => [
  view.x + (x - size.width / 2) / view.scale,
  view.y - (y - size.height / 2) / view.scale,
];

/** The visible rectangle of the map. */
export function visibleBounds(view: View, size: Size): Bounds {
  const [left, top] = toMap(view, size, [0, 0]);
  const [right, bottom] = toMap(view, size, [size.width, size.height]);
  return { left, right, bottom, top };
}

/** The bounding box of finite positions `[N, 2]`, or of those of some rows; never empty. */
export function boundsOf(map: ArrayLike<number>, rows?: Uint32Array): Bounds {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  const count = rows?.length ?? map.length >> 1;
  for (let i = 0; i < count; i++) {
    const at = 2 * (rows ? (rows[i] as number) : i);
    const [x, y] = [map[at] as number, map[at + 1] as number];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < bottom) bottom = y;
    if (y > top) top = y;
  }
  if (left > right) return { left: -1, right: 1, bottom: -1, top: 1 };
  const smallest = Math.max(right - left, top - bottom, Math.abs(left) * 1e-6, 1e-9) / 100;
  const [wide, high] = [Math.max(0, smallest - (right - left)) / 2, Math.max(0, smallest - (top - bottom)) / 2];
  return { left: left - wide, right: right + wide, bottom: bottom - high, top: top + high };
}

/** The view that shows all of `bounds` with a margin of `margin` pixels. */
export function fullView(bounds: Bounds, size: Size, margin: number): View {
  const room = (length: number) => Math.max(1, length - 2 * margin);
  return {
    x: (bounds.left + bounds.right) / 2,
    y: (bounds.bottom + bounds.top) / 2,
    scale: Math.min(room(size.width) / (bounds.right - bounds.left), room(size.height) / (bounds.top - bounds.bottom)),
  };
}

/** Zooms about a screen position, which keeps its map position. */
export function zoomAbout(view: View, size: Size, at: Point, factor: number): View {
  const [x, y] = toMap(view, size, at);
  const scale = view.scale * factor;
  return { x: x - (at[0] - size.width / 2) / scale, y: y + (at[1] - size.height / 2) / scale, scale };
}

/** Pans the map by pixels. */
export const panned = (view: View, dx: number, dy: number): View => ({
  ...view,
  x: view.x - dx / view.scale,
  y: view.y + dy / view.scale,
});

/** A zoom factor clamped to the limits around the scale that shows everything. */
export const allowedFactor = (view: View, full: View, factor: number): number =>
  Math.min((full.scale * ZOOM.max) / view.scale, Math.max((full.scale * ZOOM.min) / view.scale, factor));

/** Keeps the centre of the view on or near the map, so that the map cannot get lost. */
export function clampView(view: View, { left, right, bottom, top }: Bounds): View {
  const clamp = (value: number, low: number, high: number) => {
    const margin = (high - low) / 2;
    return Math.min(high + margin, Math.max(low - margin, value));
  };
  return { ...view, x: clamp(view.x, left, right), y: clamp(view.y, bottom, top) };
}

/** A view between two others: the scale changes at a visually constant rate, without swinging out. */
export function interpolate(from: View, to: View, share: number): View {
  if (share >= 1) return to;
  const scale = from.scale * (to.scale / from.scale) ** share;
  // The point that both views show at the same position stays there.
  const moved =
    Math.abs(to.scale / from.scale - 1) < 1e-6 ? share : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
  return { x: from.x + moved * (to.x - from.x), y: from.y + moved * (to.y - from.y), scale };
}

/** Texts of round values from `low` to `high`, about `wanted` of them. */
export function tickTexts(low: number, high: number, wanted: number): { value: number; text: string }[] {
  const decimals = Math.max(0, -Math.floor(Math.log10(tickStep(low, high, wanted)) + 1e-9));
  return ticks(low, high, wanted).map((value) => ({ value, text: value.toFixed(decimals).replace('-', '−') }));
}

/** Rounds a coordinate to a tenth of a pixel on a screen of `scale` pixels per unit, so that links stay short. */
export function roundToPixel(value: number, scale: number): number {
  const decimals = Math.min(12, Math.max(0, Math.ceil(Math.log10(10 * scale))));
  return Number(value.toFixed(decimals));
}
