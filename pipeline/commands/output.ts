type Cell = string | number;

/** A result for people: rows of a table, below their column names if there is a `head`, and lines below the table. */
export interface Printout {
  readonly head?: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly notes?: readonly string[];
}

/** The printout as text. */
export const printed = ({ head, rows, notes = [] }: Printout): string =>
  [...table([...(head ? [head] : []), ...rows]), ...notes].join('\n');

function table(rows: readonly (readonly Cell[])[]): string[] {
  const lines = rows.map((row) => row.map(String));
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
    .map((line) => line.join('  ').trimEnd());
}

/** `12,345.6`, with at most `digits` decimals. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits });

export const seconds = (value: number): string => `${number(value, 1)} s`;

/** Bytes as kB or MB. */
export const size = (bytes: number): string =>
  bytes < 1e6 ? `${number(bytes / 1e3, 1)} kB` : `${number(bytes / 1e6, 1)} MB`;
