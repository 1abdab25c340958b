import { extname } from 'node:path';
import { InputError } from '../../io/errors.ts';
import { quoted } from '../../io/printable.ts';
import { openTable } from './tables.ts';

/** Rows that show what a table has instead of images. */
const SAMPLE = 20;
const ADDRESS = /^\s*(https?|ftp|s3|gs):\/\/\S+$/i;
/** The first bytes of png, jpg, gif, webp, bmp and tiff in base64, or a data URL. */
const BASE64 = /^\s*(data:image\/|iVBORw0KGgo|\/9j\/|R0lGOD|UklGR|Qk[0-3][A-Za-z0-9+/]{4}|SUkqA|TU0AK)/;

/** Whether a text is an address, from which an image must be downloaded. */
export const isAddress = (text: string): boolean => ADDRESS.test(text);

/** img2dataset's names of forms, by extensions. */
const FORMS = new Map([
  ...['csv', 'tsv', 'jsonl', 'parquet'].map((kind) => [kind, kind] as const),
  ['ndjson', 'jsonl'],
  ['parq', 'parquet'],
  ['pq', 'parquet'],
]);

/** What to do with addresses. @param column that has them, where there are several */
export function addressError(path: string, column?: string): InputError {
  const kind = extname(path.replace(/\.gz$/i, '')).slice(1).toLowerCase();
  const input = FORMS.get(kind) ?? 'txt';
  const unnamed = column !== undefined && (isAddress(column) || /^column \d+$/.test(column));
  const chosen = column === undefined ? '' : ` --url_col ${unnamed ? 'url' : quoted(column)}`;
  const where = column === undefined ? 'its lines are' : unnamed ? 'a column has' : `its column '${column}' has`;
  const first = unnamed ? 'name its columns in a first line, call this one url, and ' : '';
  return new InputError(
    `${path}: ${where} addresses of images, which are not read; ${first}download them first, as with img2dataset --url_list ${quoted(path)} --input_format ${input}${chosen} --output_format webdataset --output_folder set, and pass --data set`,
  );
}

/**
 * What a table has instead of images that are read: their addresses, or images as text.
 * @returns an InputError that says what to do; undefined where the table has neither, or the file is no table
 */
export async function elsewhere(path: string): Promise<InputError | undefined> {
  const table = await openTable(path);
  const sample: Readonly<Record<string, unknown>>[] = [];
  for await (const { cells } of table?.rows() ?? []) if (sample.push(cells) === SAMPLE) break;
  const columnOf = (kind: RegExp) =>
    table?.names.find((name) => sample.some((cells) => typeof cells[name] === 'string' && kind.test(cells[name])));
  const text = columnOf(BASE64);
  if (text !== undefined) {
    return new InputError(
      `${path}: its column '${text}' has images as base64 text, which are not read; write their bytes into a Parquet file: df['${text}'] = df['${text}'].map(lambda text: base64.b64decode(text.split(',')[-1])); df.to_parquet('set.parquet')`,
    );
  }
  const address = columnOf(ADDRESS);
  return address === undefined ? undefined : addressError(path, address);
}

/** Runs what looks for images in a table. @throws where it finds none, the error that says where they are */
export async function orElsewhere<T>(path: string, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    throw (error instanceof InputError ? await elsewhere(path) : undefined) ?? error;
  }
}
