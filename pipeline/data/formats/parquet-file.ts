import type { AsyncBuffer, Compressors } from 'hyparquet';
import { compressors as known } from 'hyparquet-compressors';
import { InputError } from '../../io/errors.ts';
import { type ByteSource, openFile, readUpTo } from '../../io/source.ts';
import type { RawLabel } from '../image-source.ts';

/** Names of Parquet files. */
export const PARQUET_FILE = /\.(parquet|parq|pq)$/i;

/** Decompressors. A page of nulls alone has nothing to decompress, which LZ4's refuses. */
export const compressors = Object.fromEntries(
  Object.entries(known).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number) => (length === 0 ? new Uint8Array() : decompress(input, length)),
  ]),
) satisfies Compressors;

/** Whether a file is Parquet, by its first bytes. */
export async function isParquet(path: string): Promise<boolean> {
  const file = await openFile(path);
  return readUpTo(file, 4)
    .then((magic) => magic.toString('latin1') === 'PAR1')
    .finally(() => file.close());
}

/** Runs a reader on a Parquet file; its errors say that the file is damaged. @throws InputError */
export async function withParquet<T>(path: string, work: (file: AsyncBuffer) => Promise<T>): Promise<T> {
  const source = await openFile(path);
  try {
    return await work(bufferOf(source));
  } catch (error) {
    if (!(error instanceof Error) || 'exitCode' in error) throw error;
    throw new InputError(`${path}: damaged, or not Parquet (${error.message}); download or copy it again`, {
      cause: error,
    });
  } finally {
    await source.close();
  }
}

const bufferOf = (source: ByteSource): AsyncBuffer => ({
  byteLength: source.size,
  async slice(start, end = source.size) {
    const bytes = new Uint8Array(Math.max(0, end - start));
    await source.read(bytes, start);
    return bytes.buffer;
  },
});

/** A label as Parquet and JSON have it: a text, a number or a list of numbers; undefined for null and for what is none. */
export function rawLabel(value: unknown): RawLabel {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof Uint8Array))) {
    const numbers = Array.from(value as ArrayLike<unknown>, rawLabel);
    const isRow = numbers.length > 0 && numbers.every((number) => typeof number === 'number');
    return isRow ? (numbers.length === 1 ? numbers[0] : numbers) : undefined;
  }
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}
