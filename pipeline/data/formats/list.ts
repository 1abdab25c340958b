import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { type FileRow, fileRowsSource } from './file-rows.ts';
import { linesOf } from './lines.ts';

/** The name of a column of paths. */
const HEADING = /^(file|image|img|path)?[ _-]?(name|path|file|id)?s?$/i;

/** Position of what separates a path from its label; −1 where there is no label. */
function separatorIn(line: string): number {
  const tab = line.indexOf('\t');
  const at = tab < 0 ? line.lastIndexOf(',') : tab;
  const space = line.trimEnd().lastIndexOf(' ');
  return at < 0 && space >= 0 && IMAGE_FILE.test(line.slice(0, space).trim()) ? space : at;
}

/**
 * Locates the images that a text file names: a path a line, absolute or relative to the file's folder, and after a tab, a
 * comma or, behind the name of an image file, a space its label. Empty lines, those that start with # and name no file, and a heading
 * are passed over.
 * @throws InputError when it names no file that exists
 */
export async function locateList(path: string, { signal }: DataOptions = {}): Promise<DataSource> {
  const expected = 'a path a line was expected, then a tab or comma and its label';
  const notes = new Set<string>();
  const source = await fileRowsSource(path, rowsOf(path, notes), { expected, signal });
  return { ...source, notes: [...source.notes, ...notes] };
}

async function* rowsOf(path: string, notes: Set<string>): AsyncGenerator<FileRow> {
  const folder = dirname(path);
  let first = true;
  for await (const { text } of linesOf(path)) {
    const separator = separatorIn(text);
    const at = separator >= 0 && existsSync(resolve(folder, text.trim())) ? -1 : separator;
    const file = (at < 0 ? text : text.slice(0, at)).trim();
    const comment = text.startsWith('#');
    const [said = '', ...more] = at < 0 ? [] : text.slice(at + 1).split('\t');
    if (more.length > 0) notes.add(`fields after the label are not used, such as '${more[0]}'`);
    const label = said.trim() || undefined;
    const isHeading = first && !comment && HEADING.test(file) && !existsSync(resolve(folder, file));
    first &&= comment;
    if (!isHeading) yield { file, label, split: undefined, comment };
  }
}
