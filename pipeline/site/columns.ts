import { readFile } from 'node:fs/promises';
import { parse } from 'node:path';
import { type Column, joinTable, readTable, TABLE_FILE, type Table } from '../artifacts/columns.ts';
import { fileError, InputError } from '../io/errors.ts';
import type { SiteModel } from './models.ts';

/** Columns that the page has for every image. */
const BUILT_IN = ['class', 'error'];

/**
 * Reads tables and joins them to the models' images by id. A table may be of the images of some models only.
 * @param note receives what of a table is not used
 * @throws InputError when a file cannot be read, or belongs to the images of no model
 */
export async function columnsFor(
  models: readonly SiteModel[],
  files: readonly string[],
  note: (line: string) => void,
): Promise<Map<SiteModel, readonly Column[]>> {
  const columns = new Map<SiteModel, Column[]>();
  for (const file of files) {
    const table = await tableOf(file);
    let problem: Error | undefined;
    let joined = false;
    for (const model of models) {
      const own = columns.get(model) ?? [];
      columns.set(model, own);
      try {
        const found = joinTo(model, own, table, file);
        own.push(...found.columns);
        joined = true;
        for (const line of notesOn(found, model)) note(`${file}: ${line}`);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        problem = error;
      }
    }
    if (!joined && problem) throw new InputError(`${file}: ${problem.message}`, { cause: problem });
  }
  return columns;
}

function joinTo({ dataset, model, split }: SiteModel, own: readonly Column[], table: Table, file: string) {
  const ids = Array.from({ length: dataset.length }, (_, i) => dataset.id(i));
  const classes = dataset.classes ?? model.card.classes;
  const taken = [...BUILT_IN, ...own.map(({ name }) => name)];
  const images = { ids, split, labels: dataset.labels ?? null, classes: classes ?? null, taken };
  return joinTable(table, images, parse(file).name);
}

function notesOn(
  { matched, unmatched, leftOut }: ReturnType<typeof joinTable>,
  { dataset, name }: SiteModel,
): string[] {
  const lines: string[] = [];
  if (matched < dataset.length)
    lines.push(`${dataset.length - matched} of the ${dataset.length} images of ${name} are not in it`);
  if (unmatched > 0) lines.push(`${unmatched} of its rows are of no image of ${name}`);
  if (leftOut.length > 0) lines.push(`columns not used: ${leftOut.join(', ')}`);
  return lines;
}

/** @throws InputError */
async function tableOf(file: string): Promise<Table> {
  if (!TABLE_FILE.test(file)) throw new InputError(`--columns ${file}: a file .csv, .tsv or .parquet is expected`);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw fileError(error, `cannot read ${file}`);
  });
  return readTable(Uint8Array.from(bytes), file).catch((error: unknown) => {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${file}: ${error.message}`, { cause: error });
  });
}
