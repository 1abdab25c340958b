import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { InputError } from '../io/errors.ts';
import { readsImageFiles } from './formats.ts';

/**
 * Checks that pictures are not written among the images that are read: there they would be taken for images the next time.
 * @param data value of `--data`; only a folder of image files is looked at
 * @param target file or folder that is written, which need not be there yet
 * @throws InputError
 */
export async function checkOutside(data: string, target: string): Promise<void> {
  if (!(await readsImageFiles(data))) return;
  const path = resolve(target);
  const inside = relative(await realpath(data), join(await realOf(dirname(path)), basename(path))).split(sep);
  if (isAbsolute(inside.join(sep)) || inside.some((name) => name === '' || name.startsWith('.'))) return; // hidden ones are not read
  throw new InputError(`cannot write ${target}: it is in ${data}, whose images are read; choose a folder outside`);
}

/** The real path of a folder that need not be there yet. */
const realOf = (path: string): Promise<string> =>
  realpath(path).catch(async () => (path === dirname(path) ? path : join(await realOf(dirname(path)), basename(path))));
