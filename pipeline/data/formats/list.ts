import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileError, InputError } from '../../io/errors.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import { sortNaturally } from '../natural-order.ts';
import type { DataOptions } from '../options.ts';
import { type ImageFile, imageFileSource, inBatches } from './image-files.ts';

/** Characters of a path that a message shows. */
const MOST_SHOWN = 120;
/** The name of a column of paths. */
const HEADING = /^(file|image|img|path)?[ _-]?(name|path|file|id)?s?$/i;

/** UTF-8, or UTF-16 as PowerShell writes it. */
const textOf = (bytes: Uint8Array): string =>
  new TextDecoder(bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8').decode(bytes);

/** Position of what separates a path from its label; −1 where there is no label. */
function separatorIn(line: string): number {
  const tab = line.indexOf('\t');
  const at = tab < 0 ? line.lastIndexOf(',') : tab;
  const space = line.trimEnd().lastIndexOf(' ');
  return at < 0 && space >= 0 && IMAGE_FILE.test(line.slice(0, space).trim()) ? space : at;
}

/**
 * Locates the images that a text file names: a path a line, absolute or relative to the file's folder, and after a tab, a
 * comma or, behind the name of an image file, a space its label. Empty lines, those that start with # and a heading are passed
 * over. Ids are the paths as they are written. A missing file is an entry that cannot be read.
 * @throws InputError when it names no file that exists
 */
export async function locateList(path: string, { signal }: DataOptions = {}): Promise<DataSource> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(error, `cannot read ${path}`);
  });
  const folder = dirname(path);
  const files = new Map<string, ImageFile>();
  let [repeated, existing] = [0, 0];
  await inBatches(textOf(bytes).split(/\r?\n/), signal, (line) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const whole = existsSync(resolve(folder, line.trim()));
    const at = whole ? -1 : separatorIn(line);
    const id = (at < 0 ? line : line.slice(0, at)).trim();
    const label = at < 0 ? undefined : line.slice(at + 1).trim() || undefined;
    const exists = whole || existsSync(resolve(folder, id));
    if (!exists && files.size === 0 && HEADING.test(id)) return;
    existing += Number(exists);
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
    const what = first
      ? `none of its ${files.size} files exists, such as ${first.path.slice(0, MOST_SHOWN)}`
      : 'it names no files';
    throw new InputError(
      `${path}: ${what}; a path a line was expected, relative to ${folder} or absolute, then a tab or comma and its label`,
    );
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
