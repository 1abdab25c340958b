import { InputError } from '../../io/errors.ts';
import type { DataSource, ImageEntry, ImageSource, StoredImage } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import type { SplitName } from '../split-names.ts';
import { arrange, transposedNote } from './array-layout.ts';
import { isEmnist } from './arrays.ts';
import { askedLabel, notesOnOrder, notesOnUnused } from './columns.ts';
import { type CsvColumns, chooseColumns, isNumber, labelOf, packedNumbers, withPoints } from './csv-columns.ts';
import { type CsvRow, rowsIn } from './csv-rows.ts';
import { orElsewhere } from './elsewhere.ts';
import { isFileTable } from './file-table.ts';
import { linesOf } from './lines.ts';
import { findOrder, imageOfNumbers } from './pixel-rows.ts';
import { type Shard, shardedSource, shardsOf } from './shards.ts';
import { splitOfRow, splitsIn } from './split-column.ts';
import { stampOf } from './stamp.ts';

/** Names of tables. */
export const CSV_FILE = /\.(csv|tsv)(\.gz)?$/i;

/** Rows that decide which columns there are. */
const SAMPLE = 1000;

interface CsvFile extends Shard {
  readonly columns: CsvColumns;
}

/**
 * Locates the images of tables of numbers, gzipped or not: a column for each pixel (Kaggle), or one with all of them (FER2013),
 * with a label or not, with names of columns or not; a column such as `split` or `Usage` says which split a row is of. Ids are the
 * rows, counted from 0. Rows that are damaged are images that cannot be read.
 * @param path of a file, or of a folder of files whose names say their part
 * @throws InputError when a table holds no images, columns cannot be told, or there is no column of labels as asked for
 */
export async function csvSource(path: string, options: DataOptions = {}): Promise<DataSource> {
  const notes: string[] = [];
  const files: CsvFile[] = [];
  for (const shard of await shardsOf(path, CSV_FILE)) {
    const lines = await firstLines(shard.path);
    const columns = await orElsewhere(shard.path, () => chooseColumns(shard.path, lines, options));
    files.push({ ...shard, columns });
    if (isEmnist(shard.path)) notes.push(transposedNote(shard.path));
  }
  const first = files[0] as CsvFile;
  const { names, label: at, unused } = first.columns;
  const labels = files.map(({ columns }) => columns.names[columns.label ?? -1]);
  const asked = askedLabel(path, labels, names, options);
  const sample: unknown[] = [];
  for await (const { fields } of rowsOf(first)) {
    if (sample.push(pixelsOf(fields, first.columns).map(Number)) === ORDER_SAMPLE) break;
  }
  const { planar, note } = findOrder(sample, options);
  if (note) notes.push(note);
  const { pixels } = first.columns;
  const inOrder = typeof pixels === 'object' ? pixels.map((i) => names[i] ?? '') : [];
  const onOrder = notesOnOrder(names, inOrder);
  notes.push(...onOrder);
  notes.push(...notesOnUnused(unused, names[at ?? -1], names));
  const source = (name: string, shards: readonly CsvFile[], part?: SplitName): ImageSource => {
    const files = shards.map((shard) => shard.path);
    return {
      name,
      files,
      stamp: async () => [await stampOf(files), ...onOrder].join('\n'),
      entries: () => entriesOf(shards, { options, planar }, part),
      close: async () => {},
    };
  };
  const { splits, notes: onSplits } = await splitsIn(first.columns.split?.name, splitValues(files), first.part);
  notes.push(...onSplits);
  if (splits.length === 0) return { ...shardedSource(path, files, notes, source), ...asked };
  const parts = splits.map((split) => [split, source(`${path}/${split}`, files, split)] as const);
  return { ...Object.fromEntries(parts), ...asked, notes };
}

async function firstLines(path: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { text } of linesOf(path)) if (lines.push(text) > SAMPLE) break;
  return lines;
}

/** Whether a table has pixels of images, and not names of files. */
export async function hasPixels(path: string, options: DataOptions): Promise<boolean> {
  try {
    if (await isFileTable(path)) return false;
    chooseColumns(path, await firstLines(path), options);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** Rows that decide the order of RGB. */
const ORDER_SAMPLE = 8;

async function* entriesOf(
  files: readonly CsvFile[],
  { options, planar }: { options: DataOptions; planar: boolean },
  part: SplitName | undefined,
): AsyncGenerator<ImageEntry> {
  let id = 0;
  for (const file of files) {
    const { columns } = file;
    const transposed = isEmnist(file.path);
    for await (const { fields, line } of rowsOf(file)) {
      const where = `${file.path}: line ${line}`;
      const own = part === undefined || splitOfRow(fields[columns.split?.at ?? -1]) === part;
      const name = String(id++);
      if (!own) continue;
      yield {
        id: name,
        label: labelOf(columns.label === undefined ? undefined : fields[columns.label]),
        where,
        read: async () => {
          const image = imageOfNumbers(numbersOf(fields, columns, where), columns.type, { options, where, planar });
          return transposed ? upright(image) : image;
        },
      };
    }
  }
}

/** A gray image of numbers that are stored column by column. */
const upright = (image: StoredImage): StoredImage => ({
  ...image,
  values: arrange(image.values, { ...image, count: 1, steps: [1, image.height, 1], notes: [] }),
});

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

/** What the tables' column of splits says; damaged rows are passed over. */
async function* splitValues(files: readonly CsvFile[]): AsyncGenerator<{ value: unknown; where: string }> {
  for (const file of files) {
    const { split, width } = file.columns;
    for await (const { fields, line } of rowsOf(file)) {
      if (split && fields.length === width) yield { value: fields[split.at], where: `${file.path}: line ${line}` };
    }
  }
}

async function* rowsOf({ path, columns }: CsvFile): AsyncGenerator<CsvRow> {
  let header = columns.header;
  for await (const row of rowsIn(path, linesOf(path), columns.separator)) {
    if (!header) yield columns.separator === ',' ? row : { ...row, fields: withPoints(row.fields) };
    header = false;
  }
}
