import { basename, dirname } from 'node:path';
import { printable, quoted } from '../../io/printable.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { askedLabel, chooseLabel } from './columns.ts';
import { EXTENSIONS, type FileRow, fileRowsSource, foldersWith, isThere } from './file-rows.ts';
import { linesOf } from './lines.ts';
import type { Table } from './tables.ts';

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

/** What the first lines of a list show. */
interface Form {
  /** What all names lack, or ''. */
  readonly extension: string;
  /** Whether lines begin with names of image files. */
  readonly named: boolean;
  /** Names of columns, in the line before the first image. */
  readonly heading: readonly string[];
}

const fieldsOf = (line: string) => line.trim().split(/[\s,]+/);

async function formOf(path: string): Promise<Form> {
  const lines: string[] = [];
  for await (const { text } of linesOf(path)) if (lines.push(text.trim()) === SAMPLE) break;
  const fields = lines.map(fieldsOf);
  const first = fields.findIndex(([name = '']) => IMAGE_FILE.test(name));
  const named = first >= 0;
  const isNone = (name: string, line: number) => name.startsWith('#') || (line === 0 && HEADING.test(name));
  const heading = fields[named ? first - 1 : 0] ?? [];
  const form = { extension: '', named, heading: named || isNone(heading[0] ?? '', 0) ? heading : [] };
  const exists = (line: string) => line !== '' && isThere(dirname(path), line);
  if (fields.flat().some((field) => IMAGE_FILE.test(field)) || lines.some(exists)) return form;
  const names = fields.flatMap(([name = ''], line) => (name === '' || isNone(name, line) ? [] : [name]));
  for (const extension of EXTENSIONS) {
    const files = names.map((name) => `${name}${extension}`);
    if ((await foldersWith(path, files)).length > 0) return { ...form, extension };
  }
  return form;
}

/** Names of lists. */
export const LIST_FILE = /\.(txt|lst|list)$/i;

/** A list of image files below names of columns as a table, with the files in a column `file`; undefined where it is none. */
export async function headedList(path: string): Promise<Table | undefined> {
  let heading: readonly string[] = [];
  let first = false;
  let read = 0;
  for await (const { text } of linesOf(path)) {
    const fields = fieldsOf(text);
    first = IMAGE_FILE.test(fields[0] ?? '');
    if (first || ++read === SAMPLE) break;
    heading = fields;
  }
  if (!first || heading.length === 0) return undefined;
  return {
    names: ['file', ...heading],
    async *rows() {
      for await (const { text, line } of linesOf(path)) {
        const fields = fieldsOf(text);
        if (!IMAGE_FILE.test(fields[0] ?? '')) continue;
        const cells = heading.map((name, i) => [name, fields.at(i - heading.length)] as const);
        yield { cells: { ...Object.fromEntries(cells), file: fields[0] }, where: `${path}: line ${line}` };
      }
    },
  };
}

/**
 * Locates the images that a text file names: a path a line, absolute or relative to the file's folder, and after a tab, a
 * comma or, behind the name of an image file, a space its label; several numbers are none. All names may lack their extension. Empty
 * lines, those that start with # and name no file, and headings are passed over. Of rows with several fields the label is that of a
 * column of the heading, where it is asked for.
 * @throws InputError when it names no file that exists, or there is no column as asked for
 */
export async function locateList(path: string, options: DataOptions = {}): Promise<DataSource> {
  const expected = 'a path a line was expected, then a tab or comma and its label';
  const form = await formOf(path);
  const { extension, heading } = form;
  const chosen = chooseLabel(heading, options);
  const asked = askedLabel(path, [chosen], heading, options);
  const notes = new Set(extension === '' ? [] : [`${extension} is added to the names`]);
  if (/partition/i.test(basename(path))) {
    notes.add('what follows the names is taken for labels; if they are splits, pass the folder of the images');
  }
  const { signal } = options;
  const column = chosen === undefined ? undefined : heading.lastIndexOf(chosen) - heading.length;
  const rows = rowsOf(path, { ...form, column }, notes);
  const source = await fileRowsSource(path, rows, { expected, signal, asked: chosen });
  return { ...source, ...asked, notes: [...source.notes, ...notes] };
}

async function* rowsOf(
  path: string,
  { extension, named, heading, column }: Form & { readonly column: number | undefined },
  notes: Set<string>,
): AsyncGenerator<FileRow> {
  const folder = dirname(path);
  let first = true;
  let numbers: string | undefined;
  for await (const { text } of linesOf(path)) {
    const separator = extension === '' ? separatorIn(text) : text.search(/[\s,]/);
    const at = separator >= 0 && isThere(folder, text.trim()) ? -1 : separator;
    const name = (at < 0 ? text : text.slice(0, at)).trim();
    const file = `${name}${extension}`;
    const comment = text.startsWith('#');
    const [said = '', ...more] = at < 0 ? [] : text.slice(at + 1).split('\t');
    if (more.length > 0 && column === undefined) notes.add(`fields after the label are not used, such as '${more[0]}'`);
    const isNumbers = /^[\d.+-]+(\s+[\d.+-]+)+$/.test(said.trim());
    numbers ??= isNumbers ? said.trim() : undefined;
    const own = column === undefined ? (isNumbers ? '' : said.trim()) : fieldsOf(text).at(column);
    const label = own || undefined;
    const isMissing: boolean = first && !comment && !isThere(folder, file);
    const isHeading: boolean = isMissing && (HEADING.test(name) || (named && !IMAGE_FILE.test(file)));
    if (isHeading && !HEADING.test(name)) notes.add(`a first line is taken for a heading: '${printable(text, 80)}'`);
    first &&= comment || isHeading;
    if (!isHeading) yield { file, label, split: undefined, comment };
  }
  if (numbers !== undefined && column === undefined) {
    const remedy =
      heading.length > 1 ? `; --label chooses a column, as in --label ${quoted(heading.at(-1) ?? '')}` : '';
    notes.add(
      `numbers behind the names are not used, such as '${printable(numbers, 80)}': a label is one field${remedy}`,
    );
  }
}
