import { Unzip, type UnzipFile, UnzipInflate } from 'fflate';
import { type Limits, staysInside } from './limits.ts';
import { FileProblem, messageOf } from './problem.ts';

/** Compressed bytes per slice: few enough that their decompressed content does not block the page. */
const SLICE = 1 << 14;
/** Yield to the page after this many milliseconds of work. */
const TURN = 12;

/**
 * Unpacks a zip in slices, and stops as soon as it exceeds the limits.
 * @param name of the zip, for messages
 * @returns its files by path
 * @throws FileProblem when it is damaged, too large, or contains a path outside its folder
 */
export async function unzip(
  zip: Uint8Array,
  limits: Limits,
  name = 'the zip',
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const open = new Set<string>();
  let bytes = 0;
  let failed: Error | undefined;
  const fail = (what: string) => {
    failed ??= new FileProblem(`${name} ${what}`);
  };
  const take = (file: UnzipFile) => {
    if (failed || file.name.endsWith('/')) return;
    if (!staysInside(file.name)) return fail(`names a file outside of its folder: ${file.name.slice(0, 80)}`);
    if (files.size + open.size >= limits.files) return fail(`holds more than ${limits.files} files`);
    if ((file.originalSize ?? 0) > limits.bytes) return fail(tooLarge(limits));
    const parts: Uint8Array[] = [];
    open.add(file.name);
    file.ondata = (error, part, final) => {
      if (failed) return;
      if (error) return fail(`is damaged or cut off: ${error.message}`);
      bytes += part.length;
      if (bytes > limits.bytes) return fail(tooLarge(limits));
      parts.push(part.slice());
      if (!final) return;
      open.delete(file.name);
      files.set(file.name, joined(parts));
    };
    file.start();
  };
  const reader = new Unzip(take);
  reader.register(UnzipInflate);
  let turn = performance.now();
  try {
    for (let at = 0; at < zip.length && !failed; at += SLICE) {
      reader.push(zip.subarray(at, at + SLICE), at + SLICE >= zip.length);
      if (performance.now() - turn < TURN) continue;
      await new Promise((resolve) => setTimeout(resolve));
      turn = performance.now();
    }
  } catch (error) {
    fail(`is damaged or cut off: ${messageOf(error)}`);
  }
  if (files.size === 0 && open.size === 0) fail('is not a zip, or is empty');
  if (open.size > 0) fail(`is damaged or cut off within ${[...open][0]}`);
  if (failed) throw failed;
  return files;
}

const tooLarge = ({ bytes }: Limits) => `holds more than ${Math.round(bytes / 1e6)} MB`;

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
