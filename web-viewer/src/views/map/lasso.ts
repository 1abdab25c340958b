import { type Grid, visitWithin } from './grid.ts';
import { type Bounds, boundsOf, type Point } from './transform.ts';

/** Whether a position is inside a closed polygon, `[x, y, x, y, …]` (even-odd rule). */
export function insidePolygon(polygon: ArrayLike<number>, [x, y]: Point): boolean {
  let inside = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [xi, yi] = [polygon[i] as number, polygon[i + 1] as number];
    const [xj, yj] = [polygon[j] as number, polygon[j + 1] as number];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** The rows inside a polygon, in the set's order. */
export function rowsInside(grid: Grid, polygon: ArrayLike<number>): Uint32Array {
  const found: number[] = [];
  visitWithin(grid, boundsOf(polygon), (row, x, y) => {
    if (insidePolygon(polygon, [x, y])) found.push(row);
  });
  return Uint32Array.from(found).sort();
}

/** A rectangle as a polygon. */
export const cornersOf = ({ left, right, bottom, top }: Bounds): readonly number[] => [
  ...[left, bottom],
  ...[right, bottom],
  ...[right, top],
  ...[left, top],
];
