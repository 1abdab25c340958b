import { stat } from 'node:fs/promises';
import { withFileErrors } from '../../io/errors.ts';

/** A text that changes when one of the files does. @throws InputError when one is missing */
export async function stampOf(paths: readonly string[]): Promise<string> {
  const lines = paths.map(async (path) => {
    const { size, mtimeMs } = await withFileErrors(`cannot read ${path}`, () => stat(path));
    return `${path} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(lines)).join('\n');
}
