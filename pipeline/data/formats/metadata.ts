import { posix } from 'node:path';
import { InputError } from '../../io/errors.ts';
import { counted } from '../../io/printable.ts';
import type { RawLabel } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import type { ArrangedPaths } from '../paths.ts';
import { type SplitName, splitsNamed } from '../split-names.ts';
import { askedLabel, notesOnUnused } from './columns.ts';
import { type FileRow, isSame, withNumbers, withZeros } from './file-rows.ts';
import { type FileColumns, fileColumns, readRow } from './file-table.ts';
import { finderOf } from './lists-beside.ts';
import { splitOfRow, splitsIn } from './split-column.ts';
import type { Table } from './tables.ts';

/** Whether a file is one that says labels of the images beside it, as Hugging Face's `imagefolder` and Roboflow's exports have them. */
export const isMetadata = (path: string): boolean => /(^|\/)(metadata\.(csv|jsonl|parquet)|_classes\.csv)$/i.test(path);

/**
 * Takes labels and splits from tables beside the images, which they name by their paths from the table on, or by any part of the path
 * that is of one image; a table whose name says a split, those of that split. Where they say labels, folders are not classes; where folders are splits, those stay.
 * @param tables with their paths, beside those of the images
 * @param base what is before them on disk, where they may name files without their extension
 * @throws InputError when splits and other values are mixed, some images have none, or there is no column of labels as asked for
 */
export async function withMetadata(
  arranged: ArrangedPaths,
  tables: readonly { readonly path: string; readonly table: Table }[],
  where: string,
  options: DataOptions,
  base?: string,
): Promise<ArrangedPaths & { readonly label?: string }> {
  if (tables.length === 0) return arranged;
  const images = new Set(Object.values(arranged.parts).flatMap(({ paths }) => [...paths]));
  const notes = [...arranged.notes];
  const said = new Map<string, Pick<FileRow, 'label' | 'split'>>();
  const values: { value: unknown; where: string }[] = [];
  const found: FileColumns[] = [];
  const finders = new Map<SplitName | undefined, ReturnType<typeof finderOf>>();
  const imageOf = (path: string, file: string) => {
    const own = posix.join(posix.dirname(path), file);
    if (file === '' || images.has(own)) return own;
    const [named, other] = splitsNamed(posix.basename(path)); // `trainLabels.csv`
    const part = other === undefined ? named : undefined;
    const find = finders.get(part) ?? finderOf((part && arranged.parts[part]?.paths) ?? images);
    finders.set(part, find);
    return find(own) ?? find(file) ?? own;
  };
  const ofTables = [];
  for (const { path, table } of tables) ofTables.push(await fileColumns(table, options, base && base + path));
  const hot = ofTables.flatMap((columns) => (typeof columns?.label === 'object' ? [columns.label] : []))[0];
  for (const [i, { path, table }] of tables.entries()) {
    let columns = ofTables[i];
    // Of a table with images of one class only, one-hot columns are not told from others.
    if (columns && !columns.label && hot?.every((name) => columns?.unused.includes(name)))
      columns = { ...columns, label: hot, unused: columns.unused.filter((name) => !hot.includes(name)) };
    if (!columns) {
      notes.push(`${path} is not used: it has no column of image files`);
      continue;
    }
    const missing: string[] = [];
    const before = said.size;
    for await (const row of table.rows()) {
      const { file, label, split } = readRow(row, columns);
      const image = imageOf(path, file);
      const earlier = said.get(image);
      const own = { label, split: splitOfRow(split) };
      if (earlier && (!isSame(earlier.label, own.label) || earlier.split !== own.split)) {
        throw new InputError(`${row.where}: an earlier row says something else of '${file}'; name each file once`);
      }
      if (images.has(image)) said.set(image, own);
      else missing.push(file);
      if (columns.split !== undefined) values.push({ value: split, where: row.where });
    }
    found.push(columns);
    const none = said.size === before ? '; to look for them elsewhere, pass the table itself as --data' : '';
    if (missing.length > 0)
      notes.push(
        `${path} names ${counted(missing.length, 'file that is', 'files that are')} not there, or in several folders, such as ${missing[0]}${none}`,
      );
    notes.push(...notesOnUnused(columns.unused, columns.label, columns.scalars).map((note) => `${path}: ${note}`));
  }
  const files = tables.map(({ path }) => path).join(', ');
  if (options.label !== undefined && said.size === 0) {
    throw new InputError(
      `--label ${options.label}: ${files} names none of the images; pass the table itself as --data`,
    );
  }
  const scalars = new Set(found.flatMap((columns) => columns.scalars));
  const labels = found.map((columns) => columns.label);
  const asked = askedLabel(files, labels, [...scalars], options);
  const unsaid = [...images].filter((path) => !said.has(path));
  if (said.size > 0 && unsaid.length > 0)
    notes.push(`${counted(unsaid.length, 'image is', 'images are')} in no table, such as ${unsaid[0]}`);
  const numbered = withNumbers(said);
  notes.push(...withZeros(said, asked.label));
  const label = (path: string): RawLabel => numbered.get(path)?.label;
  const { all } = arranged.parts;
  const column = found.find(({ split }) => split !== undefined)?.split;
  const { splits, notes: onSplits } = await splitsIn(column, each(values), all ? undefined : 'train');
  notes.push(...onSplits);
  if (splits.length > 0 && unsaid.length > 0) {
    throw new InputError(
      `${where}: the table beside the images says splits, but none of ${unsaid[0]}; add it, or remove the column`,
    );
  }
  const divided = splits.map((split) => {
    const paths = all?.paths.filter((path) => said.get(path)?.split === split);
    return [split, { ...all, paths }] as const;
  });
  const parts = Object.entries(divided.length > 0 ? Object.fromEntries(divided) : arranged.parts);
  const saysLabels = said.size > 0 && labels.some((columns) => columns !== undefined);
  if (!saysLabels) return { ...arranged, parts: Object.fromEntries(parts), notes } as ArrangedPaths;
  if (arranged.classes) notes.push('labels are those of the table beside the images; folders are not classes');
  return {
    ...asked,
    parts: Object.fromEntries(parts.map(([name, part]) => [name, { ...part, label }])),
    classes: undefined,
    notes,
  } as ArrangedPaths;
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
