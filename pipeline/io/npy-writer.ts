import { appendFileSync, writeFileSync } from 'node:fs';
import { dump } from 'npyjs';
import type { LatentWriter } from '../encode/parquet.ts';

/** Bytes that are gathered before they are written. */
const CHUNK = 2 ** 20;

/**
 * Writes the latents alone as a numpy array, float32 `[rows, size]`.
 * @param path of a file that is overwritten
 */
export function npyWriter(path: string, { rows, size }: { rows: number; size: number }): LatentWriter {
  writeFileSync(path, new Uint8Array(dump(new Float32Array(0), [rows, size]))); // the header, since there are no numbers
  const chunk = new Float32Array(CHUNK / 4);
  let filled = 0;
  const flush = () => {
    appendFileSync(path, new Uint8Array(chunk.buffer, 0, 4 * filled));
    filled = 0;
  };
  return {
    async write({ latents }) {
      for (let from = 0; from < latents.length; ) {
        const part = latents.subarray(from, from + chunk.length - filled);
        chunk.set(part, filled);
        filled += part.length;
        from += part.length;
        if (filled === chunk.length) flush();
      }
    },
    async finish() {
      flush();
    },
  };
}
