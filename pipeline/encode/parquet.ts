import type { DecodedArray, Encoding, SchemaElement } from 'hyparquet';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import { writeColumn } from 'hyparquet-writer/src/column.js';
import type { ImageDataset } from '../data/dataset.ts';
import type { Codes } from '../inference/encoder.ts';

/** Takes codes in the order of the data set and writes them to a file. */
export interface LatentWriter {
  write(codes: Codes): Promise<void>;
  /** Writes what is left. */
  finish(): Promise<void>;
}

/** Rows of a row group: as many as 128 Ki latent numbers make, within bounds; it is what is held in memory. */
const GROUP = { numbers: 2 ** 17, minRows: 256, maxRows: 8192 };

/** A column: its elements in the schema, the last of which has the values, and the values of a group's first rows. */
interface Column {
  readonly elements: readonly SchemaElement[];
  values(rows: number): DecodedArray;
  /** Of a list: how many values a row has. */
  readonly listOf?: number;
}

/**
 * Writes Parquet: `id` string, `label` int32 (where the data set has labels), `latent` list of float32, `error` float32
 * (where there are errors). No value is ever null. A row group is on the disk before the next begins.
 * @param path of a file that is overwritten
 * @param about what is written into the file's own metadata, under the key `convae`
 */
export function parquetWriter(
  path: string,
  dataset: ImageDataset,
  { size, errors, about }: { size: number; errors: boolean; about: Readonly<Record<string, unknown>> },
): LatentWriter {
  const { labels } = dataset;
  const groupRows = Math.max(GROUP.minRows, Math.min(GROUP.maxRows, Math.floor(GROUP.numbers / size)));
  const group = { first: 0, rows: 0, latents: new Float32Array(groupRows * size), errors: new Float32Array(groupRows) };
  const columns: Column[] = [
    {
      elements: [{ name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' }],
      values: (rows) => Array.from({ length: rows }, (_, i) => Buffer.from(dataset.id(group.first + i))),
    },
  ];
  if (labels) {
    columns.push({
      elements: [{ name: 'label', type: 'INT32', repetition_type: 'REQUIRED' }],
      values: (rows) => labels.subarray(group.first, group.first + rows),
    });
  }
  columns.push({
    elements: [
      { name: 'latent', converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
    ],
    values: (rows) => group.latents.subarray(0, rows * size),
    listOf: size,
  });
  if (errors) {
    columns.push({
      elements: [{ name: 'error', type: 'FLOAT', repetition_type: 'REQUIRED' }],
      values: (rows) => group.errors.subarray(0, rows),
    });
  }
  const file = new GroupWriter(path, columns, about);
  const flush = () => {
    file.write(group.rows);
    group.first += group.rows;
    group.rows = 0;
  };
  return {
    async write(codes) {
      for (let from = 0; from < codes.count; ) {
        const to = Math.min(codes.count, from + groupRows - group.rows);
        group.latents.set(codes.latents.subarray(from * size, to * size), group.rows * size);
        if (codes.errors) group.errors.set(codes.errors.subarray(from, to), group.rows);
        group.rows += to - from;
        from = to;
        if (group.rows === groupRows) flush();
      }
    },
    async finish() {
      if (group.rows > 0) flush();
      await file.finish();
    },
  };
}

/** Writes row groups column by column: the library's own way through nested values takes several times as long. */
class GroupWriter {
  readonly #parquet: ParquetWriter;
  readonly #columns: readonly Column[];

  constructor(path: string, columns: readonly Column[], about: Readonly<Record<string, unknown>>) {
    this.#columns = columns;
    this.#parquet = new ParquetWriter({
      writer: fileWriter(path),
      schema: [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(({ elements }) => elements)],
      createdBy: 'convae',
      kvMetadata: [{ key: 'convae', value: JSON.stringify(about) }],
    });
  }

  write(rows: number): void {
    const { writer, compressors, row_groups, pendingIndexes } = this.#parquet;
    const start = writer.offset;
    const written = this.#columns.map((column) => {
      const element = column.elements.at(-1) as SchemaElement;
      const floats = element.type === 'FLOAT';
      return writeColumn({
        writer,
        column: {
          columnName: column.elements.map(({ name }) => name).join('.'),
          element,
          schemaPath: [{ name: 'schema' }, ...column.elements],
          codec: floats ? 'UNCOMPRESSED' : 'SNAPPY', // floats do not get smaller
          compressors: { SNAPPY: compressors.SNAPPY },
          stats: column.listOf === undefined, // the smallest number of a list column tells nothing
          pageSize: 0, // one page
          columnIndex: false,
          offsetIndex: false,
          ...encodingOf(element.type),
        },
        pageData: { values: column.values(rows), ...levels(rows, column.listOf) },
      });
    });
    pendingIndexes.push(...written);
    const chunks = written.map(({ chunk }) => chunk);
    row_groups.push({
      columns: chunks,
      total_byte_size: chunks.reduce((sum, { meta_data }) => sum + (meta_data?.total_uncompressed_size ?? 0n), 0n),
      num_rows: BigInt(rows),
      total_compressed_size: BigInt(writer.offset - start),
    });
    this.#parquet.num_rows += BigInt(rows);
  }

  async finish(): Promise<void> {
    await this.#parquet.finish();
  }
}

/** Ids have beginnings in common with those before them; labels are few, for which the library makes a dictionary. */
function encodingOf(type: SchemaElement['type']): { encoding?: Encoding } {
  if (type === 'INT32') return {};
  return { encoding: type === 'BYTE_ARRAY' ? 'DELTA_BYTE_ARRAY' : 'PLAIN' };
}

/** Dremel's levels: within a list that is never empty all values are defined, and the first of each begins a row. */
function levels(rows: number, listOf: number | undefined) {
  if (listOf === undefined) return { definitionLevels: [], repetitionLevels: [], maxDefinitionLevel: 0 };
  const repetitionLevels = Array<number>(rows * listOf).fill(1);
  for (let i = 0; i < repetitionLevels.length; i += listOf) repetitionLevels[i] = 0;
  return { definitionLevels: Array<number>(rows * listOf).fill(1), repetitionLevels, maxDefinitionLevel: 1 };
}
