import type { Points } from '../../site/points.ts';
import { nearestRows } from '../../state/neighbours.ts';
import type { MapColumn } from './columns.ts';
import { type Grid, rowsInside } from './grid.ts';

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
      return `like:${typeof selection.to === 'number' ? selection.to : `z${selection.to.map(rounded).join(',')}`}`;
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
  const numbers = rest.replace(/^z/, '').split(',').map(Number);
  if (kind === 'search') return { kind, text: rest };
  if (kind === 'highest') return { kind, column: rest };
  if (!numbers.every(Number.isFinite)) return null;
  if (kind === 'lasso') return numbers.length >= 6 && numbers.length % 2 === 0 ? { kind, polygon: numbers } : null;
  if (kind !== 'like') return null;
  const [row] = rest.startsWith('z') || numbers.length > 1 ? [] : numbers; // older links have no z
  if (row === undefined) return { kind, to: numbers };
  return Number.isInteger(row) && row >= 0 ? { kind, to: row } : null;
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
    case 'search': {
      const [meant] = meaningsOf(selection.text, from);
      return Uint32Array.from({ length: meant ? points.count : 0 }, (_, row) => row).filter(
        (row) => meant?.has(row) && shown(row),
      );
    }
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
const highest = (values: ArrayLike<number>, shown: (row: number) => boolean): Uint32Array =>
  Uint32Array.from(values, (_, row) => row)
    .filter((row) => Number.isFinite(values[row]) && shown(row))
    .sort((a, b) => (values[b] as number) - (values[a] as number))
    .slice(0, LIST);

/** What a searched text means, as a text that means nothing else, and the rows that it finds. */
export interface Meaning {
  readonly text: string;
  has(row: number): boolean;
}

/**
 * What a text can mean: `#12` the number of an image; `cluster:3` a category or number of a column; `id:ab` the id ab; three
 * characters or more also ids that contain them; any other text a category of each column that has it, then ids. The first is found.
 */
export function meaningsOf(text: string, { points, columns, idOf }: Omit<Selectable, 'shown'>): readonly Meaning[] {
  const wanted = text.trim();
  const number = /^#(\d+)$/.exec(wanted)?.[1];
  if (number !== undefined) return [{ text: wanted, has: (row) => row === Number(number) }];
  const after = (name: string) =>
    wanted.toLowerCase().startsWith(`${name.toLowerCase()}:`) ? wanted.slice(name.length + 1).trim() : null;
  const named = columns.find(({ name }) => after(name) !== null);
  if (named) return [{ text: wanted, has: testOf(named, after(named.name) ?? '') ?? (() => false) }];
  const ofColumns = columns.flatMap((column): Meaning[] => {
    const has = column.kind === 'category' ? testOf(column, wanted) : null;
    return has ? [{ text: `${column.name}:${wanted}`, has }] : [];
  });
  const id = (after('id') ?? wanted).toLowerCase();
  const inId = (row: number) => {
    const own = idOf(row).toLowerCase();
    return own === id || (id.length > 2 && own.includes(id));
  };
  const isId = Array.from({ length: points.count }, (_, row) => row).some(inId);
  return [...ofColumns, ...(isId ? [{ text: `id:${after('id') ?? wanted}`, has: inId }] : [])];
}

/** Whether a row has a value of a column; null where the column has no such category. Upper case only counts where both are there. */
function testOf({ kind, categories, values }: MapColumn, value: string): ((row: number) => boolean) | null {
  if (!values || value === '') return null;
  if (kind === 'number') {
    const exact = values instanceof Float32Array ? Math.fround(Number(value)) : Number(value);
    return (row) => values[row] === exact;
  }
  const same = categories.includes(value)
    ? (category: string) => category === value
    : (category: string) => category.toLowerCase() === value.toLowerCase();
  const codes = new Set(categories.flatMap((category, code) => (same(category) ? [code] : [])));
  return codes.size > 0 ? (row) => codes.has(values[row] as number) : null;
}
