import type { PartName } from '../artifacts/image-index.ts';
import { InputError } from '../io/errors.ts';
import type { RawLabel } from './image-source.ts';
import { sortNaturally } from './natural-order.ts';

export type RawLabels = Readonly<Partial<Record<PartName, readonly RawLabel[]>>>;

export interface IndexedLabels {
  /** Class indices by image; −1: unlabelled. Undefined where no image of the part has a label. */
  readonly labels: Partial<Record<PartName, Int32Array | undefined>>;
  /** Class names by index. Undefined where there are no labels at all. */
  readonly classes: string[] | undefined;
  readonly warnings: string[];
}

type Kind = 'number' | 'name' | 'one-hot row';
/** The different labels, in the order of their first appearance. The label of an image is its position in `names`. */
interface Vocabulary {
  readonly kind: Kind | undefined;
  readonly names: readonly string[];
  /** Where each was seen first, for messages. */
  readonly firsts: readonly string[];
  /** Of one-hot rows. */
  readonly columns: number;
  readonly codes: Partial<Record<PartName, Int32Array>>;
}

const UNLABELLED = -1;
const INTEGER = /^(0|-?[1-9]\d*)$/;
/** How pandas and numpy may write a missing label. */
export const NAN = /^nan$/i;
/** Classes beyond this are perhaps no classes. */
const MANY = 1000;
/** Labels that all differ are perhaps ids, from this number of images on. */
const SEVERAL = 20;

/**
 * Turns labels into class indices: integers, whole floats, names or one-hot rows. null, undefined, NaN, −1, an empty name, a row
 * of zeros and, among texts of integers, `NaN` are no label. Integers and names become indices in numeric and natural order,
 * whatever they are. Names that differ in their Unicode form only are one: Macs write others (NFD) than most programs (NFC).
 * @param classes names that the format knows: labels are indices into it, or are among it
 * @param where for messages: the data set
 * @param numbers for messages: those of the images, by default 0, 1 …
 * @throws InputError when labels are of several kinds, not whole, not one-hot, below −1, or no classes of the format
 */
export function indexLabels(
  parts: RawLabels,
  {
    classes,
    where = 'labels',
    numbers,
  }: {
    readonly classes?: readonly string[] | undefined;
    readonly where?: string;
    readonly numbers?: readonly number[];
  } = {},
): IndexedLabels {
  const vocabulary = collect(parts, where, numbers);
  const named = nameClasses(vocabulary, classes, where);
  const labels: IndexedLabels['labels'] = {};
  for (const [part, codes] of Object.entries(vocabulary.codes) as [PartName, Int32Array][]) {
    const indices = codes.map((code) => (code < 0 ? UNLABELLED : (named.indices[code] as number)));
    labels[part] = indices.some((index) => index >= 0) ? indices : undefined;
  }
  const labelled = named.indices.some((index) => index >= 0);
  return { labels, classes: labelled ? named.classes : undefined, warnings: doubts(vocabulary, named.indices) };
}

function collect(parts: RawLabels, where: string, numbers: readonly number[] | undefined): Vocabulary {
  const found = new Map<string | number, number>();
  const firsts: string[] = [];
  const codes: Vocabulary['codes'] = {};
  let kind: Kind | undefined;
  let columns = 0;
  for (const [part, raw] of Object.entries(parts) as [PartName, readonly RawLabel[]][]) {
    const imageAt = (i: number) => `${part === 'all' ? '' : `${part} `}image ${numbers?.[i] ?? i}`;
    const refuse = (i: number, reason: string) => new InputError(`${where}: the label of ${imageAt(i)} is ${reason}`);
    codes[part] = Int32Array.from(raw, (label, i) => {
      if (label === null || label === undefined || label === '' || Number.isNaN(label)) return UNLABELLED;
      const is: Kind = typeof label === 'number' ? 'number' : typeof label === 'string' ? 'name' : 'one-hot row';
      kind ??= is;
      if (is !== kind) {
        const others = firsts[0] ? `that of ${firsts[0]}` : 'one before it';
        throw refuse(i, `${printed(label)}, a ${is}, but ${others} is a ${kind}; give labels of one kind`);
      }
      const key = typeof label === 'object' ? hotColumn(label) : typeof label === 'string' ? label.normalize() : label;
      if (typeof label === 'object') {
        columns ||= label.length;
        if (label.length !== columns || Number.isNaN(key)) {
          const expected = `${columns} numbers, of which at most one is 1 and the others are 0`;
          throw refuse(i, `${printed(label)}; a row of labels is one-hot: ${expected}`);
        }
      } else if (typeof key === 'number' && !Number.isSafeInteger(key)) {
        throw refuse(i, `${key}; labels are whole numbers or names of classes`);
      }
      if (key === UNLABELLED) return UNLABELLED;
      let code = found.get(key);
      if (code === undefined) {
        code = found.size;
        found.set(key, code);
        firsts.push(imageAt(i));
      }
      return code;
    });
  }
  return { kind, names: [...found.keys()].map(String), firsts, columns, codes };
}

