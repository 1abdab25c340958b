import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Sizes of the files that a page has fetched, plain and gzipped. */
export interface Wire {
  /** Scripts and styles of the page itself, ONNX Runtime's left out, compressed. */
  readonly own: number;
  /** ONNX Runtime, compressed. */
  readonly runtime: number;
  /** All, where the host compresses text and WebAssembly. */
  readonly all: number;
}

/** What hosts compress. */
const COMPRESSED = ['.html', '.js', '.mjs', '.css', '.json', '.jsonl', '.svg', '.wasm'];

/** @param addresses files fetched from a site in `folder` that is served at `url` */
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
