import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileError, InputError } from '../../io/errors.ts';
import type { DataSource } from '../image-source.ts';
import { sortNaturally } from '../natural-order.ts';
import type { DataOptions } from '../options.ts';
import { type ImageFile, imageFileSource, inBatches } from './image-files.ts';

/**
 * Locates the images that a text file names: a path a line, absolute or relative to the file's folder, and after a tab or a
 * comma its label. Empty lines and those that start with # are passed over. Ids are the paths as they are written. A missing
 * file is an entry that cannot be read.
 * @throws InputError when it names no file that exists
 */
export async function locateList(path: string, { signal }: DataOptions = {}): Promise<DataSource> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(error, `cannot read ${path}`);
  });
  const folder = dirname(path);
  const files = new Map<string, ImageFile>();
  let [repeated, existing] = [0, 0];
  await inBatches(text.replace(/^\uFEFF/, '').split(/\r?\n/), signal, (line) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const whole = existsSync(resolve(folder, line.trim()));
    const at = whole ? -1 : line.includes('\t') ? line.indexOf('\t') : line.lastIndexOf(',');
    const id = (at < 0 ? line : line.slice(0, at)).trim();
    const label = at < 0 ? undefined : line.slice(at + 1).trim() || undefined;
    if (whole || existsSync(resolve(folder, id))) existing++;
    const earlier = files.get(id);
    if (earlier && earlier.label !== label) {
      throw new InputError(
        `${path}: '${id}' has the labels '${earlier.label ?? ''}' and '${label ?? ''}'; name each file once`,
      );
    }
    if (earlier) repeated++;
    else files.set(id, { id, label, path: resolve(folder, id) });
  });
  if (existing === 0) {
    const [first] = files.values();
    const what = first ? `none of its ${files.size} files exists, such as ${first.path}` : 'it names no files';
    throw new InputError(`${path}: ${what}; a path a line was expected, relative to ${folder} or absolute`);
  }
  const labels = new Set([...files.values()].flatMap(({ label }) => (typeof label === 'string' ? [label] : [])));
  return {
    all: imageFileSource({
      name: path,
      count: files.size,
      classes: labels.size === 0 ? undefined : sortNaturally(labels),
      files: () => files.values(),
      signal,
    }),
    notes: repeated === 0 ? [] : [`${repeated} lines repeat an earlier one`],
  };
}