/** Whether a label is a fraction, which is no class. */
export const isMeasure = (label: RawLabel): boolean =>
  typeof label === 'number' && Number.isFinite(label) && !Number.isInteger(label);

/** The column with the 1; −1: there is none; NaN: it is not a one-hot row. */
export function hotColumn(row: ArrayLike<number>): number {
  let hot = UNLABELLED;
  for (let column = 0; column < row.length; column++) {
    const value = row[column];
    if (value === 0) continue;
    if (value !== 1 || hot >= 0) return Number.NaN;
    hot = column;
  }
  return hot;
}

/** The class names, and the index among them of each label that occurs. */
function nameClasses(
  { kind, names, firsts, columns }: Vocabulary,
  known: readonly string[] | undefined,
  where: string,
): { classes: string[]; indices: readonly number[] } {
  const isMissing = (name: string) => kind === 'name' && !known && NAN.test(name);
  const whole =
    names.some((name) => INTEGER.test(name)) && names.every((name) => INTEGER.test(name) || isMissing(name));
  const tooLow = whole ? names.findIndex((name) => Number(name) < UNLABELLED) : -1;
  if (tooLow >= 0) {
    throw new InputError(
      `${where}: the label of ${firsts[tooLow]} is ${names[tooLow]}; labels are integers from 0 on, or -1 for none`,
    );
  }
  const isUnlabelled = (name: string) => whole && (name === String(UNLABELLED) || isMissing(name));
  const among = (list: readonly string[]) => {
    const place = new Map(list.map((name, index) => [name.normalize(), index]));
    return names.map((name) => (isUnlabelled(name) ? UNLABELLED : place.get(name)));
  };
  const classes = kind === 'name' ? known?.filter((name) => !isUnlabelled(name)) : known;
  if (!classes) {
    const occurring = names.filter((name) => !isUnlabelled(name));
    const all = kind === 'one-hot row' ? Array.from({ length: columns }, (_, i) => String(i)) : occurring;
    const sorted = sortNaturally(all);
    return { classes: sorted, indices: among(sorted) as number[] };
  }
  const byName = among(classes);
  const byIndex = among(classes.map((_, index) => String(index)));
  const readings = kind === 'name' ? [byName, byIndex] : [byIndex, byName];
  const reading = readings.find((indices) => indices.every((index) => index !== undefined));
  if (reading) return { classes: [...classes], indices: reading as number[] };
  const at = (readings[0] as typeof byName).indexOf(undefined);
  throw new InputError(
    `${where}: the label of ${firsts[at]} is ${printed(names[at] as string)}; expected one of its ${classes.length} classes (${listed(classes)}) or an index from 0 to ${classes.length - 1}`,
  );
}

function doubts({ kind, names, codes }: Vocabulary, indices: readonly number[]): string[] {
  const warnings: string[] = [];
  const everyPart = Object.values(codes);
  let labelled = 0;
  for (const part of everyPart) for (const code of part) labelled += Number(code >= 0);
  if (names.length > MANY || (names.length >= SEVERAL && names.length === labelled)) {
    warnings.push(`${labelled} labels are of ${names.length} different values: are they ids or measures, not classes?`);
  }
  const negative = indices.includes(UNLABELLED) || everyPart.some((part) => part.includes(UNLABELLED));
  if (kind !== 'one-hot row' && negative && names.filter((_, code) => indices[code] !== UNLABELLED).join() === '1') {
    warnings.push('all labels are -1 or 1 or missing: -1 is no label; for two classes, write 0 and 1');
  }
  const trained = new Set(codes.train?.filter((code) => code >= 0));
  for (const part of ['val', 'test'] as const) {
    const held = codes[part]?.filter((code) => code >= 0) ?? [];
    const [one, other] = [trained.values().next().value, held[0]];
    if (one === undefined || other === undefined || held.some((code) => trained.has(code))) continue;
    warnings.push(
      `train and ${part} have no class in common, such as ${names[one]} and ${names[other]}: are they places, people or recordings, not classes?`,
    );
  }
  if (kind === 'name') {
    const byLower = new Map<string, string>();
    for (const name of names) {
      const lower = name.trim().normalize('NFKC').toLowerCase();
      const other = byLower.get(lower);
      if (other !== undefined)
        warnings.push(`classes '${other}' and '${name}' differ only in case, spaces or Unicode form: are they one?`);
      else byLower.set(lower, name);
    }
  }
  return warnings.slice(0, MOST_WARNINGS);
}

/** Warnings on labels beyond these say nothing more. */
const MOST_WARNINGS = 4;

const printed = (label: RawLabel): string => (JSON.stringify(label) ?? 'missing').slice(0, 80);

const listed = (names: readonly string[]): string => `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`;
