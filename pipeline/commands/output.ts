import Table from 'cli-table3';

type Cell = string | number;

/** Prints a command's result on stdout: as a line of JSON for machines, or as lines for people. */
export function printResult<T>(json: boolean, result: T, lines: (result: T) => string): void {
  process.stdout.write(`${json ? JSON.stringify(result) : lines(result)}\n`);
}

/** Rows as text in columns; the first row names them where `head` is given. */
export function table(rows: readonly (readonly Cell[])[], head?: readonly string[]): string {
  const none = ['top', 'bottom', 'mid', 'left', 'right'].flatMap((side) => [side, `${side}-mid`, `mid-${side}`]);
  const corners = ['top', 'bottom'].flatMap((side) => [`${side}-left`, `${side}-right`]);
  const chars = Object.fromEntries([...none, ...corners, 'left-mid', 'right-mid', 'mid-mid'].map((name) => [name, '']));
  const text = new Table({
    chars: { ...chars, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    ...(head && { head: [...head] }),
  });
  text.push(...rows.map((row) => row.map(String)));
  return text.toString().replace(/ +$/gm, '');
}

/** `12,345.6`, with at most so many digits after the point. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits });

/** Bytes as kB or MB. */
export const size = (bytes: number): string =>
  bytes < 1e6 ? `${number(bytes / 1e3, 1)} kB` : `${number(bytes / 1e6, 1)} MB`;
