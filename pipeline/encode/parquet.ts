import type { DecodedArray, Encoding, SchemaElement } from 'hyparquet';
import { ByteWriter, fileWriter, ParquetWriter } from 'hyparquet-writer';
import { writeColumn } from 'hyparquet-writer/src/column.js';
import type { Judge } from '../analyse/outlier-score.ts';
import type { Labelled } from '../artifacts/encoding-plan.ts';
import { type ImageDataset, UNLABELLED } from '../data/dataset.ts';
import type { LatentBatch } from '../inference/sessions.ts';
import { fileDigest } from '../io/digest.ts';
import type { Assigned } from './assigned.ts';
import { CHECKSUM, sealParquet, unsealed } from './file-checksum.ts';
import { appendWithChecksums } from './page-checksums.ts';

/**
 * Rows of a row group, which is held in memory: as many as hold 128 Ki numbers of latents (512 KiB), within bounds. Readers
 * are slow with many small groups.
 */
const GROUP = { numbers: 2 ** 17, minRows: 256, maxRows: 8192 };

/** What a file of latents contains, besides its rows. */
export interface LatentColumns {
  /** Numbers of a latent. */
  readonly size: number;
  /** Whether there are errors. */
  readonly errors: boolean;
  readonly labelled: Labelled;
  /** Class names by index. */
  readonly classes: readonly string[] | undefined;
  /** Rows of a row group; by default as many as `GROUP` says. */
  readonly groupRows?: number | undefined;
  /** Gives the columns `score` and `flag`, where there are any. */
  readonly judge?: Judge | undefined;
  /** Whether rows have a cluster. */
  readonly assigned?: boolean | undefined;
  /** Written into the file's metadata, under the key `convae`. */
  readonly about: Readonly<Record<string, unknown>>;
}

/** Latents in the order of the images, with their ids. */
export type LatentRows = Pick<LatentBatch, 'count' | 'latents' | 'errors' | 'labels'> & {
  readonly ids: readonly string[];
  readonly assigned?: Assigned | undefined;
};

/** Rows of a row group of a large data set: few groups, in 64 MiB of latents at most. */
export const largeGroupRows = (size: number): number =>
  Math.max(GROUP.minRows, Math.min(25_000, Math.floor(2 ** 24 / size)));

/** A column: its elements in the schema (the last has the values), and the values of a group's first rows. */
interface Column {
  readonly elements: readonly SchemaElement[];
  readonly encoding?: Encoding;
  readonly values: (rows: number) => DecodedArray;
  /** Values per row of a list. */
  readonly listOf?: number;
}

/**
 * Writes latents as Parquet, in the order of the images: `id` string; `label` int32 and `class` string (where there are labels,
 * and class names); `latent` list of float32; `error` float32 (where there are errors); `score` float32 and `flag` boolean (where
 * images are judged); `cluster` int32 and `confidence` float32 (where the model has clusters). Only label and class can be null: of
 * images without a label. A row group is written before the next begins.
 * @param path of a file that is overwritten
 */
