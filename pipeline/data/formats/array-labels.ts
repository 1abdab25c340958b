import { readFile } from 'node:fs/promises';
import { InputError, withFileErrors } from '../../io/errors.ts';
import { type ArrayFile, describeArray, type NumberType } from '../../io/npy.ts';
import { counted } from '../../io/printable.ts';
import type { RawLabel } from '../image-source.ts';
import { hotColumn } from '../labels.ts';
import type { StoredArray } from './array-file.ts';
import { decoderOf, decodeText, LINE_END } from './lines.ts';
import { decodeNumbers, isDecodable } from './numbers.ts';

/** Bytes that are read at a time. */
const BLOCK = 2 ** 22;

/** Images that labels are for. */
export interface LabelledImages {
  /** For messages. */
  readonly name: string;
  readonly count: number;
}

/**
 * Reads labels: numbers or texts, `[n]` or `[n, 1]`, or one-hot rows `[n, classes]`.
 * @param column of rows that are not one-hot: the label is the number in it
 * @throws InputError when the array has another shape or type, or there are more or fewer labels than images
 */
export async function readLabels(array: StoredArray, images: LabelledImages, column?: number): Promise<RawLabel[]> {
  const { name, shape, type } = array;
  const [count, columns = 1] = shape;
  const flat = count !== undefined && shape.slice(2).every((side) => side === 1);
  const texts = type.kind === 'text';
  if (!flat || !(texts ? columns === 1 : isDecodable(type))) {
    throw new InputError(
      `${name}: it contains ${describeArray(array)}; labels are integers or texts, one for each image: [${images.count}], or one-hot rows`,
    );
  }
  checkCount(name, count, images);
  const file = await array.open();
  try {
    return await readRows(file, count, columns, column);
  } finally {
    await file.source.close();
  }
}

async function readRows({ source, offset, type }: ArrayFile, count: number, columns: number, column?: number) {
  const labels: RawLabel[] = [];
  const bytes = columns * type.bytes;
  const step = Math.max(1, Math.floor(BLOCK / bytes));
  const hotRows = new Map<number, readonly number[]>();
  for (let first = 0; first < count; first += step) {
    const rows = Buffer.alloc(Math.min(step, count - first) * bytes);
    await source.read(rows, offset + first * bytes);
    if (type.kind === 'text') {
      for (let at = 0; at < rows.length; at += bytes)
        labels.push(textOf(rows.subarray(at, at + bytes), type, source.name));
      continue;
    }
    const numbers = decodeNumbers(rows, type);
    for (let at = 0; at < numbers.length; at += columns) {
      if (columns === 1 || column !== undefined) labels.push(numbers[at + (column ?? 0)]);
      else labels.push(sharedRow(numbers.subarray(at, at + columns), hotRows));
    }
  }
  return labels;
}

/** The numbers of a row. Of equal one-hot rows there is one array, since a million would take too much memory. */
function sharedRow(row: ArrayLike<number>, hotRows: Map<number, readonly number[]>): readonly number[] {
  const hot = hotColumn(row);
  const shared = hotRows.get(hot) ?? Array.from(row);
  if (!Number.isNaN(hot)) hotRows.set(hot, shared);
  return shared;
}

/** numpy's U (UTF-32) and S, both padded with zeros. */
function textOf(bytes: Buffer, type: NumberType, where: string): string {
  if (type.name === 'bytes') return bytes.toString('utf8').replace(/\0+$/, '');
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const code = type.littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    if (code > 0x10ffff) throw new InputError(`${where}: it has a character that does not exist; copy it again`);
    text += String.fromCodePoint(code);
  }
  return text.replace(/\0+$/, '');
}

/** Names of text files of labels. */
export const LABEL_TEXT = /\.(txt|csv|tsv)$/i;

/** What is in the quotes around a label, within which they are written twice; undefined for a label without quotes. */
function unquoted(label: string): string | undefined {
  const parts = /^"(.*)"$/.exec(label)?.[1]?.split('""');
  return parts?.some((part) => part.includes('"')) ? undefined : parts?.join('"');
}

/**
 * Reads a text file of labels, one a line. If there is one line more, the first is a heading where it is no number and no other label.
 * @throws InputError when it is missing or not UTF-8, a line has several fields, or there are more or fewer labels than images
 */
export async function readLabelText(path: string, images: LabelledImages): Promise<RawLabel[]> {
  const bytes = await withFileErrors(`cannot read ${path}`, () => readFile(path));
  const lines = decodeText(path, decoderOf(bytes), bytes).split(LINE_END);
  if (lines.at(-1) === '') lines.pop();
  const fields = lines.map((line) => line.trim());
  const several = fields.findIndex((field) => unquoted(field) === undefined && /[,;\t]/.test(field));
  if (several >= 0) {
    const found = (fields[several] as string).slice(0, 80);
    throw new InputError(`${path}: line ${several + 1} has several fields (${found}); one label a line was expected`);
  }
  const labels = fields.map((field) => unquoted(field) ?? field);
  const [first = '', ...others] = labels;
  const heading = labels.length === images.count + 1 && !/^-?\d/.test(first) && !others.includes(first);
  const rows = heading ? others : labels;
  checkCount(path, rows.length, images);
  return rows;
}

function checkCount(name: string, count: number, images: LabelledImages): void {
  if (count === images.count) return;
  throw new InputError(
    `${name}: it contains ${counted(count, 'label')}, but ${images.name} contains ${counted(images.count, 'image')}; there must be one label for each image`,
  );
}
