type Cell = string | number;

/** Rows as text in columns, below a row of column names where `head` is given. */
export function table(rows: readonly (readonly Cell[])[], head?: readonly string[]): string {
  const lines = [...(head ? [head] : []), ...rows].map((row) => row.map(String));
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
    .map((line) => line.join('  ').trimEnd())
    .join('\n');
}

/** `12,345.6`, with at most so many digits after the point. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits });

export const seconds = (value: number): string => `${number(value, 1)} s`;

/** Bytes as kB or MB. */
export const size = (bytes: number): string =>
  bytes < 1e6 ? `${number(bytes / 1e3, 1)} kB` : `${number(bytes / 1e6, 1)} MB`;
