import type { Bounds, View } from './transform.ts';

/** A cell of the decoded plane: column and row of a lattice whose cells are `side` units wide. */
export interface Cell {
  readonly column: number;
  readonly row: number;
}

/** A lattice over the latent plane; an image of H×W pixels fills a cell. */
export interface Lattice {
  /** Cells are 2^level units wide. */
  readonly level: number;
  readonly width: number;
  readonly height: number;
}

/** Cells are at least this many pixels wide, and less than twice as many. */
const MIN_WIDTH = 38;

/** The lattice for a view. Zooming by less than a factor of two keeps it, so that decoded cells stay useful. */
export function latticeFor(view: View, image: { readonly height: number; readonly width: number }): Lattice {
  const level = Math.ceil(Math.log2(MIN_WIDTH / view.scale));
  const width = 2 ** level;
  return { level, width, height: (width * image.height) / image.width };
}

/** The cells that a rectangle touches, those nearest to its centre first. */
export function cellsWithin({ width, height }: Lattice, box: Bounds): Cell[] {
  const cells: Cell[] = [];
  const [x, y] = [(box.left + box.right) / 2 / width - 0.5, (box.bottom + box.top) / 2 / height - 0.5];
  for (let row = Math.floor(box.bottom / height); row * height < box.top; row++) {
    for (let column = Math.floor(box.left / width); column * width < box.right; column++) cells.push({ column, row });
  }
  const distance = (cell: Cell) => (cell.column - x) ** 2 + (cell.row - y) ** 2;
  return cells.sort((a, b) => distance(a) - distance(b));
}

/** The latent at the centre of a cell, which is decoded for it. */
export const latentOf = ({ width, height }: Lattice, { column, row }: Cell): readonly [number, number] => [
  (column + 0.5) * width,
  (row + 0.5) * height,
];