export function parquetWriter(
  path: string,
  { size, errors, labelled, classes, judge, assigned, about, ...options }: LatentColumns,
) {
  const groupRows =
    options.groupRows ?? Math.max(GROUP.minRows, Math.min(GROUP.maxRows, Math.floor(GROUP.numbers / size)));
  const group = {
    rows: 0,
    ids: [] as string[],
    labels: new Int32Array(labelled === 'none' ? 0 : groupRows),
    latents: new Float32Array(groupRows * size),
    errors: new Float32Array(errors ? groupRows : 0),
    clusters: new Int32Array(assigned ? groupRows : 0),
    confidences: new Float32Array(assigned ? groupRows : 0),
  };
  const latent: Column = {
    elements: [
      { name: 'latent', converted_type: 'LIST', num_children: 1, ...REQUIRED },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'FLOAT', ...REQUIRED },
    ],
    encoding: 'PLAIN',
    values: (rows) => group.latents.subarray(0, rows * size),
    listOf: size,
  };
  const error: Column | false = errors && {
    elements: [{ name: 'error', type: 'FLOAT', ...REQUIRED }],
    encoding: 'PLAIN',
    values: (rows) => group.errors.subarray(0, rows),
  };
  let judged: ReturnType<Judge> | undefined;
  const score: Column = {
    elements: [{ name: 'score', type: 'FLOAT', ...REQUIRED }],
    encoding: 'PLAIN',
    values: () => judged?.scores ?? [],
  };
  const flag: Column = {
    elements: [{ name: 'flag', type: 'BOOLEAN', ...REQUIRED }],
    values: () => judged?.flags ?? [],
  };
  const cluster: Column = {
    elements: [{ name: 'cluster', type: 'INT32', ...REQUIRED }],
    values: (rows) => group.clusters.subarray(0, rows),
  };
  const confidence: Column = {
    elements: [{ name: 'confidence', type: 'FLOAT', ...REQUIRED }],
    encoding: 'PLAIN',
    values: (rows) => group.confidences.subarray(0, rows),
  };
  const optional = [judge && score, judge && flag, assigned && cluster, assigned && confidence];
  const columns = [
    ...imageColumns(group, labelled, classes),
    ...[latent, error, ...optional].filter((column) => column !== undefined && column !== false),
  ];
  const parquet = openParquet(path, columns, about);
  const flush = () => {
    const { rows } = group;
    judged = judge?.(group.latents.subarray(0, rows * size), errors ? group.errors.subarray(0, rows) : undefined);
    writeGroup(parquet, columns, group.rows);
    group.rows = 0;
    group.ids = [];
  };
  return {
    async write({ count, latents, errors, labels, ids, assigned }: LatentRows): Promise<void> {
      for (let from = 0; from < count; ) {
        const to = Math.min(count, from + groupRows - group.rows);
        group.latents.set(latents.subarray(from * size, to * size), group.rows * size);
        if (errors) group.errors.set(errors.subarray(from, to), group.rows);
        if (assigned) {
          group.clusters.set(assigned.clusters.subarray(from, to), group.rows);
          group.confidences.set(assigned.confidences.subarray(from, to), group.rows);
        }
        if (labelled !== 'none' && labels) group.labels.set(labels.subarray(from, to), group.rows);
        else group.labels.fill(UNLABELLED, group.rows, group.rows + to - from);
        for (let i = from; i < to; i++) group.ids.push(ids[i] as string);
        group.rows += to - from;
        from = to;
        if (group.rows === groupRows) flush();
      }
    },
    /**
     * Writes the last row group and the file's metadata, with checksums of both.
     * @param more is added to the metadata, given the SHA-256 of the bytes before them
     */
    async finish(more?: (digest: string) => Readonly<Record<string, unknown>>): Promise<void> {
      if (group.rows > 0) flush();
      await parquet.writer.finish(); // writes what is buffered
      const { sha256 } = await fileDigest(path);
      const all = JSON.stringify({ ...about, ...more?.(sha256) });
      parquet.kvMetadata = [
        { key: 'convae', value: all },
        { key: CHECKSUM, value: unsealed(sha256) },
      ];
      await parquet.finish();
      await sealParquet(path);
    },
  };
}

const REQUIRED = { repetition_type: 'REQUIRED' } as const;

