import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';

/** SHA-256 as 64 hexadecimal digits. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Size and SHA-256 of a file, which may be larger than memory, or of its first `length` bytes. */
export async function fileDigest(path: string, length?: number): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const range = length === undefined ? {} : { end: length - 1 };
  for await (const chunk of createReadStream(path, range) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** Blocks that are read to tell a file from another of the same size, and bytes of each. */
const SAMPLE = { blocks: 4, bytes: 2 ** 12 };

/**
 * Size of some files together, and a SHA-256 over their sizes and blocks from beginning to end: a few reads, however large they are. It is
 * the same for copies, whatever their times of modification.
 * @throws errors of the file system
 */
export function sampleFiles(paths: readonly string[]): { readonly bytes: number; readonly sample: string } {
  const hash = createHash('sha256');
  const block = Buffer.alloc(SAMPLE.bytes);
  let bytes = 0;
  for (const path of paths) {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      hash.update(`${size}\n`);
      bytes += size;
      for (let i = 0; i < SAMPLE.blocks; i++) {
        const at = Math.max(0, Math.floor(((size - block.length) * i) / (SAMPLE.blocks - 1)));
        hash.update(block.subarray(0, readSync(file, block, 0, block.length, at)));
      }
    } finally {
      closeSync(file);
    }
  }
  return { bytes, sample: hash.digest('hex') };
}
