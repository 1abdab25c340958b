import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { codeOf, fileError, InputError } from '../../io/errors.ts';
import { closeStream } from '../../io/source.ts';
import type { DataSource, ImageEntry, ImageSource, RawLabel } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { type SplitName, splitOf } from '../split-names.ts';
import { type CsvColumns, chooseColumns, isNumber, packedNumbers, splitLine } from './csv-columns.ts';
import { findOrder, imageOfNumbers } from './pixel-rows.ts';
import { type Shard, shardedSource, shardsOf } from './shards.ts';
import { stampOf } from './stamp.ts';

/** Names of tables. */
export const CSV_FILE = /\.(csv|tsv)(\.gz)?$/i;

/** Rows that decide which columns there are. */
const SAMPLE = 1000;
/** A line without end is no table. */
const MAX_LINE = 2 ** 26;

interface CsvFile extends Shard {
  readonly columns: CsvColumns;
}

interface Row {
  /** From 1, as editors count. */
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Locates the images of tables of numbers, gzipped or not: a column for each pixel (Kaggle), or one with all of them (FER2013),
 * with a label or not, with names of columns or not; a column `Usage` or `split` says which part a row is of. Ids are the
 * rows, counted from 0. Rows that are damaged are images that cannot be read.
 * @param path of a file, or of a folder of files whose names say their part
 * @throws InputError when a table holds no images, or columns cannot be told
 */
export async function csvSource(path: string, options: DataOptions = {}): Promise<DataSource> {
  const notes: string[] = [];
  const files: CsvFile[] = [];
  for (const shard of await shardsOf(path, CSV_FILE)) {
    const lines: string[] = [];
    for await (const { text } of linesOf(shard.path)) if (lines.push(text) > SAMPLE) break;
    const columns = chooseColumns(shard.path, lines, options);
    files.push({ ...shard, columns });
  }
  const first = files[0] as CsvFile;
  const sample: unknown[] = [];
  for await (const { fields } of rowsOf(first)) {
    if (sample.push(pixelsOf(fields, first.columns).map(Number)) === ORDER_SAMPLE) break;
  }
  const { planar, note } = findOrder(sample, options);
  if (note) notes.push(note);
  if (first.columns.unused.length > 0) notes.push(`columns not used: ${first.columns.unused.join(', ').slice(0, 200)}`);
  const source = (name: string, shards: readonly CsvFile[], part?: string): ImageSource => ({
    name,
    stamp: () => stampOf(shards.map((shard) => shard.path)),
    entries: () => entriesOf(shards, { options, planar }, part),
    close: async () => {},
  });
  const parts = files.length === 1 ? await usedParts(first) : [];
  if (parts.length < 2) return shardedSource(path, files, notes, source);
  return { ...Object.fromEntries(parts.map((part) => [part, source(`${path}/${part}`, files, part)])), notes };
}

/** Rows that decide the order of RGB. */
const ORDER_SAMPLE = 8;

async function* entriesOf(
  files: readonly CsvFile[],
  { options, planar }: { options: DataOptions; planar: boolean },
  part: string | undefined,
): AsyncGenerator<ImageEntry> {
  let id = 0;
  for (const file of files) {
    const { columns } = file;
    for await (const { fields, line } of rowsOf(file)) {
      const where = `${file.path}: line ${line}`;
      const own = part === undefined || partOfRow(fields, columns) === part;
      const name = String(id++);
      if (!own) continue;
      yield {
        id: name,
        label: labelOf(columns.label === undefined ? undefined : fields[columns.label]),
        where,
        read: async () => imageOfNumbers(numbersOf(fields, columns, where), columns.type, { options, where, planar }),
      };
    }
  }
}

const pixelsOf = (fields: readonly string[], { pixels }: CsvColumns): string[] =>
  typeof pixels === 'number' ? packedNumbers(fields[pixels] ?? '') : pixels.map((i) => fields[i] ?? '');

/** @throws InputError when a row has another number of fields, or something else than numbers */
function numbersOf(fields: readonly string[], columns: CsvColumns, where: string): number[] {
  if (fields.length !== columns.width) {
    throw new InputError(
      `${where}: it has ${fields.length} fields; ${columns.width} were expected, as in the first row`,
    );
  }
  const texts = pixelsOf(fields, columns);
  const wrong = texts.findIndex(
    (text) => !isNumber(text) || (columns.type === 'int64' && !Number.isInteger(Number(text))),
  );
  if (wrong < 0) return texts.map(Number);
  const expected = columns.type === 'int64' ? 'a whole number, as in the first rows,' : 'a number';
  throw new InputError(`${where}: pixel ${wrong} is '${texts[wrong]?.slice(0, 40)}'; ${expected} was expected`);
}

function labelOf(text: string | undefined): RawLabel {
  const label = text?.trim();
  if (!label) return undefined;
  return isNumber(label) ? Number(label) : label;
}

/** FER2013's names of parts that `splitOf` does not know. */
const PARTS: Readonly<Record<string, SplitName>> = { publictest: 'val', privatetest: 'test' };

function partOfRow(fields: readonly string[], { usage }: CsvColumns): SplitName | undefined {
  if (usage === undefined) return undefined;
  const name = (fields[usage] ?? '').trim();
  return PARTS[name.toLowerCase()] ?? splitOf(name);
}

/** The parts that a table's column names. @throws InputError when it names others as well */
async function usedParts(file: CsvFile): Promise<string[]> {
  if (file.columns.usage === undefined) return [];
  const parts = new Set<string>();
  for await (const { fields, line } of rowsOf(file)) {
    const part = partOfRow(fields, file.columns);
    if (part) parts.add(part);
    else if (fields.length === file.columns.width) {
      const found = fields[file.columns.usage]?.slice(0, 40);
      throw new InputError(
        `${file.path}: line ${line}: the part of a row is '${found}'; train, val or test was expected`,
      );
    }
  }
  return [...parts];
}

async function* rowsOf({ path, columns }: CsvFile): AsyncGenerator<Row> {
  let header = columns.header;
  for await (const { text, line } of linesOf(path)) {
    if (!header) yield { line, fields: splitLine(text, columns.separator) };
    header = false;
  }
}

/** Lines that are not empty. @throws InputError when the file is missing, or its gzip data are damaged */
async function* linesOf(path: string): AsyncGenerator<{ text: string; line: number }> {
  let rest = '';
  let line = 0;
  for await (const chunk of textOf(path)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE)
      throw new InputError(`${path}: line ${line + 1} is longer than ${MAX_LINE} characters; is it a table?`);
    for (const text of lines) {
      line++;
      if (text.trim()) yield { text: text.replace(/\r$/, ''), line };
    }
  }
  if (rest.trim()) yield { text: rest.replace(/\r$/, ''), line: line + 1 };
}

async function* textOf(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const stream = /\.gz$/i.test(path) ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => stream.destroy(error));
  stream.setEncoding('utf8');
  try {
    let first = true;
    for await (const chunk of stream as AsyncIterable<string>) {
      yield first ? chunk.replace(/^\ufeff/, '') : chunk;
      first = false;
    }
  } catch (error) {
    if (!codeOf(error)?.startsWith('Z_')) throw fileError(error, `cannot read ${path}`);
    throw new InputError(
      `${path}: its compressed data are damaged (${(error as Error).message}); download or copy it again`,
    );
  } finally {
    await closeStream(file);
  }
}
