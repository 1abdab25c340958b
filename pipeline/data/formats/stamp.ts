import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { withFileErrors } from '../../io/errors.ts';

/**
 * A text that changes when a file does. Unpacking an archive may set any time of modification, so that the time of the last change
 * counts too.
 */
export const fileStamp = (path: string, { size, mtimeMs, ctimeMs }: Stats): string =>
  `${isAbsolute(path) ? path : resolve(path)} ${size} ${mtimeMs} ${ctimeMs}`;

/** A text that changes when one of the files does. @throws InputError when one is missing */
export async function stampOf(paths: readonly string[]): Promise<string> {
  const lines = paths.map(async (path) =>
    fileStamp(path, await withFileErrors(`cannot read ${path}`, () => stat(path))),
  );
  return (await Promise.all(lines)).join('\n');
}
