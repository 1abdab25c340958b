import { csvFormatRow } from 'd3-dsv';
import { model } from '../../state/store.ts';
import { toImageData } from '../../ui/pixels.ts';
import { png } from '../../ui/png.ts';
import type { MapColumn } from './columns.ts';

/** Images of a sheet. */
export const MOST_ON_SHEET = 2500;

/** A CSV file (RFC 4180) with the columns id, row, and the values of others; a line for each row. */
export function csvOf(rows: ArrayLike<number>, idOf: (row: number) => string, columns: readonly MapColumn[]): string {
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

/** The images of rows as a PNG sheet, as near to a square as can be. */
export async function sheetOf(rows: Uint32Array): Promise<Blob> {
  const set = model.value?.set;
  if (!set) throw new Error('this model has no images');
  const { height, width } = set.about;
  const shown = rows.subarray(0, MOST_ON_SHEET);
  const columns = Math.max(1, Math.ceil(Math.sqrt((shown.length * height) / width)));
  await set.ready(shown);
  const sheet = { width: columns * width, height: Math.ceil(shown.length / columns) * height };
  const data = new Uint8ClampedArray(4 * sheet.width * sheet.height);
  for (const [i, row] of shown.entries()) {
    const image = toImageData(set.pixels(row), set.about);
    for (let y = 0; y < height; y++) {
      const to = (Math.floor(i / columns) * height + y) * sheet.width + (i % columns) * width;
      data.set(image.data.subarray(4 * y * width, 4 * (y + 1) * width), 4 * to);
    }
  }
  return png({ ...sheet, data });
}
