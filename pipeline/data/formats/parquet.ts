import { type FileMetaData, parquetMetadataAsync, parquetRead, parquetReadObjects } from 'hyparquet';
import { InputError } from '../../io/errors.ts';
import { isImage } from '../decode.ts';
import type {
  DataSource,
  EncodedImage,
  ImageEntry,
  ImageSource,
  Piece,
  RawLabel,
  StoredImage,
} from '../image-source.ts';
import { mayBeAuxiliary } from '../layouts.ts';
import type { DataOptions } from '../options.ts';
import { range } from '../rows.ts';
import type { SplitName } from '../split-names.ts';
import { askedLabel, IMAGES, notesOnOrder, notesOnUnused } from './columns.ts';
import { orElsewhere } from './elsewhere.ts';
import { chooseColumns, type ParquetColumns } from './parquet-columns.ts';
import { compressors, PARQUET_FILE, rawLabel, withParquet } from './parquet-file.ts';
import { findOrder, imageOfNumbers, layoutOfRow, numbersFor } from './pixel-rows.ts';
import { type Shard, shardedSource, shardsOf } from './shards.ts';
import { splitOfRow, splitsIn } from './split-column.ts';
import { stampOf } from './stamp.ts';

/** A row group is held in memory: the bytes of its images, or its numbers. */
const MAX_GROUP = { bytes: 2 ** 30, numbers: 2 ** 26 };
/** Columns of pixels that are decoded at a time. */
const COLUMNS = 64;
/** Rows that decide the order of numbers. */
const SAMPLE = 8;

interface ParquetFile extends Shard {
  readonly metadata: FileMetaData;
  readonly columns: ParquetColumns;
}

/** A row's image: bytes of an image file, numbers, or (nested) lists of them. */
interface Row {
  readonly value: unknown;
  readonly label: RawLabel;
}

/**
 * Locates the images of Parquet files, as Hugging Face, pandas and others write them: a column of encoded images (bytes, or
 * a struct with `bytes`) or lists of numbers, or a column for each pixel; and a column of labels, with the class names of
 * Hugging Face's metadata. Ids are row numbers, counted through the files of a part. One row group at a time is in memory.
 * @param path of a file, or of a folder of files whose names say their part
 * @throws InputError when a file is damaged or has no images, the files have different columns, or no column of labels as asked for
 */
export async function parquetSource(path: string, options: DataOptions = {}): Promise<DataSource> {
  const files: ParquetFile[] = [];
  for (const shard of await shardsOf(path, PARQUET_FILE)) files.push(await openShard(shard, options));
  const first = files[0] as ParquetFile;
  const other = files.find(({ columns }) => describe(columns) !== describe(first.columns));
  if (other) {
    throw new InputError(
      `${other.path}: its images are ${describe(other.columns)}, but those of ${first.path} are ${describe(first.columns)}; pass the files of one data set`,
    );
  }
  const { unused, label, scalars, classes } = first.columns;
  const labels = files.map(({ columns }) => columns.label);
  const asked = askedLabel(path, labels, scalars, options);
  const notes = notesOnUnused(unused, label, scalars);
  const sample = layoutOfRow(numbersPerRow(first), options)?.channels === 3 ? await readGroup(first, 0, 0) : [];
  const order = findOrder(
    sample.slice(0, SAMPLE).map(({ value }) => value),
    options,
  );
  if (order.note) notes.push(order.note);
  const names = first.metadata.schema.map(({ name }) => name);
  const onOrder = notesOnOrder(names, first.columns.kind === 'pixels' ? first.columns.images : []);
  notes.push(...onOrder);
  const { planar } = order;
  const source = (name: string, shards: readonly ParquetFile[]): ImageSource => {
    const files = shards.map((shard) => shard.path);
    return {
      name,
      count: shards.reduce((sum, { metadata }) => sum + Number(metadata.num_rows), 0),
      classes,
      files,
      pieces: () => piecesOf(shards, planar),
      stamp: async () => [await stampOf(files), ...onOrder].join('\n'),
      entries: () => entriesOf(shards, planar, options),
      close: async () => {},
    };
  };
  const rows: SplitName[] = [];
  const { splits, notes: onSplits } = await splitsIn(first.columns.split?.name, splitValues(files, rows), first.part);
  notes.push(...onSplits);
  if (splits.length === 0) return { ...shardedSource(path, files, notes, source), ...asked };
  const sourceOf = (split: SplitName): ImageSource => ({
    ...source(`${path}/${split}`, files),
    count: rows.filter((other) => other === split).length,
    pieces: undefined, // its rows are between others
    entries: () => entriesOf(files, planar, options, (row) => rows[row] === split),
  });
  return { ...Object.fromEntries(splits.map((split) => [split, sourceOf(split)])), ...asked, notes };
}

