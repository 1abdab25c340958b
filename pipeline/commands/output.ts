import { printableLine } from '../io/printable.ts';

/** A result for people: rows of a table, below their column names if there is a `head`, and lines below the table. */
export interface Printout {
  readonly head?: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly notes?: readonly string[];
}

/** Formats the printout as text. */
export function printed({ head, rows, notes = [] }: Printout): string {
  const cells = [...(head ? [head] : []), ...rows].map((row) => row.map((cell) => printableLine(String(cell))));
  const widths = (cells[0] ?? []).map((_, column) =>
    cells.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  );
  const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [...lines.map((line) => line.trimEnd()), ...notes.map(printableLine)].join('\n');
}

/** `12,345.6`, with at most `digits` decimals. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits });

/** Seconds as `42 s`, `3 min` or `2.5 h`. */
export const duration = (value: number): string =>
  value < 90 ? `${number(value)} s` : value < 5400 ? `${number(value / 60)} min` : `${number(value / 3600, 1)} h`;

export const seconds = (value: number): string => `${number(value, 1)} s`;

/** Bytes as kB or MB. */
export const size = (bytes: number): string =>
  bytes < 1e6 ? `${number(bytes / 1e3, 1)} kB` : `${number(bytes / 1e6, 1)} MB`;
