import { rmSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/**
 * Checksums of decoded pixels, which are compared when the pixels are read: opening a data set does not take longer the larger it
 * is. Plain JavaScript, because the loader's threads run it too.
 */

/** Bytes of a file that have a checksum together. */
const BLOCK = 2 ** 18;

/**
 * The CRC-32 of each block of a file that is written piece by piece.
 * @returns `add` takes the next bytes, `sums` are those of the bytes so far
 */
export function blockSums() {
  /** @type {number[]} */
  const sums = [];
  let used = BLOCK;
  return {
    sums,
    /** @param {Uint8Array} bytes */
    add(bytes) {
      for (let at = 0; at < bytes.length; ) {
        if (used === BLOCK) {
          sums.push(0);
          used = 0;
        }
        const part = bytes.subarray(at, at + BLOCK - used);
        sums.push(crc32(part, sums.pop()));
        used += part.length;
        at += part.length;
      }
    },
  };
}

/**
 * Compares blocks of a file with their checksums, each once, before anything of it is used.
 * @param {string} path
 * @param {readonly number[]} sums
 * @param {number} size bytes of the file
 */
export function blockCheck(path, sums, size) {
  const checked = new Uint8Array(sums.length);
  return {
    /**
     * The blocks between two positions that are not checked yet.
     * @param {number} from
     * @param {number} to
     * @returns {Generator<{ index: number, start: number, length: number }, void, undefined>}
     */
    *unchecked(from, to) {
      for (let index = Math.floor(from / BLOCK); index * BLOCK < to; index++) {
        const start = index * BLOCK;
        if (!checked[index]) yield { index, start, length: Math.min(BLOCK, size - start) };
      }
    },
    /**
     * Checks a block. A damaged file is deleted, so that the images are decoded again the next time.
     * @param {number} index
     * @param {Uint8Array} bytes
     * @throws Error with the code DAMAGED
     */
    accept(index, bytes) {
      if (crc32(bytes) === sums[index]) {
        checked[index] = 1;
        return;
      }
      try {
        rmSync(path, { force: true });
      } catch {} // of a cache that cannot be written
      const message = 'these decoded pixels are damaged; run the command again, and the images are decoded again';
      throw Object.assign(new Error(message), { code: 'DAMAGED' });
    },
  };
}
