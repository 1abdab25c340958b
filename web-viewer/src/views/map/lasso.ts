import { type Grid, visitWithin } from './grid.ts';
import { type Bounds, boundsOf, type Point } from './transform.ts';

type Edge = readonly [x1: number, y1: number, x2: number, y2: number];

/** The edges of a closed polygon `[x, y, x, y, …]`. */
const edgesOf = (polygon: ArrayLike<number>): Edge[] =>
  Array.from({ length: polygon.length / 2 }, (_, i) => {
    const at = (place: number) => polygon[place % polygon.length] as number;
    return [at(2 * i), at(2 * i + 1), at(2 * i + 2), at(2 * i + 3)];
  });

/** Whether a position is inside a polygon of these edges (even-odd rule). */
const isInside = (edges: readonly Edge[], x: number, y: number): boolean => {
  let inside = false;
  for (const [x1, y1, x2, y2] of edges) {
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
};

/** Whether a position is inside a closed polygon, `[x, y, x, y, …]` (even-odd rule). */
export const insidePolygon = (polygon: ArrayLike<number>, [x, y]: Point): boolean => isInside(edgesOf(polygon), x, y);

/** A polygon is looked at in so many strips, each of which few of its edges cross. */
const STRIPS = 64;

/** The rows inside a polygon, in the set's order. */
export function rowsInside(grid: Grid, polygon: ArrayLike<number>): Uint32Array {
  const found: number[] = [];
  const { left, right, bottom, top } = boundsOf(polygon);
  const edges = edgesOf(polygon);
  const border = (i: number) => bottom + ((top - bottom) * i) / STRIPS;
  for (let i = 0; i < STRIPS; i++) {
    const [low, high] = [border(i), i === STRIPS - 1 ? top : border(i + 1)];
    const crossing = edges.filter(([, y1, , y2]) => Math.max(y1, y2) >= low && Math.min(y1, y2) <= high);
    visitWithin(grid, { left, right, bottom: low, top: high }, (row, x, y) => {
      // One on the border of two strips is in the upper one.
      if ((y < high || high === top) && isInside(crossing, x, y)) found.push(row);
    });
  }
  return Uint32Array.from(found).sort();
}

/** A rectangle as a polygon. */
export const cornersOf = ({ left, right, bottom, top }: Bounds): readonly number[] => [
  ...[left, bottom],
  ...[right, bottom],
  ...[right, top],
  ...[left, top],
];
