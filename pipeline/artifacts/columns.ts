import { csvParseRows, tsvParseRows } from 'd3-dsv';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** A table's values by column. Missing ones are null. */
export type Table = ReadonlyMap<string, readonly unknown[]> & {
  /** The part of the data that it is of, where convae wrote it. */
  readonly split?: string | undefined;
  /** Names of columns of lists and structures, whose values are not here. */
  readonly nested?: readonly string[];
};

/** A value for each image: a number (NaN where there is none), or an index of `categories` (−1 where there is none). */
export interface Column {
  readonly name: string;
  readonly kind: 'number' | 'category';
  readonly values: Float64Array | Int32Array;
  /** Empty for numbers. */
  readonly categories: readonly string[];
}

/** The images that a table is joined to. */
export interface JoinedImages {
  readonly ids: readonly string[];
  /** Their part of the data: in a table of all parts, ids begin with it, as in `test/…`. */
  readonly split: string;
  /** Class indices, −1 for none; null where no image has one. */
  readonly labels: Int32Array | null;
  readonly classes: readonly string[] | null;
  /** Names of columns that there are already. */
  readonly taken: readonly string[];
}

/** Files that `readTable` reads. */
export const TABLE_FILE = /\.(csv|tsv|parquet)$/i;
/** Whole numbers with at most this many values are categories, or more where the column's name says so. */
const MOST_CODES = 30;
const MOST_CATEGORIES = 1000;
const CODES = /cluster|label|class|group|split/i;

/**
 * Reads a table: CSV or TSV with a header, or Parquet, of whose lists and structures only the names are read.
 * @throws RangeError when it is damaged, has no rows, or two columns of one name
 */
