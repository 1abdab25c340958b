import { type Bounds, boundsOf, type Point } from './transform.ts';

/** Points sorted into the cells of a grid, for fast neighbour lookups. */
export interface Grid {
  readonly map: Float32Array;
  readonly bounds: Bounds;
  /** Width of a cell, in map units. */
  readonly side: number;
  readonly columns: number;
  readonly rows: number;
  /** Rows of cell s: `order[starts[s]]` up to `order[starts[s + 1]]`. */
  readonly starts: Uint32Array;
  readonly order: Uint32Array;
}

/** Approximate number of points per cell, and the most cells per row. */
const FILL = 3;
const MOST = 512;

/** Sorts positions `[N, 2]` into a grid; non-finite ones are left out. */
export function makeGrid(map: Float32Array, bounds: Bounds): Grid {
  const count = map.length / 2;
  const [width, height] = [bounds.right - bounds.left, bounds.top - bounds.bottom];
  const side = Math.max(Math.sqrt((width * height * FILL) / Math.max(1, count)), Math.max(width, height) / MOST);
  const [columns, rows] = [Math.floor(width / side) + 1, Math.floor(height / side) + 1];
  const starts = new Uint32Array(columns * rows + 1);
  const squares = new Int32Array(count).fill(-1);
  let kept = 0;
  for (let row = 0; row < count; row++) {
    const [x, y] = [map[2 * row] as number, map[2 * row + 1] as number];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    const square =
      Math.min(rows - 1, Math.floor((y - bounds.bottom) / side)) * columns +
      Math.min(columns - 1, Math.floor((x - bounds.left) / side));
    squares[row] = square;
    starts[square + 1] = (starts[square + 1] as number) + 1;
    kept++;
  }
  for (let s = 0; s < columns * rows; s++) starts[s + 1] = (starts[s + 1] as number) + (starts[s] as number);
  const next = starts.slice();
  const order = new Uint32Array(kept);
  for (let row = 0; row < count; row++) {
    const square = squares[row] as number;
    if (square < 0) continue;
    order[next[square] as number] = row;
    next[square] = (next[square] as number) + 1;
  }
  return { map, bounds, side, columns, rows, starts, order };
}

/** Calls `visit` with each row whose position is within a rectangle, edges included. */
export function visitWithin(grid: Grid, box: Bounds, visit: (row: number, x: number, y: number) => void): void {
  const { map, bounds, side, columns, rows, starts, order } = grid;
  const square = (value: number, most: number) => Math.min(most - 1, Math.max(0, Math.floor(value / side)));
  const [left, right] = [square(box.left - bounds.left, columns), square(box.right - bounds.left, columns)];
  const [bottom, top] = [square(box.bottom - bounds.bottom, rows), square(box.top - bounds.bottom, rows)];
  for (let j = bottom; j <= top; j++) {
    const end = starts[j * columns + right + 1] as number;
    for (let at = starts[j * columns + left] as number; at < end; at++) {
      const row = order[at] as number;
      const [x, y] = [map[2 * row] as number, map[2 * row + 1] as number];
      if (x >= box.left && x <= box.right && y >= box.bottom && y <= box.top) visit(row, x, y);
    }
  }
}

/**
 * The row nearest to a position, within `radius`; null where there is none.
 * @param shown 1 for each row that counts; null for all
 */
export function nearestPoint(grid: Grid, [x, y]: Point, radius: number, shown: Uint8Array | null): number | null {
  let best: number | null = null;
  let least = radius * radius;
  const box = { left: x - radius, right: x + radius, bottom: y - radius, top: y + radius };
  visitWithin(grid, box, (row, px, py) => {
    const square = (px - x) ** 2 + (py - y) ** 2;
    if (square > least || (shown && !shown[row])) return;
    least = square;
    best = row;
  });
  return best;
}

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
