import type { Points } from '../../site/points.ts';
import { nearestRows } from '../../state/neighbours.ts';
import type { MapColumn } from './columns.ts';
import type { Grid } from './grid.ts';
import { rowsInside } from './lasso.ts';

/** What is selected: in words that a link can hold, and that are resolved into rows. */
export type Selection =
  /** The points inside a polygon `[x, y, …]` of the map. */
  | { readonly kind: 'lasso'; readonly polygon: readonly number[] }
  /** The images that a text finds. */
  | { readonly kind: 'search'; readonly text: string }
  /** The images whose latents are nearest to that of a row, or to a latent. */
  | { readonly kind: 'like'; readonly to: number | readonly number[] }
  /** The images with the highest values of a column. */
  | { readonly kind: 'highest'; readonly column: string };

/** How many images are like another, or the highest. */
export const LIST = 100;
/** A link's polygon has at most this many numbers, so that its address stays short. */
const MOST_NUMBERS = 400;

/** A selection as the text of a link. */
export function textOfSelection(selection: Selection): string {
  switch (selection.kind) {
    case 'lasso':
      return `lasso:${selection.polygon.join(',')}`;
    case 'search':
      return `search:${selection.text}`;
    case 'like':
      return `like:${typeof selection.to === 'number' ? selection.to : selection.to.map(rounded).join(',')}`;
    case 'highest':
      return `highest:${selection.column}`;
  }
}

const rounded = (value: number) => Number(value.toPrecision(5));

/** A lasso around a polygon, or around one with fewer corners: exactly what its link holds. */
export function lassoAround(polygon: readonly number[]): Selection {
  const step = Math.ceil(polygon.length / MOST_NUMBERS);
  return { kind: 'lasso', polygon: polygon.filter((_, i) => (i >> 1) % step === 0).map(rounded) };
}

/** The selection of a link's text; null where it is none. */
export function selectionOfText(text: string | null): Selection | null {
  const [, kind, rest = ''] = /^(lasso|search|like|highest):(.{1,8000})$/s.exec(text ?? '') ?? [];
  const numbers = rest.split(',').map(Number);
  if (kind === 'search') return { kind, text: rest };
  if (kind === 'highest') return { kind, column: rest };
  if (!numbers.every(Number.isFinite)) return null;
  if (kind === 'lasso') return numbers.length >= 6 && numbers.length % 2 === 0 ? { kind, polygon: numbers } : null;
  if (kind !== 'like') return null;
  return { kind, to: numbers.length === 1 ? (numbers[0] as number) : numbers };
}

/** What a selection is made from. */
export interface Selectable {
  readonly points: Points;
  readonly grid: Grid;
  readonly columns: readonly MapColumn[];
  idOf(row: number): string;
  /** Whether a row passes the filter of categories. */
  shown(row: number): boolean;
}

/** The visible rows of a selection: those of a list in its order, others in that of the set. */
export function rowsOfSelection(selection: Selection, from: Selectable): Uint32Array {
  const { points, grid, shown } = from;
  switch (selection.kind) {
    case 'lasso':
      return rowsInside(grid, selection.polygon).filter(shown);
    case 'search':
      return search(selection.text, from).filter(shown);
    case 'like': {
      const size = points.latents.length / points.count;
      const { to } = selection;
      const latent =
        typeof to === 'number' ? points.latents.subarray(to * size, (to + 1) * size) : Float32Array.from(to);
      if (latent.length !== size) return new Uint32Array();
      return Uint32Array.from(
        nearestRows(points, latent, LIST, (row) => row !== to && shown(row)),
        ({ row }) => row,
      );
    }
    case 'highest': {
      const values = from.columns.find(({ name }) => name === selection.column)?.values;
      return values ? highest(values, shown) : new Uint32Array();
    }
  }
}

/** The rows with the highest values, the highest first. */
function highest(values: ArrayLike<number>, shown: (row: number) => boolean): Uint32Array {
  const best: number[] = [];
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    if (!Number.isFinite(value) || (best.length >= LIST && value <= (values[best[LIST - 1] as number] as number)))
      continue;
    if (!shown(row)) continue;
    let place = best.length;
    while (place > 0 && (values[best[place - 1] as number] as number) < value) place--;
    best.splice(place, 0, row);
    if (best.length > LIST) best.pop();
  }
  return Uint32Array.from(best);
}

/**
 * The rows that a text finds: `#12` the number of an image; `cluster:3` a category of a column; any other text those whose id or
 * category it is, or, of three characters or more, whose id contains it.
 */
function search(text: string, { points, columns, idOf }: Selectable): Uint32Array {
  const wanted = text.trim();
  const number = /^#(\d+)$/.exec(wanted)?.[1];
  if (number !== undefined) return Number(number) < points.count ? Uint32Array.of(Number(number)) : new Uint32Array();
  const named = columns.find(({ name }) => wanted.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  const value = (named ? wanted.slice(named.name.length + 1) : wanted).trim().toLowerCase();
  const tests = (named ? [named] : columns).flatMap(({ kind, categories, values }) => {
    const codes = new Set(categories.flatMap((category, code) => (category.toLowerCase() === value ? [code] : [])));
    if (!values) return [];
    if (kind === 'category') return codes.size > 0 ? [(row: number) => codes.has(values[row] as number)] : [];
    const exact = values instanceof Float32Array ? Math.fround(Number(value)) : Number(value);
    return named && value !== '' ? [(row: number) => values[row] === exact] : [];
  });
  const inId = (row: number) => {
    const id = idOf(row).toLowerCase();
    return id === value || (value.length > 2 && id.includes(value));
  };
  const found: number[] = [];
  for (let row = 0; row < points.count; row++) {
    if (tests.some((test) => test(row)) || (!named && inId(row))) found.push(row);
  }
  return Uint32Array.from(found);
}
