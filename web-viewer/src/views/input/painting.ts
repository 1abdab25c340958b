import type { Shape } from '../../ui/pixels.ts';
import { blendColour, drawSegment, type Stroke } from './brush.ts';
import { filled, IN_PLACE, type Placement, type Raster, resample } from './raster.ts';

/** A base image, and the strokes on it in drawing order. */
export interface Sketch {
  /** The size of the painting; null for the plain background. */
  readonly base: Raster | null;
  readonly strokes: readonly Stroke[];
}

export const EMPTY: Sketch = { base: null, strokes: [] };

/** A rendered sketch whose last stroke may be unfinished. */
export class Painting {
  readonly raster: Raster;
  /** The picture below the unfinished stroke, and the stroke's mask so far. */
  #under: Uint8Array;
  #mask: Uint8Array | null = null;

  /**
   * @param shape of the picture
   * @param placement of the sketch in it
   * @param background colour `[C]`
   */
  constructor(shape: Shape, { base, strokes }: Sketch, placement: Placement, background: readonly number[]) {
    if (!base) this.raster = filled(shape, background);
    else if (placement === IN_PLACE) this.raster = { ...base, data: base.data.slice() };
    else this.raster = resample(base, placement, shape.height, shape.width, background);
    this.#under = this.raster.data.slice();
    for (const stroke of strokes) {
      const points = stroke.points.map((at, i) => placement.scale * at + (i % 2 === 0 ? placement.x : placement.y));
      this.draw({ ...stroke, points, radius: placement.scale * stroke.radius });
      this.finish();
    }
  }

  /** Continues a stroke whose points before `from` have been drawn. */
  draw({ points, radius, colour }: Stroke, from = 0): void {
    const { height, width, data } = this.raster;
    this.#mask ??= new Uint8Array(height * width);
    for (let i = Math.max(0, from - 2); i < points.length; i += 2) {
      const next = i + 2 < points.length ? i + 2 : i;
      if (next === i && points.length > 2) break;
      const segment = [points[i], points[i + 1], points[next], points[next + 1]] as [number, number, number, number];
      const box = drawSegment(this.#mask, height, width, segment, radius);
      blendColour(data, this.#under, this.#mask, width, box, colour);
    }
  }

  /** Ends the stroke; the next one is drawn over it. */
  finish(): void {
    this.#mask = null;
    this.#under = this.raster.data.slice();
  }
}
