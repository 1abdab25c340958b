import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Sizes of the files that a page has fetched, in bytes, compressed with gzip where hosts do so. */
export interface Wire {
  /** Scripts and styles of the page without ONNX Runtime. */
  readonly own: number;
  /** ONNX Runtime. */
  readonly runtime: number;
  /** All files. */
  readonly all: number;
}

/** Files that hosts compress. */
const COMPRESSED = ['.html', '.js', '.mjs', '.css', '.json', '.jsonl', '.svg', '.wasm'];

/** @param addresses URLs fetched from a site in `folder` that is served at `url` */
export async function bytesOverTheWire(folder: string, url: string, addresses: readonly string[]): Promise<Wire> {
  let [own, runtime, all] = [0, 0, 0];
  for (const address of new Set(addresses)) {
    if (!address.startsWith(url)) continue;
    const path = new URL(address).pathname.slice(new URL(url).pathname.length) || 'index.html';
    const bytes = await readFile(join(folder, path));
    const size = COMPRESSED.includes(extname(path)) ? gzipSync(bytes, { level: 6 }).length : bytes.length;
    all += size;
    if (/assets\/ort/.test(path)) runtime += size;
    else if (/\.(m?js|css)$/.test(path)) own += size;
  }
  return { own, runtime, all };
}
