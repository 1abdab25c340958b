import { model, report } from '../../state/store.ts';
import { savePng } from '../../ui/png.ts';
import { save } from '../../ui/save.ts';
import { sheet } from '../../ui/sheet.ts';
import type { MapColumn } from './columns.ts';

/** Images of a sheet. */
export const MOST_ON_SHEET = 2500;

/** A CSV file (RFC 4180) with the columns id, row, and the values of others; a line for each row. */
export async function csvOf(
  rows: ArrayLike<number>,
  idOf: (row: number) => string,
  columns: readonly MapColumn[],
): Promise<string> {
  const { csvFormatRow } = await import('d3-dsv');
  const lines = Array.from(rows, (row) => {
    const values = columns.map(({ kind, categories, values }) => {
      const value = values?.[row] ?? Number.NaN;
      return kind === 'category' ? (categories[value] ?? '') : Number.isFinite(value) ? String(value) : '';
    });
    return [idOf(row), String(row), ...values];
  });
  const head = ['id', 'row', ...columns.map(({ name }) => name)];
  return [head, ...lines].map((line) => `${csvFormatRow(line)}\r\n`).join('');
}

/** Saves the values of rows as a CSV file. */
export async function saveTable(rows: ArrayLike<number>, columns: readonly MapColumn[], name: string): Promise<void> {
  const set = model.value?.set;
  try {
    const text = await csvOf(rows, (row) => set?.id(row) ?? String(row), columns);
    save(new Blob([text], { type: 'text/csv' }), name);
  } catch (error) {
    report(error);
  }
}

/** Saves the images of rows as a PNG sheet, as near to a square as can be; the first ones where they are many. */
export async function saveSheet(rows: Uint32Array, name: string): Promise<void> {
  const set = model.value?.set;
  if (!set) return;
  try {
    const shown = rows.subarray(0, MOST_ON_SHEET);
    const images = await set.ready(shown);
    const columns = Math.max(1, Math.ceil(Math.sqrt((shown.length * set.about.height) / set.about.width)));
    await savePng(sheet(images, columns, set.about), name);
  } catch (error) {
    report(error);
  }
}