/** What the column of splits says. @param rows is given the split of each row */
async function* splitValues(files: readonly ParquetFile[], rows: (SplitName | undefined)[]) {
  for (const { path, metadata, columns } of files) {
    const { name = '', classes } = columns.split ?? {};
    let rowStart = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows);
      const range = { metadata, compressors, columns: [name], rowStart, rowEnd };
      const group = await withParquet(path, (file) => parquetReadObjects({ ...range, file }));
      for (const [i, row] of group.entries()) {
        const value = classes?.[Number(row[name])] ?? row[name];
        rows.push(splitOfRow(value));
        yield { value, where: `${path}: row ${rowStart + i}` };
      }
      rowStart = rowEnd;
    }
  }
}

async function openShard(shard: Shard, options: DataOptions): Promise<ParquetFile> {
  const metadata = await withParquet(shard.path, parquetMetadataAsync);
  const columns = await orElsewhere(shard.path, () => chooseColumns(shard.path, metadata, options));
  return { ...shard, metadata, columns };
}

/** Whether a Parquet file that names image files has images in itself: files, by their first bytes, or numbers in a column called so. */
export async function holdsImages(path: string): Promise<boolean> {
  const metadata = await withParquet(path, parquetMetadataAsync);
  let file: ParquetFile;
  try {
    file = { path, part: undefined, metadata, columns: chooseColumns(path, metadata, {}) };
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
  const { kind, images } = file.columns;
  const [image = ''] = images;
  if (kind !== 'encoded') return kind === 'lists' && IMAGES.includes(image.toLowerCase());
  if (mayBeAuxiliary(image)) return false;
  const rows = metadata.row_groups.length > 0 ? await readGroup(file, 0, 0) : [];
  return rows.some(({ value }) => isImage(bytesOf(value) ?? new Uint8Array()));
}

function* piecesOf(files: readonly ParquetFile[], planar: boolean): Generator<ParquetPiece> {
  let first = 0;
  for (const { path, metadata, columns } of files) {
    const to = Number(metadata.num_rows);
    const [image = ''] = columns.images;
    const encoded = columns.kind === 'encoded' ? { image, label: columns.label } : undefined;
    yield { kind: 'parquet', path, first, from: 0, to, planar, columns: encoded };
    first += to;
  }
}

type ParquetPiece = Extract<Piece, { readonly kind: 'parquet' }>;

/** The images of some rows of a file. @throws InputError when it is missing or damaged, or has no images */
export async function* entriesOfRows(
  { path, first, from, to, planar }: ParquetPiece,
  options: DataOptions = {},
): AsyncGenerator<ImageEntry> {
  const file = await openShard({ path, part: undefined }, options);
  yield* entriesOfFile(file, readerOf(file, planar, options), { first, from, to });
}

/** Gives the image of a value of a file's column of images. */
function readerOf({ columns: { kind, type } }: ParquetFile, planar: boolean, options: DataOptions) {
  return (value: unknown, where: string): EncodedImage | StoredImage =>
    kind === 'encoded' ? encodedImage(value, where) : imageOfNumbers(value, type, { options, where, planar });
}

const describe = ({ kind, images, type }: ParquetColumns) =>
  kind === 'pixels'
    ? `${images.length} columns of ${type}`
    : `${kind === 'lists' ? `lists of ${type}` : kind} in column '${images[0]}'`;

async function* entriesOf(
  files: readonly ParquetFile[],
  planar: boolean,
  options: DataOptions,
  isWanted?: (row: number) => boolean,
): AsyncGenerator<ImageEntry> {
  let first = 0;
  for (const file of files) {
    const to = Number(file.metadata.num_rows);
    yield* entriesOfFile(file, readerOf(file, planar, options), { first, from: 0, to }, isWanted);
    first += to;
  }
}

/**
 * @param first id of the file's first row
 * @param isWanted which rows, by id; all by default
 */
async function* entriesOfFile(
  file: ParquetFile,
  read: ReturnType<typeof readerOf>,
  { first, from, to }: { first: number; from: number; to: number },
  isWanted: (row: number) => boolean = () => true,
): AsyncGenerator<ImageEntry> {
  let start = 0;
  for (const [group, { num_rows }] of file.metadata.row_groups.entries()) {
    const end = start + Number(num_rows);
    const wanted = range(first + start, end - start).filter(
      (id) => id >= first + from && id < first + to && isWanted(id),
    );
    if (wanted.length > 0) {
      const rows = await readGroup(file, group, start).catch((error: unknown) => {
        if (error instanceof InputError) return error; // its rows can be skipped
        throw error;
      });
      for (const id of wanted) {
        const i = id - first;
        const where = `${file.path}: row ${i}`;
        const row = rows instanceof InputError ? rows : rows[i - start];
        yield {
          id: String(id),
          label: row instanceof InputError ? undefined : row?.label,
          where,
          async read() {
            if (row instanceof InputError) throw row;
            return read(row?.value, where);
          },
        };
      }
    }
    start = end;
  }
}

/** Reads a row group. @throws InputError when it is damaged or too large */
async function readGroup(file: ParquetFile, group: number, start: number): Promise<Row[]> {
  const { metadata, columns, path } = file;
  checkGroup(file, group);
  const rowEnd = start + Number(metadata.row_groups[group]?.num_rows);
  return withParquet(path, async (buffer) => {
    const range = { file: buffer, metadata, compressors, utf8: false, rowStart: start, rowEnd };
    const [image = ''] = columns.images;
    const label = columns.label === undefined ? [] : [columns.label];
    const names = columns.kind === 'pixels' ? label : [image, ...label];
    const rows = names.length > 0 ? await parquetReadObjects({ ...range, columns: names }) : [];
    const labelAt = (i: number) => rawLabel(columns.label === undefined ? undefined : rows[i]?.[columns.label]);
    if (columns.kind !== 'pixels') return rows.map((row, i) => ({ value: row[image], label: labelAt(i) }));
    const pixels = columns.images.length;
    const values = numbersFor(columns.type, pixels * (rowEnd - start));
    const incomplete = new Set<number>();
    for (let from = 0; from < pixels; from += COLUMNS) {
      const batch = new Map(columns.images.slice(from, from + COLUMNS).map((name, i) => [name, from + i]));
      const onChunk = ({
        columnName,
        columnData,
        rowStart,
      }: {
        columnName: string;
        columnData: ArrayLike<unknown>;
        rowStart: number;
      }) => {
        const column = batch.get(columnName) as number;
        for (let i = 0; i < columnData.length; i++) {
          const row = rowStart - start + i;
          if (columnData[i] == null) incomplete.add(row);
          values[row * pixels + column] = Number(columnData[i]);
        }
      };
      await parquetRead({ ...range, columns: [...batch.keys()], onChunk });
    }
    return Array.from({ length: rowEnd - start }, (_, i) => ({
      value: incomplete.has(i) ? undefined : values.subarray(i * pixels, (i + 1) * pixels),
      label: labelAt(i),
    }));
  });
}

/** @throws InputError when a row group does not fit into memory */
function checkGroup({ path, metadata, columns }: ParquetFile, group: number): void {
  const rows = Number(metadata.row_groups[group]?.num_rows);
  let [bytes, numbers] = [0, columns.kind === 'pixels' ? rows * columns.images.length : 0];
  for (const { meta_data } of metadata.row_groups[group]?.columns ?? []) {
    if (!meta_data || meta_data.path_in_schema[0] !== columns.images[0]) continue;
    if (columns.kind === 'encoded') bytes += Number(meta_data.total_uncompressed_size);
    if (columns.kind === 'lists') numbers += Number(meta_data.num_values);
  }
  if (bytes <= MAX_GROUP.bytes && numbers <= MAX_GROUP.numbers) return;
  const size = columns.kind === 'encoded' ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${numbers} numbers`;
  throw new InputError(
    `${path}: one of its row groups has ${rows} rows of ${size}, too many to hold in memory; write it again with smaller ones, as in to_parquet(path, row_group_size=1000)`,
  );
}

/** Numbers of an image in the first row group; 0 for encoded images. */
function numbersPerRow({ metadata, columns }: ParquetFile): number {
  if (columns.kind === 'pixels') return columns.images.length;
  const [group] = metadata.row_groups;
  const chunk = group?.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === columns.images[0]);
  return columns.kind === 'lists' ? Number(chunk?.meta_data?.num_values ?? 0) / Number(group?.num_rows) : 0;
}

/** The bytes of an image, or of a struct with one. */
function bytesOf(value: unknown): Uint8Array | undefined {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null | undefined)?.bytes;
  return bytes instanceof Uint8Array && bytes.length > 0 ? bytes : undefined;
}

/** @throws InputError when a row has no image */
function encodedImage(value: unknown, where: string): EncodedImage {
  const bytes = bytesOf(value);
  if (bytes) return { bytes };
  const path = (value as { path?: unknown } | null | undefined)?.path;
  const found =
    typeof path === 'string'
      ? `only the path of an image (${path}); save the data set with its images inside`
      : 'no image';
  throw new InputError(`${where}: it has ${found}`);
}
