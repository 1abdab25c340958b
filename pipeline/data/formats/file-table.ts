import { InputError } from '../../io/errors.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { best, isRowNumber, labelColumn } from './columns.ts';
import { isNumber, packedNumbers } from './csv-columns.ts';
import { type FileRow, fileRowsSource } from './file-rows.ts';
import { rawLabel } from './parquet-file.ts';
import { splitColumn, splitOfRow, splitsIn } from './split-column.ts';
import { openTable, type Table, type TableRow } from './tables.ts';

/** Names of a column of files, best first. */
const FILES = ['file_name', 'filename', 'file', 'path', 'file_path', 'filepath', 'image_path', 'image', 'img'];
/** Names of columns that say something of an image, but no class. */
const NO_LABEL = /^(text|caption|title|description|prompt|url|width|height|size|x|uuid|.*_id)$/i;
/** Rows that decide which columns there are. */
const SAMPLE = 100;
/** Numbers that are pixels rather than a box in the image. */
const LEAST_PIXELS = 16;

/** The columns of a table that names an image file in each row. */
export interface FileColumns {
  readonly file: string;
  readonly label: string | undefined;
  readonly split: string | undefined;
  readonly unused: readonly string[];
}

/** Finds the columns of a table that names image files and has no pixels; undefined where it does not. */
export async function fileColumns({ names, rows }: Table): Promise<FileColumns | undefined> {
  const sample: TableRow['cells'][] = [];
  for await (const { cells } of rows()) if (sample.push(cells) === SAMPLE) break;
  const most = (test: (text: string) => boolean) => (name: string) =>
    sample.filter((cells) => typeof cells[name] === 'string' && test(cells[name])).length > sample.length / 2;
  const named = names.filter(most((text) => IMAGE_FILE.test(text.trim())));
  const file = best(named, FILES) ?? named[0];
  const isNumeric = most(isNumber);
  const isPacked = most((text) => packedNumbers(text).length >= LEAST_PIXELS && packedNumbers(text).every(isNumber));
  const hasPixels = names.filter(isNumeric).length >= LEAST_PIXELS || names.some(isPacked);
  if (file === undefined || hasPixels) return undefined;
  const others = names.filter((name) => name !== file);
  const headed = !names.includes('column 1');
  const split = headed ? splitColumn(others) : others.find(most((text) => splitOfRow(text) !== undefined));
  const isScalar = (name: string) => sample.some((cells) => rawLabel(cells[name]) !== undefined);
  const scalars = others.filter((name) => name !== split && isScalar(name));
  const meant = scalars.filter((name) => !isRowNumber(name) && !NO_LABEL.test(name) && !named.includes(name));
  const label = labelColumn(scalars) ?? (meant.length === 1 ? meant[0] : undefined);
  return { file, label, split, unused: others.filter((name) => name !== split && name !== label) };
}

/** Whether a file is a table that names image files, and has no pixels. */
export async function isFileTable(path: string): Promise<boolean> {
  const table = await openTable(path);
  return table !== undefined && (await fileColumns(table)) !== undefined;
}

/** What a row says of an image; an empty name where it says none. */
export const readRow = ({ cells }: TableRow, { file, label, split }: FileColumns) => ({
  file: typeof cells[file] === 'string' ? cells[file].trim() : '',
  label: label === undefined ? undefined : rawLabel(cells[label] === '' ? undefined : cells[label]),
  split: split === undefined ? undefined : cells[split],
});

/**
 * Locates the images that a table names (CSV, TSV, JSONL, Parquet): a column of files, and where there are such a column of labels
 * and one of splits.
 * @throws InputError when no file exists, or splits and other values are mixed
 */
export async function locateFileTable(path: string, { signal }: DataOptions = {}): Promise<DataSource> {
  const table = await openTable(path);
  const columns = table && (await fileColumns(table));
  if (!columns)
    throw new InputError(
      `${path}: its columns (${table?.names.join(', ').slice(0, 100)}) name no image files; expected one such as file_name`,
    );
  const { splits, notes } = await splitsIn(columns.split, splitValues(table, columns));
  const expected = `the paths in column '${columns.file}' were expected to be`;
  const source = await fileRowsSource(path, rowsOf(table, columns), { expected, splits, signal });
  const { unused } = columns;
  return {
    ...source,
    notes: [...source.notes, ...notes, ...(unused.length > 0 ? [`columns not used: ${unused.join(', ')}`] : [])],
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
