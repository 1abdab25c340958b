import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Column, Table } from '../../../../pipeline/artifacts/columns.ts';
import { classColours, plainColour, quietColour } from '../../../../pipeline/pictures/palette.ts';
import { FileProblem, messageOf } from '../../site/problem.ts';
import { model, problem } from '../../state/store.ts';
import type { StoredArrays } from './stored-arrays.ts';

/** A value for each point, by which it is coloured. */
export interface MapColumn {
  readonly name: string;
  readonly kind: Column['kind'];
  /** Names of categories, and their colours `#rrggbb`. */
  readonly categories: readonly string[];
  readonly colours: readonly string[];
  /** Numbers, or indices of categories (−1 for none); null while they are loaded. */
  readonly values: Float32Array | Int32Array | null;
}

/** New names of a column's categories, by their index; equal names are one category. */
export type Renamed = Readonly<Record<string, Readonly<Record<number, string>>>>;

export type Columns = ReturnType<typeof createColumns>;

/** The columns of the open model's points: class, error, those of the site, and the visitor's. */
export function createColumns(stored: StoredArrays) {
  const dropped = signal<readonly Column[]>([]);
  const renamed = signal<Renamed>({});
  const original: ReadonlySignal<readonly MapColumn[]> = computed(() => {
    const { points, set, manifest } = model.value ?? {};
    if (!points || !manifest) return [];
    const classes = set?.labels ? set.about.classes : null;
    const ofSet = classes
      ? {
          name: 'class',
          kind: 'category' as const,
          categories: classes,
          colours: set?.about.colours ?? [],
          values: set?.labels ?? null,
        }
      : null;
    const error: MapColumn = { name: 'error', kind: 'number', categories: [], colours: [], values: points.errors };
    const ofSite = manifest.columns.map(({ name, kind, file, categories = [] }): MapColumn => {
      const values = stored.array(file, kind === 'number' ? '<f4' : '<i4', points.count);
      return { name, kind, categories, colours: classColours(categories.length), values };
    });
    const own = dropped.value.map(
      (column): MapColumn => ({ ...column, colours: classColours(column.categories.length) }),
    );
    return [...(ofSet ? [ofSet] : []), error, ...ofSite, ...own];
  });
  const columns = computed(() => original.value.map((column) => withNames(column, renamed.value[column.name] ?? {})));

  return {
    original,
    columns,
    /** Those of the visitor's tables. */
    dropped,
    renamed,
    /** Forgets the visitor's columns and names. */
    reset() {
      dropped.value = [];
      renamed.value = {};
    },
    /** Gives the categories of a column their names back. */
    restore(column: string) {
      renamed.value = Object.fromEntries(Object.entries(renamed.value).filter(([name]) => name !== column));
    },
    /** Names a category; a name that another has merges both. */
    rename(column: string, category: string, name: string) {
      const before = original.value.find((other) => other.name === column);
      const names = renamed.value[column] ?? {};
      if (!before || name.trim() === '') return;
      const same = before.categories.flatMap((own, code) => ((names[code] ?? own) === category ? [code] : []));
      const changed = Object.fromEntries(same.map((code) => [code, name.trim()]));
      renamed.value = { ...renamed.value, [column]: { ...names, ...changed } };
    },
    /** Joins a visitor's table. Failures are reported in `problem`. @returns the name of its first column */
    async add(file: File): Promise<string | null> {
      const { points, set } = model.value ?? {};
      if (!points || !set) return null;
      try {
        const { joinTable, readTable } = await import('../../../../pipeline/artifacts/columns.ts');
        const table: Table = await readTable(new Uint8Array(await file.arrayBuffer()), file.name);
        const ids = Array.from({ length: points.count }, (_, row) => set.id(row));
        const { labels, about } = set;
        const { classes, split } = about;
        const images = { ids, split, labels, classes, taken: original.value.map(({ name }) => name) };
        const stem = file.name.replace(/\.\w+$/, '');
        const { columns: found, matched, leftOut } = joinTable(table, images, stem);
        if (found.length === 0) throw new FileProblem(`no column of it can be used: ${leftOut.join(', ')}`);
        dropped.value = [...dropped.value, ...found];
        problem.value =
          matched < points.count
            ? `${file.name}: ${points.count - matched} of the ${points.count} images are not in it`
            : null;
        return found[0]?.name ?? null;
      } catch (error) {
        problem.value = `${file.name}: ${messageOf(error)}`;
        return null;
      }
    },
  };
}

/** The name of a category; of a negative index, of images without one. */
export const categoryName = ({ name, categories }: MapColumn, code: number): string =>
  categories[code] ?? (name === 'class' ? 'unlabelled' : 'none');

/** A column whose categories have other names; those with equal names become one. */
export function withNames(column: MapColumn, names: Readonly<Record<number, string>>): MapColumn {
  if (column.kind === 'number' || Object.keys(names).length === 0) return column;
  const named = column.categories.map((category, code) => names[code] ?? category);
  const categories = [...new Set(named)];
  const codes = named.map((name) => categories.indexOf(name));
  const colours = categories.map((name) => column.colours[named.indexOf(name)] ?? plainColour);
  return {
    ...column,
    categories,
    colours,
    values: column.values && Int32Array.from(column.values, (code) => codes[code] ?? -1),
  };
}

export { plainColour, quietColour };
