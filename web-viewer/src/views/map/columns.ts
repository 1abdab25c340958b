import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Column, Table } from '../../../../pipeline/artifacts/columns.ts';
import { classColours, plainColour, quietColour } from '../../../../pipeline/pictures/palette.ts';
import type { VisitorFile } from '../../site/dropped.ts';
import { messageOf } from '../../site/problem.ts';
import { model, problem, shownClasses } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import type { StoredArrays } from './stored-arrays.ts';

/** A value for each point, by which it is coloured. */
export interface MapColumn {
  readonly name: string;
  readonly kind: Column['kind'];
  /** Names of categories, and their colours `#rrggbb`. */
  readonly categories: readonly string[];
  readonly colours: readonly string[];
  /** Numbers, or indices of categories (−1 for none); null while they are loaded. */
  readonly values: Float32Array | Float64Array | Int32Array | null;
}

/** New names of a column's categories, by their index; equal names are one category. */
export type Renamed = Readonly<Record<string, Readonly<Record<number, string>>>>;

/** A column of a visitor's table. */
interface DroppedColumn extends Column {
  readonly file: string;
}

export type Columns = ReturnType<typeof createColumns>;

/** The columns of the open model's points: class, error, those of the site, and the visitor's. */
export function createColumns(stored: StoredArrays) {
  const dropped = signal<readonly DroppedColumn[]>([]);
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
      const values = stored.array(file, kind === 'number' ? ['<f8', '<f4'] : ['<i4'], points.count);
      return { name, kind, categories, colours: classColours(categories.length), values };
    });
    const own = dropped.value.map(
      (column): MapColumn => ({ ...column, colours: classColours(column.categories.length) }),
    );
    return [...(ofSet ? [ofSet] : []), error, ...ofSite, ...own];
  });
  const columns = computed(() => original.value.map((column) => withNames(column, renamed.value[column.name] ?? {})));

  /** Names categories. All are shown then, because their indices are others. */
  const setNames = (names: Renamed) =>
    batch(() => {
      shownClasses.value = null;
      renamed.value = names;
    });
  /** Forgets the names of the categories of some columns. */
  const forgetNames = (columns: readonly string[]) =>
    setNames(Object.fromEntries(Object.entries(renamed.value).filter(([name]) => !columns.includes(name))));

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
      forgetNames([column]);
    },
    /** Names a category; a name that another has merges the two. */
    rename(column: string, category: string, name: string) {
      const before = original.value.find((other) => other.name === column);
      const names = renamed.value[column] ?? {};
      if (!before || name.trim() === '') return;
      const same = before.categories.flatMap((own, code) => ((names[code] ?? own) === category ? [code] : []));
      const changed = Object.fromEntries(same.map((code) => [code, name.trim()]));
      setNames({ ...renamed.value, [column]: { ...names, ...changed } });
    },
    /**
     * Joins a visitor's table, in the place of a former one of its name. Failures, and what of it is not used, are reported in
     * `problem`.
     * @returns the name of its first column; null where there is none, or another model has been opened
     */
    async add({ path, file }: VisitorFile): Promise<string | null> {
      const { points, set, loading } = model.value ?? {};
      const report = (text: string) => {
        problem.value = `${path}: ${text}`;
        return null;
      };
      if (!points || !set) return report(`there are no images ${loading ? 'yet ' : ''}to join it to`);
      const isOpen = () => model.value?.points === points;
      try {
        const { joinTable, readTable } = await import('../../../../pipeline/artifacts/columns.ts');
        const table: Table = await readTable(new Uint8Array(await file.arrayBuffer()), path);
        if (!isOpen()) return null;
        const former = dropped.value.filter((column) => column.file === path).map(({ name }) => name);
        const taken = original.value.map(({ name }) => name).filter((name) => !former.includes(name));
        const ids = Array.from({ length: points.count }, (_, row) => set.id(row));
        const { labels, about } = set;
        const { classes, split } = about;
        const stem = path.replace(/\.\w+$/, '');
        const { columns: found, matched, leftOut } = joinTable(table, { ids, split, labels, classes, taken }, stem);
        const [first] = found;
        if (!first)
          return report(`it has no column to colour by${leftOut.length > 0 ? `: ${leftOut.join(', ')}` : ''}`);
        batch(() => {
          if (former.length > 0) forgetNames(former);
          const others = dropped.value.filter((column) => column.file !== path);
          dropped.value = [...others, ...found.map((column) => ({ ...column, file: path }))];
        });
        const absent = points.count - matched;
        const notes = [
          ...(absent > 0 ? [`${grouped(absent)} of the ${grouped(points.count)} images are not in it`] : []),
          ...(leftOut.length > 0 ? [`columns not used: ${leftOut.join(', ')}`] : []),
        ];
        problem.value = null;
        if (notes.length > 0) report(notes.join('; '));
        return first.name;
      } catch (error) {
        return isOpen() ? report(messageOf(error)) : null;
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
