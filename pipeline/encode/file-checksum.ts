import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { fileDigest } from '../io/digest.ts';
import { withFileErrors } from '../io/errors.ts';

/** The key of a Parquet file's metadata with checksums of the file: SHA-256 of the bytes before the metadata, CRC-32 of the rest. */
export const CHECKSUM = 'convae.checksum';

const UNKNOWN = '00000000';
const VALUE = /[0-9a-f]{64} ([0-9a-f]{8})/;
/** Length of the metadata and the magic bytes, at the end of a file. */
const TAIL = 8;

/** The value of `CHECKSUM` until the metadata are written. @param body SHA-256 of the bytes before them */
export const unsealed = (body: string): string => `${body} ${UNKNOWN}`;

/** The metadata of a Parquet file and what follows them; undefined where it does not end as one. */
async function readEnd(file: FileHandle): Promise<Buffer | undefined> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(TAIL);
  await file.read(tail, 0, TAIL, Math.max(0, size - TAIL));
  const length = tail.readUInt32LE(0) + TAIL;
  if (tail.toString('latin1', 4) !== 'PAR1' || length > size) return undefined;
  const end = Buffer.alloc(length);
  await file.read(end, 0, length, size - length);
  return end;
}

/** Puts the CRC-32 of a file's metadata, in which it is zeros, into them. */
export async function sealParquet(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const end = await readEnd(file);
    const at = end?.toString('latin1').search(VALUE) ?? -1;
    if (!end || at < 0) throw new Error(`${path} has no ${CHECKSUM}`);
    const sum = crc32(end).toString(16).padStart(UNKNOWN.length, '0');
    await file.write(sum, (await file.stat()).size - end.length + at + 65, 'latin1');
  } finally {
    await file.close();
  }
}

/**
 * Compares a Parquet file with the checksums in it.
 * @returns what is wrong; undefined where nothing is; `unknown` where it has none, as those of other programs
 * @throws InputError or EnvironmentError when it cannot be read
 */
export async function parquetDamage(path: string): Promise<string | undefined> {
  return withFileErrors(`cannot read ${path}`, async () => {
    const file = await open(path);
    try {
      const end = await readEnd(file);
      if (!end) return 'it does not end as a Parquet file';
      const text = end.toString('latin1');
      const found = VALUE.exec(text);
      if (!found) return text.includes(CHECKSUM) ? 'its checksum is damaged' : 'unknown';
      const [value, sum = ''] = found;
      end.write(UNKNOWN, found.index + 65, 'latin1');
      if (crc32(end) !== Number.parseInt(sum, 16)) return 'its metadata are damaged';
      const { sha256 } = await fileDigest(path, (await file.stat()).size - end.length);
      return value.startsWith(sha256) ? undefined : 'its data are damaged';
    } finally {
      await file.close();
    }
  });
}
