import { posix } from 'node:path';
import { InputError } from '../../io/errors.ts';
import { counted } from '../../io/printable.ts';
import type { RawLabel } from '../image-source.ts';
import type { ArrangedPaths } from '../paths.ts';
import { type FileRow, withNumbers } from './file-rows.ts';
import { fileColumns, readRow } from './file-table.ts';
import { splitOfRow, splitsIn } from './split-column.ts';
import type { Table } from './tables.ts';

/** Whether a file is one that says labels of the images beside it, as Hugging Face's `imagefolder` has them. */
export const isMetadata = (path: string): boolean => /(^|\/)metadata\.(csv|jsonl|parquet)$/i.test(path);

/**
 * Takes labels and splits from tables beside the images. Where they say labels, folders are not classes; where folders are splits,
 * those stay.
 * @param tables with their paths, beside those of the images
 * @throws InputError when splits and other values are mixed, or some images have none
 */
export async function withMetadata(
  arranged: ArrangedPaths,
  tables: readonly { readonly path: string; readonly table: Table }[],
  where: string,
): Promise<ArrangedPaths> {
  if (tables.length === 0) return arranged;
  const images = new Set(Object.values(arranged.parts).flatMap(({ paths }) => [...paths]));
  const notes = [...arranged.notes];
  const said = new Map<string, Pick<FileRow, 'label' | 'split'>>();
  const values: { value: unknown; where: string }[] = [];
  let [column, labelled]: [string | undefined, boolean] = [undefined, false];
  for (const { path, table } of tables) {
    const columns = await fileColumns(table);
    if (!columns) {
      notes.push(`${path} is not used: it has no column of image files`);
      continue;
    }
    const missing: string[] = [];
    for await (const row of table.rows()) {
      const { file, label, split } = readRow(row, columns);
      const image = posix.join(posix.dirname(path), file);
      const earlier = said.get(image);
      const own = { label, split: splitOfRow(split) };
      if (earlier && (earlier.label !== own.label || earlier.split !== own.split)) {
        throw new InputError(`${row.where}: an earlier row says something else of '${file}'; name each file once`);
      }
      if (images.has(image)) said.set(image, own);
      else missing.push(file);
      if (columns.split !== undefined) values.push({ value: split, where: row.where });
    }
    column ??= columns.split;
    labelled ||= columns.label !== undefined;
    if (missing.length > 0)
      notes.push(
        `${path} names ${counted(missing.length, 'file that is', 'files that are')} not there, such as ${missing[0]}`,
      );
    if (columns.unused.length > 0) notes.push(`${path}: columns not used: ${columns.unused.join(', ')}`);
  }
  const unsaid = [...images].filter((path) => !said.has(path));
  if (said.size > 0 && unsaid.length > 0)
    notes.push(`${counted(unsaid.length, 'image is', 'images are')} in no table, such as ${unsaid[0]}`);
  const labels = withNumbers(said);
  const label = (path: string): RawLabel => labels.get(path)?.label;
  const { all } = arranged.parts;
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
  if (!labelled) return { ...arranged, parts: Object.fromEntries(parts), notes } as ArrangedPaths;
  if (arranged.classes) notes.push('labels are those of the table beside the images; folders are not classes');
  return {
    parts: Object.fromEntries(parts.map(([name, part]) => [name, { ...part, label }])),
    classes: undefined,
    notes,
  } as ArrangedPaths;
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
