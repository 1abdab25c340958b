import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { printable } from '../../io/printable.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { EXTENSIONS, type FileRow, fileRowsSource, foldersWith } from './file-rows.ts';
import { linesOf } from './lines.ts';

/** The name of a column of paths. */
const HEADING = /^(file|image|img|path)?[ _-]?(name|path|file|id)?s?$/i;

/** Lines that show whether names have extensions. */
const SAMPLE = 20;

/** Position of what separates a path from what is said of it; −1 where that is nothing. */
function separatorIn(line: string): number {
  const tab = line.indexOf('\t');
  const at = tab < 0 ? line.lastIndexOf(',') : tab;
  const spaces = [line.trimEnd().lastIndexOf(' '), line.search(/\s/)];
  return at >= 0 ? at : (spaces.find((end) => end >= 0 && IMAGE_FILE.test(line.slice(0, end).trim())) ?? -1);
}

/** What the first lines of a list show: the extension that all names lack, or '', and whether lines begin with names of image files. */
async function formOf(path: string): Promise<{ extension: string; named: boolean }> {
  const lines: string[] = [];
  for await (const { text } of linesOf(path)) if (lines.push(text.trim()) === SAMPLE) break;
  const fields = lines.map((line) => line.split(/[\s,]+/));
  const named = fields.some(([name = '']) => IMAGE_FILE.test(name));
  const exists = (line: string) => line !== '' && existsSync(resolve(dirname(path), line));
  if (fields.flat().some((field) => IMAGE_FILE.test(field)) || lines.some(exists)) return { extension: '', named };
  const isNone = (name: string, line: number) => name.startsWith('#') || (line === 0 && HEADING.test(name));
  const names = fields.flatMap(([name = ''], line) => (name === '' || isNone(name, line) ? [] : [name]));
  for (const extension of EXTENSIONS) {
    const files = names.map((name) => `${name}${extension}`);
    if ((await foldersWith(path, files)).length > 0) return { extension, named };
  }
  return { extension: '', named };
}

/**
 * Locates the images that a text file names: a path a line, absolute or relative to the file's folder, and after a tab, a
 * comma or, behind the name of an image file, a space its label; several numbers are none. All names may lack their extension. Empty
 * lines, those that start with # and name no file, and headings are passed over.
 * @throws InputError when it names no file that exists
 */
export async function locateList(path: string, { signal }: DataOptions = {}): Promise<DataSource> {
  const expected = 'a path a line was expected, then a tab or comma and its label';
  const { extension, named } = await formOf(path);
  const notes = new Set(extension === '' ? [] : [`${extension} is added to the names`]);
  if (/partition/i.test(basename(path))) {
    notes.add('what follows the names is taken for labels; if they are splits, pass the folder of the images');
  }
  const source = await fileRowsSource(path, rowsOf(path, { extension, named }, notes), { expected, signal });
  return { ...source, notes: [...source.notes, ...notes] };
}

async function* rowsOf(
  path: string,
  { extension, named }: Awaited<ReturnType<typeof formOf>>,
  notes: Set<string>,
): AsyncGenerator<FileRow> {
  const folder = dirname(path);
  let first = true;
  let numbers: string | undefined;
  for await (const { text } of linesOf(path)) {
    const separator = extension === '' ? separatorIn(text) : text.search(/[\s,]/);
    const at = separator >= 0 && existsSync(resolve(folder, text.trim())) ? -1 : separator;
    const name = (at < 0 ? text : text.slice(0, at)).trim();
    const file = `${name}${extension}`;
    const comment = text.startsWith('#');
    const [said = '', ...more] = at < 0 ? [] : text.slice(at + 1).split('\t');
    if (more.length > 0) notes.add(`fields after the label are not used, such as '${more[0]}'`);
    const isNumbers = /^[\d.+-]+(\s+[\d.+-]+)+$/.test(said.trim());
    numbers ??= isNumbers ? said.trim() : undefined;
    const label = isNumbers ? undefined : said.trim() || undefined;
    const isMissing: boolean = first && !comment && !existsSync(resolve(folder, file));
    const isHeading: boolean = isMissing && (HEADING.test(name) || (named && !IMAGE_FILE.test(file)));
    if (isHeading && !HEADING.test(name)) notes.add(`a first line is taken for a heading: '${printable(text, 80)}'`);
    first &&= comment || isHeading;
    if (!isHeading) yield { file, label, split: undefined, comment };
  }
  if (numbers !== undefined) {
    notes.add(`numbers behind the names are not used, such as '${numbers}': a label is one field`);
  }
}