export async function readTable(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<Table> {
  if (/\.parquet$/i.test(file)) return parquetTable(bytes);
  const parse = /\.tsv$/i.test(file) ? tsvParseRows : csvParseRows;
  const [header = [], ...rows] = parse(new TextDecoder().decode(bytes)).filter((row) =>
    row.some((text) => text !== ''),
  );
  const names = header.map((name) => name.trim());
  checkNames(names);
  const uneven = rows.findIndex((row) => row.length !== names.length);
  if (uneven >= 0) {
    const found = rows[uneven]?.length;
    throw new RangeError(`row ${uneven + 1} has ${found} fields; its header has ${names.length}`);
  }
  if (rows.length === 0) throw new RangeError('it has no rows below its header');
  return new Map(names.map((name, i) => [name, rows.map((row) => (row[i]?.trim() === '' ? null : row[i]))]));
}

/** @throws RangeError */
function checkNames(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new RangeError(`two of its columns are named '${twice}'`);
}

async function parquetTable(bytes: Uint8Array<ArrayBuffer>): Promise<Table> {
  const file = bytes.slice().buffer;
  try {
    const metadata = parquetMetadata(file);
    const all = parquetSchema(metadata).children.map(({ children, element }) => ({
      name: element.name,
      isNested: children.length > 0 || element.repetition_type === 'REPEATED',
    }));
    checkNames(all.map(({ name }) => name));
    const namesOf = (nested: boolean) => all.flatMap(({ name, isNested }) => (isNested === nested ? [name] : []));
    const columns = namesOf(false);
    const rows = await parquetReadObjects({ file, metadata, columns, compressors });
    if (rows.length === 0) throw new RangeError('it has no rows');
    const about = metadata.key_value_metadata?.find(({ key }) => key === 'convae')?.value ?? '{}';
    const { split } = JSON.parse(about) as { readonly split?: string };
    const values = new Map(columns.map((name) => [name, rows.map((row) => row[name] ?? null)]));
    return Object.assign(values, { split, nested: namesOf(true) });
  } catch (error) {
    throw new RangeError(`it cannot be read as Parquet: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Joins a table to images by its column `id`. A column of few values, or of texts, becomes categories. Labels and classes that the
 * images have already are left out; other names that are taken get `suffix`, and a number where that is taken, too.
 * @returns the columns, the number of images that have a row, that of rows without an image, and why columns were left out
 * @throws RangeError when there is no column `id`, an id occurs twice, none is of an image, or the table is of another part of the
 * data, whose ids may be the same, or its numbers or labels are of other images
 */
export function joinTable(table: Table, images: JoinedImages, suffix: string) {
  const keys = table.get('id');
  if (!keys) {
    throw new RangeError(
      `it has no column 'id' to join by; its columns are ${[...table.keys()].slice(0, 20).join(', ')}`,
    );
  }
  const { split = 'all' } = table;
  if (split !== 'all' && images.split !== 'all' && split !== images.split) {
    throw new RangeError(`it is of the ${split} images, and these are the ${images.split} images`);
  }
  const rowOf = new Map<string, number>();
  for (const [row, id] of keys.entries()) {
    if (rowOf.has(String(id))) throw new RangeError(`the id '${id}' occurs twice`);
    rowOf.set(String(id), row);
  }
  const prefix = images.ids.some((id) => rowOf.has(id)) ? '' : `${images.split}/`;
  const rows = Int32Array.from(images.ids, (id) => rowOf.get(prefix + id) ?? -1);
  const matched = rows.reduce((count, row) => count + (row < 0 ? 0 : 1), 0);
  if (matched === 0) {
    throw new RangeError(
      `none of its ids is that of an image: '${keys[0]}' …, where the images have '${images.ids[0]}' …`,
    );
  }
  const beyond = images.ids.every((id, i) => id === String(i))
    ? [...rowOf.keys()].find((id) => id.startsWith(prefix) && Number(id.slice(prefix.length)) >= images.ids.length)
    : undefined;
  if (beyond !== undefined) {
    const last = `'${prefix}${images.ids.length - 1}'`;
    throw new RangeError(
      `its id '${beyond}' is of no image, where the last one is ${last}: it is a table of other images`,
    );
  }
  const known = knownColumns(table, images, rows);
  const columns: Column[] = [];
  const leftOut = (table.nested ?? []).map((name) => `${name} (no numbers, texts or dates)`);
  const taken = new Set(images.taken);
  for (const [name, all] of table) {
    if (name === 'id' || known.has(name)) continue;
    const values = Array.from(rows, (row) => (row < 0 ? null : all[row]));
    const made = columnOf(values, name);
    if (typeof made === 'string') {
      leftOut.push(`${name} (${made})`);
      continue;
    }
    let free = taken.has(name) ? `${name} (${suffix})` : name;
    for (let i = 2; taken.has(free); i++) free = `${name} (${suffix} ${i})`;
    taken.add(free);
    columns.push({ ...made, name: free });
  }
  return { columns, matched, unmatched: keys.length - matched, leftOut };
}

/** The columns that repeat what is known of the images. @throws RangeError when they contradict it */
function knownColumns(table: Table, { labels, classes }: JoinedImages, rows: Int32Array): Set<string> {
  const known = new Set<string>();
  if (!labels) return known;
  const expected = { label: (label: number) => String(label), class: (label: number) => classes?.[label] };
  for (const [name, textOf] of Object.entries(expected)) {
    const values = table.get(name);
    if (!values || (name === 'class' && !classes)) continue;
    const different = rows.findIndex((row, image) => {
      const [value, label] = [row < 0 ? null : values[row], labels[image] as number];
      return value !== null && label >= 0 && String(value) !== textOf(label);
    });
    if (different >= 0) {
      const [value, label] = [values[rows[different] as number], labels[different] as number];
      throw new RangeError(
        `its ${name} of the id '${table.get('id')?.[rows[different] as number]}' is '${value}', but that of the image '${textOf(label)}': it is a table of other images`,
      );
    }
    known.add(name);
  }
  return known;
}

/** A column from a value for each image; a text says why it cannot be one. */
function columnOf(values: readonly unknown[], name: string): Omit<Column, 'name'> | string {
  const present = values.filter((value) => value !== null && value !== undefined);
  if (present.length === 0) return 'no values';
  // A date may be beyond those of JavaScript.
  const isDate = (value: unknown) => value instanceof Date && Number.isFinite(value.getTime());
  if (present.some((value) => typeof value === 'object' && !isDate(value))) return 'no numbers, texts or dates';
  const texts = values.map((value) => (value === null || value === undefined ? null : textOf(value)));
  const numeric = present.every((value) => typeof value !== 'boolean' && isNumeric(textOf(value)));
  const distinct = [...new Set(texts)].filter((text) => text !== null);
  const codes =
    distinct.every((text) => /^-?\d+$/.test(text)) &&
    distinct.length <= (CODES.test(name) ? MOST_CATEGORIES : MOST_CODES);
  if (numeric && !codes) {
    return { kind: 'number', values: Float64Array.from(texts, (text) => Number(text ?? Number.NaN)), categories: [] };
  }
  if (distinct.length > MOST_CATEGORIES) return `${distinct.length} different values`;
  const categories = distinct.sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : 1));
  const index = new Map(categories.map((text, i) => [text, i]));
  return { kind: 'category', values: Int32Array.from(texts, (text) => index.get(text ?? '') ?? -1), categories };
}

/** A date without its time is one at midnight. */
const textOf = (value: unknown) =>
  value instanceof Date ? value.toISOString().replace('T00:00:00.000Z', '') : String(value);

/** Whether a text is a number, and a whole number one that a double holds exactly. */
function isNumeric(text: string): boolean {
  const trimmed = text.trim();
  if (/^[+-]?\d+$/.test(trimmed)) return Number.isSafeInteger(Number(trimmed));
  return trimmed !== '' && (Number.isFinite(Number(trimmed)) || /^[+-]?(nan|inf(inity)?)$/i.test(trimmed));
}
