import { InputError } from '../../io/errors.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { askedLabel, best, chooseLabel, isRowNumber, labelColumn, mayBeLabel, notesOnUnused } from './columns.ts';
import { isNumber, packedNumbers } from './csv-columns.ts';
import { elsewhere } from './elsewhere.ts';
import { EXTENSIONS, type FileRow, fileRowsSource, foldersBeside, foldersWith } from './file-rows.ts';
import { holdsImages } from './parquet.ts';
import { PARQUET_FILE, rawLabel } from './parquet-file.ts';
import { splitColumn, splitOfRow, splitsIn } from './split-column.ts';
import { openTable, type Table, type TableRow } from './tables.ts';

/** Names of a column of files, best first. */
const FILES = ['file_name', 'filename', 'file', 'path', 'file_path', 'filepath', 'image_path', 'image', 'img'];
/** Rows that decide which columns there are. */
const SAMPLE = 100;
/** Numbers in a field that are pixels rather than a box in the image; columns of numbers that are pixels rather than attributes. */
const LEAST_PIXELS = { packed: 16, columns: 64 };
/** The columns of a table that names an image file in each row. */
export interface FileColumns {
  readonly file: string;
  /** What is missing behind the names of files. */
  readonly extension: string;
  /** A column, or those of one-hot rows: the label is the name of the one that is 1. */
  readonly label: string | readonly string[] | undefined;
  readonly split: string | undefined;
  /** Columns that could be labels. */
  readonly scalars: readonly string[];
  readonly unused: readonly string[];
  /** A line each on names and labels that may be something else. */
  readonly doubts: readonly string[];
}

/**
 * Finds the columns of a table that names image files and has no pixels; undefined where it does not.
 * @param path of the table: files in its folder, and in folders there, may be named without their extension
 */
export async function fileColumns(
  { names, rows }: Table,
  options: DataOptions = {},
  path?: string,
): Promise<FileColumns | undefined> {
  const sample: TableRow['cells'][] = [];
  for await (const { cells } of rows()) if (sample.push(cells) === SAMPLE) break;
  const most = (test: (text: string) => boolean) => (name: string) =>
    sample.filter((cells) => typeof cells[name] === 'string' && test(cells[name])).length > sample.length / 2;
  const named = names.filter(most((text) => IMAGE_FILE.test(text.trim())));
  const isNumeric = most(isNumber);
  const isPacked = most(
    (text) => packedNumbers(text).length >= LEAST_PIXELS.packed && packedNumbers(text).every(isNumber),
  );
  if (names.filter(isNumeric).length >= LEAST_PIXELS.columns || names.some(isPacked)) return undefined;
  const whole = best(named, FILES) ?? named[0];
  const found = whole === undefined ? path && (await idColumn(path, names, sample)) : { file: whole, extension: '' };
  if (!found) return undefined;
  const { file } = found;
  const others = names.filter((name) => name !== file);
  const isLabel = (name: string) => sample.every(({ [name]: cell }) => cell == null || rawLabel(cell) !== undefined);
  const isList = (name: string) => sample.some(({ [name]: cell }) => typeof cell === 'object' && cell !== null);
  const possible = others.filter(isLabel);
  const scalars = possible.filter((name) => !isList(name)); // lists of numbers are one-hot if asked for
  const chosen = chooseLabel(possible, options);
  const unlabelled = others.filter((name) => name !== chosen);
  const headed = !names.includes('column 1');
  const split = headed ? splitColumn(unlabelled) : unlabelled.find(most((text) => splitOfRow(text) !== undefined));
  const likely = () => {
    const filled = scalars.filter((name) => name !== split && sample.some((cells) => cells[name] != null));
    const unnumbered = filled.filter((name) => !isRowNumber(name));
    const meant = unnumbered.filter((name) => mayBeLabel(name) && !named.includes(name));
    return labelColumn(filled) ?? hotColumns(unnumbered, sample) ?? (meant.length === 1 ? meant[0] : undefined);
  };
  const label = chooseLabel(possible, options, likely);
  const labels = typeof label === 'string' ? sample.map((cells) => textOf(cells[label])) : [];
  const comma = labels.find((text) => /^[+-]?\d+,\d+$/.test(text));
  const heading = [file, ...[label ?? []].flat()].join(', ').slice(0, 100);
  const isImage = /[/\\]|^\d+$/.test(file) || labels.some((text) => text === label);
  const doubts = [
    ...(isImage ? [`${heading} in the first row are taken for names of columns, not for those of an image`] : []),
    ...(comma === undefined
      ? []
      : [`labels such as '${comma}' are names of classes; measures are written with a point`]),
  ];
  return {
    ...found,
    label,
    split,
    scalars: possible.filter((name) => !isList(name) || labelColumn([name]) !== undefined),
    doubts,
    unused: others.filter((name) => name !== split && ![label].flat().includes(name)),
  };
}

type Cells = TableRow['cells'];

const textOf = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : typeof value === 'string'
      ? value.trim()
      : '';

