import { InputError } from '../../io/errors.ts';
import type { Line } from './lines.ts';

/** A row of a table of text. */
export interface CsvRow {
  readonly fields: readonly string[];
  /** The first of its lines, from 1, as editors count. */
  readonly line: number;
}

/** Lines of a row; a quote that is not closed takes more. */
const MOST_LINES = 2 ** 16;

/** Characters of a line that show what separates its fields. */
const SAMPLE = 2 ** 16;

/** Numbers with a decimal comma between other separators. */
const DECIMAL_COMMAS = /(?<=[;\t]) *[+-]?\d+,\d+ *(?=[;\t]|$)|^ *[+-]?\d+,\d+ *(?=[;\t])/g;

/** What separates the fields of a line. */
export const separatorOf = (line: string): string => {
  const unquoted = line
    .slice(0, SAMPLE)
    .replace(/(^|[,;\t]) *"[^"]*(""[^"]*)*("|$)/g, '$1')
    .replace(DECIMAL_COMMAS, '');
  const counts = [',', ';', '\t'].map((separator) => [separator, unquoted.split(separator).length] as const);
  const [separator, fields] = counts.reduce((best, other) => (other[1] > best[1] ? other : best), [' ', 1] as const);
  return fields > 1 ? separator : ' ';
};

/**
 * Reads the lines of a table one after another.
 * @returns gives the fields of a row for its last line, and undefined for those before. A field that begins with a quote ends with one:
 * separators and line ends are part of it, and so is a quote that is written twice.
 */
export function rowReader(separator: string): (line: string) => string[] | undefined {
  let [fields, field, quoted]: [string[], string, boolean] = [[], '', false];
  return (line) => {
    if (separator === ' ') return line.trim().split(/\s+/);
    if (!quoted && !line.includes('"')) return line.split(separator);
    if (quoted) field += '\n';
    for (let i = 0; i < line.length; i++) {
      const character = line[i] as string;
      if (character === '"' && quoted && line[i + 1] === '"') {
        field += character;
        i++;
      } else if (character === '"' && (quoted || field.trim() === '')) {
        if (!quoted) field = '';
        quoted = !quoted;
      } else if (character === separator && !quoted) {
        fields.push(field);
        field = '';
      } else field += character;
    }
    if (quoted) return undefined;
    const row = [...fields, field];
    [fields, field] = [[], ''];
    return row;
  };
}

/** The rows of a table. @throws InputError when a quote is not closed */
export async function* rowsIn(
  path: string,
  lines: AsyncIterable<Line>,
  separator: string,
): AsyncGenerator<CsvRow, void, undefined> {
  const read = rowReader(separator);
  let first: number | undefined;
  for await (const { text, line } of lines) {
    first ??= line;
    const fields = read(text);
    if (fields) {
      yield { fields, line: first };
      first = undefined;
    } else if (line - first >= MOST_LINES) break;
  }
  if (first !== undefined)
    throw new InputError(`${path}: line ${first}: the quote before a field is not closed; close it, or remove it`);
}
