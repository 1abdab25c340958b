import { InputError } from '../../io/errors.ts';
import type { RawLabel } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { chooseLabel, labelColumn, pixelColumns } from './columns.ts';
import { rowReader, separatorOf } from './csv-rows.ts';
import { EXPECTED_COUNTS, layoutOfRow } from './pixel-rows.ts';
import { splitColumn } from './split-column.ts';

/** Which fields of a table of pixels are what, by position. */
export interface CsvColumns {
  readonly separator: string;
  readonly header: boolean;
  /** `column 1`, `column 2` … where there is no header. */
  readonly names: readonly string[];
  /** A field for each pixel, or one field with all of them, separated by spaces. */
  readonly pixels: readonly number[] | number;
  readonly label: number | undefined;
  /** A column that says the split of a row. */
  readonly split: { readonly name: string; readonly at: number } | undefined;
  /** Type of the numbers, as numpy names it. */
  readonly type: 'int64' | 'float64';
  /** Fields of a row. */
  readonly width: number;
  readonly unused: readonly string[];
}

export const isNumber = (text: string | undefined): boolean => !!text?.trim() && Number.isFinite(Number(text));

/** Numbers that are written with a point. */
const DECIMAL = /^[+-]?(\d+\.\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The label that a text says. Labels are names, even where some or all are numbers: `7`, `A`, `007`. Fractions are measures. */
export function labelOf(text: string | undefined): RawLabel {
  const label = text?.trim() ?? '';
  if (!DECIMAL.test(label)) return label || undefined;
  const number = Number(label);
  return Number.isInteger(number) ? String(number) : number;
}

/** The fields of a row that no commas separate: numbers with a decimal comma get a point. */
export const withPoints = (fields: readonly string[]): readonly string[] =>
  fields.map((field) =>
    field.includes(',') ? field.replace(/^(\s*[+-]?\d+),(\d+(e[+-]?\d+)?\s*)$/i, '$1.$2') : field,
  );

/** Numbers of a field that holds all pixels. */
export const packedNumbers = (text: string): string[] =>
  text
    .replace(/[[\]]/g, ' ')
    .trim()
    .split(/[\s,]+/);

const isPacked = (text: string) => {
  const numbers = packedNumbers(text);
  return numbers.length > 3 && numbers.every(isNumber);
};

/**
 * Finds the columns of a table by its first lines.
 * @throws InputError when they are no images, or the label cannot be told from pixels
 */
export function chooseColumns(path: string, lines: readonly string[], options: DataOptions): CsvColumns {
  const separator = separatorOf(lines[1] ?? lines[0] ?? '');
  const read = rowReader(separator);
  const rows = lines.flatMap((line) => {
    const fields = read(line);
    return fields ? [separator === ',' ? fields : withPoints(fields)] : [];
  });
  const header = isHeader(rows[0] ?? []);
  const names = (rows[0] ?? []).map((name, i) => (header ? name.trim() : `column ${i + 1}`));
  const data = rows.slice(header ? 1 : 0);
  const sample = data[0];
  if (!sample) throw new InputError(`${path}: it has no rows of pixels`);
  const packed = sample.findIndex(isPacked);
  const chosen = chooseLabel(names, options);
  const isNamed = header || chosen !== undefined;
  const found = isNamed ? byName(names, packed, options) : byPosition(path, data, packed, options);
  const { pixels, label, split } = found;
  if (typeof pixels === 'object' && pixels.length === 0) {
    const shown = (header ? names : sample).slice(0, 6).join(', ');
    throw new InputError(
      `${path}: its ${sample.length} columns (${shown.slice(0, 100)} …) are no images; expected names of image files, or a label and pixels: ${EXPECTED_COUNTS}`,
    );
  }
  const used = new Set([label, split?.at, ...(typeof pixels === 'number' ? [pixels] : pixels)]);
  const texts = data.flatMap((fields) =>
    typeof pixels === 'number' ? [fields[pixels]] : pixels.map((i) => fields[i]),
  );
  return {
    ...found,
    separator,
    header,
    names,
    type: texts.some((text) => /[.e]/i.test(text ?? '')) ? 'float64' : 'int64',
    width: sample.length,
    unused: [...sample.keys()].filter((i) => !used.has(i)).map((i) => names[i] || `column ${i + 1}`),
  };
}

type Found = Pick<CsvColumns, 'pixels' | 'label' | 'split'>;

/** A first line is a header when it numbers the columns, or has several fields that are no numbers, and few that are. */
function isHeader(fields: readonly string[]): boolean {
  if (fields.some(isPacked)) return false;
  const numbers = fields.filter(isNumber).map(Number);
  if (numbers.length <= 3) return fields.length - numbers.length > 1;
  return numbers.every((number, i) => number === i + (numbers[0] ?? 0));
}

function byName(names: readonly string[], packed: number, options: DataOptions): Found {
  const others = names.filter((_, i) => i !== packed);
  const label = chooseLabel(others, options, () => labelColumn(others));
  const at = (name: string | undefined) => (name === undefined ? undefined : names.indexOf(name));
  const split = at(splitColumn(others.filter((name) => name !== label)));
  const left = [...names.keys()].filter((i) => i !== split);
  const pixels = pixelColumns(
    left.map((i) => names[i] ?? ''),
    label,
    options,
  ).map((i) => left[i] as number);
  return {
    pixels: packed < 0 ? pixels : packed,
    label: at(label),
    split: split === undefined ? undefined : { name: names[split] as string, at: split },
  };
}

/** Without a header, the label is the first or the last column: the one whose whole numbers or names vary. */
function byPosition(path: string, rows: readonly (readonly string[])[], packed: number, options: DataOptions): Found {
  const width = rows[0]?.length ?? 0;
  const all = Array.from({ length: width }, (_, i) => i);
  if (packed >= 0) return { pixels: packed, label: all.find((i) => i !== packed), split: undefined };
  if (layoutOfRow(width, options)) return { pixels: all, label: undefined, split: undefined };
  if (!layoutOfRow(width - 1, options)) return { pixels: [], label: undefined, split: undefined };
  const isName = (column: number) => rows.some((fields) => !isNumber(fields[column]));
  const isLabel = (column: number) =>
    new Set(rows.map((fields) => fields[column])).size > 1 &&
    rows.every((fields) => !isNumber(fields[column]) || Number.isInteger(Number(fields[column])));
  const ends = [0, width - 1];
  const named = ends.filter(isName);
  const [label, other] = named.length > 0 ? named : ends.filter(isLabel);
  if (label === undefined || other !== undefined) {
    throw new InputError(
      `${path}: either its first or its last column is the label, and the rows do not show which; name it by --label 'column 1' or --label 'column ${width}', or add a first line with names of the columns: label,pixel0,pixel1 …`,
    );
  }
  return { pixels: all.filter((i) => i !== label), label, split: undefined };
}