/** What is known of each image: its id, its label and the name of its class. @param group whose present values are written */
function imageColumns(
  group: { readonly ids: readonly string[]; readonly labels: Int32Array },
  labelled: Labelled,
  classes: readonly string[] | undefined,
): Column[] {
  const complete = labelled === 'all';
  const id: Column = {
    elements: [{ name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', ...REQUIRED }],
    encoding: 'DELTA_BYTE_ARRAY', // ids share prefixes with their predecessors
    values: () => group.ids.map((id) => Buffer.from(id)),
  };
  const some = { repetition_type: complete ? 'REQUIRED' : 'OPTIONAL' } as const;
  const labelsOf = (rows: number) => group.labels.subarray(0, rows);
  // Few values, for which the library makes a dictionary.
  const label: Column = {
    elements: [{ name: 'label', type: 'INT32', ...some }],
    values: (rows) => (complete ? labelsOf(rows) : Array.from(labelsOf(rows), (label) => (label < 0 ? null : label))),
  };
  const names: Column | false = classes !== undefined && {
    elements: [{ name: 'class', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }],
    values: (rows) => Array.from(labelsOf(rows), (label) => classes[label] ?? null),
  };
  return labelled === 'none' ? [id] : [id, label, names].filter((column) => column !== false);
}

const openParquet = (path: string, columns: readonly Column[], about: LatentColumns['about']): ParquetWriter =>
  new ParquetWriter({
    writer: fileWriter(path),
    schema: [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(({ elements }) => elements)],
    createdBy: 'convae',
    kvMetadata: [{ key: 'convae', value: JSON.stringify(about) }],
  });

/** One value for each image: int32, float32 or boolean by the kind of array. */
type ValueColumns = Readonly<Record<string, Int32Array | Float32Array | readonly boolean[]>>;

/** What is known about images, in memory. */
export interface ImageTable {
  readonly ids: readonly string[];
  readonly labels: Int32Array | undefined;
  /** Class names by index. */
  readonly classes: readonly string[] | undefined;
  readonly columns: ValueColumns;
  /** As in `LatentColumns`. */
  readonly about: LatentColumns['about'];
}

/** Writes one row for each image: `id`, `label` and `class` as `parquetWriter`, and columns of values, which are never null. */
export async function writeImageTable(
  path: string,
  { ids, labels, classes, columns, about }: ImageTable,
): Promise<void> {
  const labelled = labelledOf({ labels });
  const at = (from: number, to: number): Column[] => [
    ...imageColumns(
      { ids: ids.slice(from, to), labels: labels?.subarray(from, to) ?? new Int32Array() },
      labelled,
      classes,
    ),
    ...Object.entries(columns).map(([name, values]) => {
      const type = values instanceof Int32Array ? 'INT32' : values instanceof Float32Array ? 'FLOAT' : 'BOOLEAN';
      return { elements: [{ name, type, ...REQUIRED }], values: () => values.slice(from, to) as DecodedArray } as const;
    }),
  ];
  const parquet = openParquet(path, at(0, 0), about);
  for (let from = 0; from < ids.length; from += GROUP.maxRows) {
    const to = Math.min(ids.length, from + GROUP.maxRows);
    writeGroup(parquet, at(from, to), to - from);
  }
  await parquet.finish();
}

/** How many images of a data set have a label. */
export const labelledOf = ({ labels }: Pick<ImageDataset, 'labels'>): Labelled =>
  !labels ? 'none' : labels.every((label) => label >= 0) ? 'all' : 'some';

/** Writes a row group column by column: the library's own path through nested values takes several times as long. */
function writeGroup(parquet: ParquetWriter, columns: readonly Column[], rows: number): void {
  const { writer, compressors, row_groups, pendingIndexes } = parquet;
  const start = writer.offset;
  const chunks = columns.map(({ elements, encoding, values, listOf }) => {
    const element = elements.at(-1) as SchemaElement;
    const pages = new ByteWriter();
    const { chunk } = writeColumn({
      writer: pages,
      column: {
        columnName: elements.map(({ name }) => name).join('.'),
        element,
        schemaPath: [{ name: 'schema' }, ...elements],
        codec: element.type === 'FLOAT' ? 'UNCOMPRESSED' : 'SNAPPY', // floats do not compress
        compressors: { SNAPPY: compressors.SNAPPY },
        stats: listOf === undefined, // a list column's minimum is of no use
        pageSize: 0, // one page
        columnIndex: false,
        offsetIndex: false,
        ...(encoding && { encoding }),
      },
      pageData: pageOf(values(rows), rows, element, listOf),
    });
    return appendWithChecksums(writer, chunk, pages.getBytes());
  });
  pendingIndexes.push(...chunks.map((chunk) => ({ chunk })));
  row_groups.push({
    columns: chunks,
    total_byte_size: chunks.reduce((sum, { meta_data }) => sum + (meta_data?.total_uncompressed_size ?? 0n), 0n),
    num_rows: BigInt(rows),
    total_compressed_size: BigInt(writer.offset - start),
  });
  parquet.num_rows += BigInt(rows);
}

/**
 * Values with Dremel's levels: lists are never empty, so all values are defined, and the first of each list begins a row; of an
 * optional column the values that are not null are defined.
 */
function pageOf(values: DecodedArray, rows: number, { repetition_type }: SchemaElement, listOf: number | undefined) {
  if (repetition_type === 'OPTIONAL') {
    const definitionLevels = Array.from(values as readonly unknown[], (value) => Number(value !== null));
    return { values, definitionLevels, repetitionLevels: [], maxDefinitionLevel: 1 };
  }
  if (listOf === undefined) return { values, definitionLevels: [], repetitionLevels: [], maxDefinitionLevel: 0 };
  return { values, ...listLevels(rows, listOf), maxDefinitionLevel: 1 };
}

/** Levels of the last group of lists: nearly all groups are of equal size. */
let lastLevels = { rows: 0, listOf: 0, definitionLevels: [] as number[], repetitionLevels: [] as number[] };

function listLevels(rows: number, listOf: number) {
  if (lastLevels.rows !== rows || lastLevels.listOf !== listOf) {
    const definitionLevels = Array<number>(rows * listOf).fill(1);
    const repetitionLevels = definitionLevels.slice();
    for (let i = 0; i < repetitionLevels.length; i += listOf) repetitionLevels[i] = 0;
    lastLevels = { rows, listOf, definitionLevels, repetitionLevels };
  }
  const { definitionLevels, repetitionLevels } = lastLevels;
  return { definitionLevels, repetitionLevels };
}
