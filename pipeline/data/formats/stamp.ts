import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { withFileErrors } from '../../io/errors.ts';

/**
 * Numbers, at least one of which changes with the file. Unpacking an archive may set any time of modification, so that the time of the last
 * change counts too.
 */
export const stampNumbers = ({ size, mtimeMs, ctimeMs }: Stats) => [size, mtimeMs, ctimeMs] as const;

/** A text that changes when one of the files does. @throws InputError when one is missing */
export async function stampOf(paths: readonly string[]): Promise<string> {
  const lines = paths.map(async (path) => {
    const stats = await withFileErrors(`cannot read ${path}`, () => stat(path));
    return [resolve(path), ...stampNumbers(stats)].join(' ');
  });
  return (await Promise.all(lines)).join('\n');
}
