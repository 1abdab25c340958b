import { unzipSync } from 'fflate';
import { FileProblem, messageOf } from './problem.ts';

/** How much a zip or a folder may hold. */
export interface Limits {
  readonly files: number;
  readonly bytes: number;
}

/** Whether a path from a zip or a folder names something within it. */
export const staysInside = (path: string): boolean =>
  path !== '' && !/^[/\\]|^[a-z]:|\\|\0/i.test(path) && !path.split('/').includes('..');

/**
 * Unpacks a zip whose list of files is within the limits: no file is unpacked to more bytes than the list says.
 * @param name of the zip, for messages
 * @returns its files by path
 * @throws FileProblem when it is damaged, too large, or contains a path outside its folder
 */
export function unzip(zip: Uint8Array, limits: Limits, name = 'the zip'): Map<string, Uint8Array<ArrayBuffer>> {
  let [files, bytes] = [0, 0];
  const problem = (what: string) => new FileProblem(`${name} ${what}`);
  const allow = (file: { readonly name: string; readonly originalSize: number }) => {
    bytes += file.originalSize;
    if (bytes > limits.bytes) throw problem(`holds more than ${Math.round(limits.bytes / 1e6)} MB`);
    if (file.name.endsWith('/')) return false;
    if (!staysInside(file.name)) throw problem(`names a file outside of its folder: ${file.name.slice(0, 80)}`);
    if (++files > limits.files) throw problem(`holds more than ${limits.files} files`);
    return true;
  };
  try {
    const found = unzipSync(zip, { filter: allow });
    return new Map(Object.entries(found) as [string, Uint8Array<ArrayBuffer>][]);
  } catch (error) {
    throw error instanceof FileProblem ? error : problem(`is not a zip, or is damaged or cut off: ${messageOf(error)}`);
  }
}