/** The column whose values, all different, are names of image files without their extension, and that extension. */
async function idColumn(path: string, names: readonly string[], sample: readonly Cells[]) {
  let listed: Promise<string[]> | undefined;
  const beside = () => {
    listed ??= foldersBeside(path);
    return listed;
  };
  for (const file of names.filter((name) => labelColumn([name]) === undefined)) {
    const ids = sample.map((cells) => textOf(cells[file]));
    if (ids.includes('') || new Set(ids).size < ids.length) continue;
    for (const extension of EXTENSIONS) {
      const filesOf = (some: readonly string[]) => some.map((id) => `${id}${extension}`);
      const foldersOf = (some: readonly string[]) => foldersWith(path, filesOf(some), beside);
      if ((await foldersOf(ids)).length === 0) continue;
      const headed = (await foldersOf([file])).length === 0; // otherwise the first row is no heading
      return headed ? { file, extension } : undefined;
    }
  }
  return undefined;
}

/** 0 or 1, as numbers, texts (pandas: True) or nothing; NaN for anything else. */
function bitOf(value: unknown): number {
  const text = typeof value === 'boolean' ? String(value) : textOf(value);
  return /^(1(\.0*)?|true)$/i.test(text) ? 1 : /^(0(\.0*)?|false|)$/i.test(text) ? 0 : Number.NaN;
}

/** Columns of 0 and 1 of which one is 1 in each row, and not always the same. */
function hotColumns(names: readonly string[], sample: readonly Cells[]): readonly string[] | undefined {
  const binary = names.filter((name) => sample.every((cells) => !Number.isNaN(bitOf(cells[name]))));
  const hot = sample.map((cells) => binary.filter((name) => bitOf(cells[name]) === 1));
  return hot.every(({ length }) => length === 1) && new Set(hot.flat()).size > 1 ? binary : undefined;
}

/** Whether a file is a table that names image files, and has neither pixels nor images. */
export async function isFileTable(path: string): Promise<boolean> {
  const table = await openTable(path);
  if (!table || !(await fileColumns(table, {}, path))) return false;
  return !PARQUET_FILE.test(path) || !(await holdsImages(path));
}

/** What a row says of an image; an empty name where it says none. @throws InputError where one-hot columns have several ones */
export function readRow({ cells, where }: TableRow, { file, extension, label, split }: FileColumns) {
  const name = textOf(cells[file]);
  return {
    file: name && `${name}${extension}`,
    label:
      typeof label === 'object'
        ? hotLabel(label, cells, where)
        : rawLabel(label === undefined || cells[label] === '' ? undefined : cells[label]),
    split: split === undefined ? undefined : cells[split],
  };
}

function hotLabel(names: readonly string[], cells: Cells, where: string): string | undefined {
  const [hot, other] = names.filter((name) => bitOf(cells[name]) !== 0);
  if (hot === undefined || (other === undefined && bitOf(cells[hot]) === 1)) return hot;
  throw new InputError(
    `${where}: one of ${names.join(', ').slice(0, 100)} was expected to be 1 and the others 0, as in the first rows; correct it, or remove these columns`,
  );
}

/**
 * Locates the images that a table names (CSV, TSV, JSONL, Parquet): a column of files, and where there are such a column of labels
 * and one of splits.
 * @throws InputError when no file exists, splits and other values are mixed, or there is no column of labels as asked for
 */
export async function locateFileTable(path: string, options: DataOptions = {}): Promise<DataSource> {
  const table = await openTable(path);
  const columns = table && (await fileColumns(table, options, path));
  if (!columns) {
    const names = table?.names.join(', ').slice(0, 100);
    const none = `${path}: its columns (${names}) name no image files; expected one such as file_name`;
    throw (await elsewhere(path)) ?? new InputError(none);
  }
  const { unused, label, extension, scalars } = columns;
  const asked = askedLabel(path, [label], scalars, options);
  const { splits, notes } = await splitsIn(columns.split, splitValues(table, columns));
  const expected = `the paths in column '${columns.file}' were expected to be`;
  const { signal } = options;
  const source = await fileRowsSource(path, rowsOf(table, columns), { expected, splits, signal, asked: asked.label });
  const hot =
    typeof label === 'object'
      ? [`labels are the names of the columns ${label.join(', ').slice(0, 200)}: one is 1`]
      : [];
  const added = extension === '' ? [] : [`names in column '${columns.file}' are completed by ${extension}`];
  return {
    ...source,
    ...asked,
    notes: [...source.notes, ...notes, ...columns.doubts, ...added, ...hot, ...notesOnUnused(unused, label, scalars)],
  };
}

async function* rowsOf(table: Table, columns: FileColumns): AsyncGenerator<FileRow> {
  for await (const row of table.rows()) {
    const { file, label, split } = readRow(row, columns);
    yield { file, label, split: splitOfRow(split) };
  }
}

async function* splitValues(table: Table, columns: FileColumns) {
  for await (const row of table.rows()) yield { value: readRow(row, columns).split, where: row.where };
}
