/** A field of a CSV file, quoted where necessary (RFC 4180). */
const csvField = (value: string): string =>
  /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** The facts about an image that go into a CSV file. */
export interface CsvRow {
  readonly id: string;
  readonly row: number;
  /** Its class name; empty where it has none. */
  readonly class: string;
  readonly error: number;
}

/** A CSV file with the columns id, row, class and error, a line per image. */
export const csvOf = (rows: readonly CsvRow[]): string =>
  ['id,row,class,error', ...rows.map((row) => [csvField(row.id), row.row, csvField(row.class), row.error].join(','))]
    .map((line) => `${line}\r\n`)
    .join('');
