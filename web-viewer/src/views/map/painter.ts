import type { Size, View } from './transform.ts';

/** What is drawn. */
export interface Frame {
  readonly size: Size;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly view: View;
  /** Diameter of a point, in CSS pixels. */
  readonly diameter: number;
  readonly alpha: number;
}

/** Draws the points of the map on a transparent canvas. */
export interface Painter {
  readonly kind: 'webgl2' | 'canvas';
  readonly canvas: HTMLCanvasElement;
  /** Sets map positions `[N, 2]`. */
  setPositions(map: Float32Array): void;
  /** Sets colours `[N, 4]`, and the rows to draw, from the lowest to the topmost. */
  setStyle(colours: Uint8Array, order: Uint32Array): void;
  /** @returns whether points are left for the next frame */
  draw(frame: Frame): boolean;
}

/** Gives a canvas the size of the screen area, which empties it if that has changed. */
export function fitCanvas(canvas: HTMLCanvasElement, { width, height }: Size, ratio: number): void {
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
}
