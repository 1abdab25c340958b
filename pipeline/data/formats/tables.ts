import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { InputError } from '../../io/errors.ts';
import { IMAGE_FILE } from '../decode.ts';
import { type CsvRow, rowsIn, separatorOf } from './csv-rows.ts';
import { type Line, linesOf } from './lines.ts';
import { compressors, isParquet, PARQUET_FILE, withParquet } from './parquet-file.ts';

/** Names of files with a JSON object a line, and of tables of text in general. */
export const JSON_LINES = /\.(jsonl|ndjson)(\.gz)?$/i;
export const TEXT_TABLE = /\.(csv|tsv|jsonl|ndjson)(\.gz)?$/i;

/** A row, by the names of its columns. */
export interface TableRow {
  readonly cells: Readonly<Record<string, unknown>>;
  /** For messages: the path, and line or row within it. */
  readonly where: string;
}

/** A table of texts and other values, read from beginning to end. */
export interface Table {
  readonly names: readonly string[];
  rows(): AsyncGenerator<TableRow>;
}

/**
 * Opens a table of text or a Parquet file; undefined where it is neither.
 * @throws InputError when it is damaged
 */
export async function openTable(path: string): Promise<Table | undefined> {
  if (TEXT_TABLE.test(path)) return textTable(path, () => linesOf(path));
  return PARQUET_FILE.test(path) && (await isParquet(path)) ? parquetTable(path) : undefined;
}

/**
 * A table of text: an object a line (JSONL), or fields, below their names or not.
 * @param path decides the form
 * @throws InputError where a line is no object
 */
export const textTable = (path: string, lines: () => AsyncIterable<Line>): Promise<Table> =>
  JSON_LINES.test(path) ? jsonTable(path, lines) : csvTable(path, lines);

/** Lines of JSON that decide which columns there are. */
const SAMPLE = 100;

async function jsonTable(path: string, lines: () => AsyncIterable<Line>): Promise<Table> {
  const table = {
    async *rows(): AsyncGenerator<TableRow> {
      for await (const { text, line } of lines()) {
        const where = `${path}: line ${line}`;
        yield { cells: objectIn(text, where), where };
      }
    },
  };
  const names = new Set<string>();
  let read = 0;
  for await (const { cells } of table.rows()) {
    for (const name of Object.keys(cells)) names.add(name);
    if (++read === SAMPLE) break;
  }
  return { ...table, names: [...names] };
}

function objectIn(text: string, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {} // said below
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new InputError(`${where}: it is not a JSON object; one object a line was expected`);
}

/** Without names, columns are called `column 1`, `column 2` … */
async function csvTable(path: string, lines: () => AsyncIterable<Line>): Promise<Table> {
  const sample: string[] = [];
  for await (const { text } of lines()) if (sample.push(text) === 2) break;
  const separator = separatorOf(sample[1] ?? sample[0] ?? '');
  const read = () => rowsIn(path, lines(), separator);
  let first: CsvRow['fields'] = [];
  for await (const { fields } of read()) {
    first = fields.map((name) => name.trim());
    break;
  }
  const header = !first.some((field) => IMAGE_FILE.test(field));
  const names = header ? first : first.map((_, i) => `column ${i + 1}`);
  return {
    names,
    async *rows() {
      let isHeader = header;
      for await (const { fields, line } of read()) {
        const cells = Object.fromEntries(names.map((name, i) => [name, fields[i]?.trim()]));
        if (!isHeader) yield { cells, where: `${path}: line ${line}` };
        isHeader = false;
      }
    },
  };
}

async function parquetTable(path: string): Promise<Table> {
  const metadata = await withParquet(path, parquetMetadataAsync);
  // Columns of columns and lists hold no names of files.
  const columns = parquetSchema(metadata)
    .children.filter(({ children }) => children.length === 0)
    .map(({ element }) => element.name);
  return {
    names: columns,
    async *rows() {
      let rowStart = 0;
      for (const { num_rows } of metadata.row_groups) {
        const rowEnd = rowStart + Number(num_rows);
        const range = { metadata, compressors, columns, rowStart, rowEnd };
        const rows = await withParquet(path, (file) => parquetReadObjects({ ...range, file }));
        for (const [i, cells] of rows.entries()) yield { cells, where: `${path}: row ${rowStart + i}` };
        rowStart = rowEnd;
      }
    },
  };
}
