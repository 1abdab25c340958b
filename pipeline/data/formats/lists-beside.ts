import { basename, dirname, join } from 'node:path/posix';
import { InputError } from '../../io/errors.ts';
import { counted, printable } from '../../io/printable.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { ArrangedPaths } from '../paths.ts';
import { type SplitName, splitsNamed } from '../split-names.ts';
import { isRowNumber } from './columns.ts';
import { rowsIn, separatorOf } from './csv-rows.ts';
import type { Line } from './lines.ts';
import { SUBMISSION } from './other-files.ts';
import { splitOfRow } from './split-column.ts';

/** Rows that show which column names images, and which says a split or a class. */
const SAMPLE = 20;
const PARTS = ['train', 'val', 'test'] as const;

/** A text file that says splits of images. */
interface List {
  readonly path: string;
  /** The split that its name says; undefined: each row says it. */
  readonly split: SplitName | 'trainval' | undefined;
}

/** The texts beside images, by their paths beside those of the images. */
export interface TextsBeside {
  /** For messages. */
  name(path: string): string;
  has(path: string): boolean;
  lines(path: string): AsyncIterable<Line>;
}

/** What a list says of an image. */
interface Row {
  readonly image: string;
  readonly split: SplitName | 'trainval' | undefined;
  readonly label: string | undefined;
}

/** `trainval`, `train_val_list` (NIH's chest X-rays); `train_val_split` is of both. */
const TRAINVAL = /train[ _-]?val(?!.*split)(?![a-z])/i;

/** `train.txt`, `TestImages.txt`, `trainval.txt`; `list_eval_partition.txt` (CelebA) and `train_test_split.txt` (CUB) are of all splits. */
function listOf(path: string): List[] {
  const name = basename(path);
  if (!/\.(txt|lst|list|csv|tsv)$/i.test(name) || SUBMISSION.test(name)) return [];
  const [split, other] = splitsNamed(name);
  if (TRAINVAL.test(name)) return [{ path, split: 'trainval' }];
  if (/partition/i.test(name) || other !== undefined) return [{ path, split: undefined }];
  return split === undefined ? [] : [{ path, split }];
}

/** Whether a file's name says that it has the splits of images. */
export const saysSplits = (path: string): boolean => listOf(path).length > 0;

/** The ids of images that `train_test_split.txt` uses (CUB, NABirds). */
const IDS = 'images.txt';

/** Whether `withLists` may read a file. */
export const isReadByLists = (path: string): boolean => saysSplits(path) || basename(path) === IDS;

/** The name of an image without its extension. */
const keyOf = (path: string): string => (IMAGE_FILE.test(path) ? path.replace(/\.[^.]*$/, '') : path);

/** Finds images by paths from any folder on, with or without extension, in any Unicode form; undefined where there is none, or several. */
export function finderOf(images: Iterable<string>): (name: string) => string | undefined {
  const byName = new Map<string, string | string[]>();
  for (const path of images) {
    const name = basename(keyOf(path)).normalize();
    const others = byName.get(name);
    byName.set(name, others === undefined ? path : [others, path].flat());
  }
  return (name) => {
    const path = name
      .replaceAll('\\', '/')
      .replace(/^(\.?\/)+/, '')
      .normalize();
    const fits = (image: string) => [image, keyOf(image)].some((own) => `/${own.normalize()}`.endsWith(`/${path}`));
    const [found, other] = [byName.get(basename(keyOf(path))) ?? []].flat().filter(fits);
    return other === undefined ? found : undefined;
  };
}

/**
 * Takes splits from text files among the images that name them, with or without extension: one file for each split (VOC, Food-101,
 * FGVC-Aircraft), or one whose rows say it. Images that no folder gives a class get one that such a file says, if it is the class of
 * others (Tiny ImageNet). Files that are damaged or contradict each other are noted.
 * @param others paths beside those of the images
 * @returns the lists that were used, too, but for those that may also say labels of images without classes
 */
export async function withLists(
  arranged: ArrangedPaths,
  others: Iterable<string>,
  texts: TextsBeside,
): Promise<ArrangedPaths & { readonly used: readonly string[] }> {
  const lists = [...others].flatMap(listOf);
  const { all } = arranged.parts;
  const open: string[] = [];
  for (const { paths, label } of lists.length > 0 ? Object.values(arranged.parts) : []) {
    for (const path of paths) if (all || label(path) === undefined) open.push(path);
  }
  if (open.length === 0) return { ...arranged, used: [] };
  const find = finderOf(open);
  const classes = new Set(arranged.classes);
  const notes = [...arranged.notes];
  const rows: Row[] = [];
  const used: string[] = [];
  const labelled: string[] = []; // lists that say more than is read
  let more: string | undefined;
  for (const list of lists) {
    const found = await readList(texts, list, find, classes).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      notes.push(`${list.path} is not used: ${error.message}`);
      return { rows: [], missing: [], unused: [], more: undefined };
    });
    if (!found.rows.some(({ label }) => all || label !== undefined)) continue;
    used.push(list.path);
    if (found.unused.length > 0) labelled.push(list.path);
    else if (arranged.classes === undefined && found.more !== undefined)
      more ??= `what follows the names in ${list.path} is not used, such as '${printable(found.more, 80)}'; if it is a label, name it in metadata.csv beside the images, with columns file_name, label and split`;
    for (const row of found.rows) rows.push(row);
    const [first] = all ? found.missing : [];
    if (first !== undefined) {
      const missing = counted(found.missing.length, 'file that is', 'files that are');
      notes.push(`${list.path} names ${missing} not there, or in several folders, such as ${first}`);
    }
  }
  if (more !== undefined) notes.push(more);
  const labels = new Map<string, string>();
  for (const { image, label } of rows) {
    if (label !== undefined && all?.label(image) === undefined) labels.set(image, label);
  }
  const parts = Object.fromEntries(
    Object.entries(arranged.parts).map(([name, part]) => [
      name,
      { ...part, label: (path: string) => part.label(path) ?? labels.get(path) },
    ]),
  );
  if (labels.size > 0) notes.push(`${counted(labels.size, 'label comes', 'labels come')} from ${shown(used)}`);
  if (!parts.all) return { ...arranged, parts, notes, used };

  const hasTrain = rows.some(({ split }) => split === 'train');
  const splits = new Map<string, SplitName>();
  const said = new Set<SplitName>();
  let twice: string | undefined;
  for (const { image, split } of rows) {
    const own = split === 'trainval' ? (hasTrain ? undefined : 'train') : split;
    if (own === undefined) continue;
    if ((splits.get(image) ?? own) !== own) twice ??= image;
    splits.set(image, own);
    said.add(own);
  }
  const present = PARTS.filter((part) => said.has(part));
  const divides = present[0] === 'train' && present.length > 1;
  if (!divides || twice !== undefined) {
    if (divides) notes.push(`${shown(used)}: not used, since they put ${twice} into several splits`);
    return { ...arranged, parts, notes, used: [] };
  }
  notes.push(`splits come from ${shown(used)}`);
  const left = open.length - splits.size;
  if (left > 0) {
    const first = open.find((path) => !splits.has(path));
    notes.push(`left out: ${counted(left, 'image that', 'images that')} no list names, such as ${first}`);
  }
  const whole = parts.all;
  const divided = present.map((part) => [
    part,
    { ...whole, paths: whole.paths.filter((path) => splits.get(path) === part) },
  ]);
  const read = arranged.classes === undefined ? used.filter((path) => !labelled.includes(path)) : used;
  return { ...arranged, parts: Object.fromEntries(divided), notes, used: read };
}

const shown = (paths: readonly string[]) => `${paths.slice(0, 4).join(', ')}${paths.length > 4 ? ', …' : ''}`;

/** The rows of a list that name images. @param classes labels that are known */
async function readList(
  texts: TextsBeside,
  { path, split }: List,
  find: (name: string) => string | undefined,
  classes: ReadonlySet<string>,
): Promise<{ rows: Row[]; missing: readonly string[]; unused: readonly string[]; more: string | undefined }> {
  const ids = split === undefined ? await idsBeside(texts, path) : undefined;
  const imageOf = (name: string | undefined) => (name ? find(ids ? (ids.get(name) ?? '') : name) : undefined);
  const values = /partition/i.test(path) ? ['train', 'val', 'test'] : ids ? ['test', 'train'] : [];
  const splitAt = (text: string | undefined) =>
    (values[Number(text?.trim() || Number.NaN)] as SplitName) ?? splitOfRow(text);
  const labelAt = (text = '') => (classes.has(text.trim()) ? text.trim() : (text.trim().split(/\s/)[0] ?? ''));
  const rows: Row[] = [];
  const missing: string[] = [];
  const sample: (readonly string[])[] = [];
  let [name, said, label] = [-1, -1, -1];
  let unused: readonly string[] = [];
  let more: string | undefined;
  const add = (fields: readonly string[]) => {
    const [image, own] = [imageOf(fields[name]), labelAt(fields[label])];
    if (image === undefined) missing.push(fields[name] ?? '');
    else {
      const byName = split === 'trainval' && said >= 0 ? undefined : split;
      rows.push({ image, split: byName ?? splitAt(fields[said]), label: classes.has(own) ? own : undefined });
    }
  };
  const choose = () => {
    const columns = [...(sample[0] ?? []).keys()];
    const named = columns.map((at) => sample.filter((fields) => imageOf(fields[at]) !== undefined));
    const most = named.reduce((best, own) => (own.length > best.length ? own : best), []);
    name = named.indexOf(most);
    const where = (test: (text: string | undefined) => boolean) =>
      columns.findIndex((at) => at !== name && most.length > 0 && most.every((fields) => test(fields[at])));
    said = where((text) => splitAt(text) !== undefined);
    label = where((text) => classes.has(labelAt(text)));
    for (const [row, fields] of sample.entries()) if (row > 0 || most.includes(fields)) add(fields); // the first may be a heading
    more = name > 0 ? most[0]?.find((text, at) => at > name && ![said, label].includes(at) && text.trim()) : undefined;
    const [heading] = sample;
    if (heading && !most.includes(heading) && /\.(csv|tsv)$/i.test(path)) {
      const used = [0, said, label, name === 0 && heading.length === 2 ? 1 : name]; // the first is the whole row
      unused = heading.filter((column, at) => !used.includes(at) && !isRowNumber(column.trim()));
    }
    return most.length > 0 && (split !== undefined || said >= 0);
  };
  for await (const fields of fieldsOf(texts, path)) {
    if (sample.length === SAMPLE) add(fields);
    else if (sample.push(fields) === SAMPLE && !choose()) return { rows: [], missing, unused, more };
  }
  return { rows: sample.length === SAMPLE || choose() ? rows : [], missing, unused, more };
}

/** The fields of each row, before them the whole row, which may be a path with spaces. */
async function* fieldsOf({ name, lines }: TextsBeside, path: string): AsyncGenerator<readonly string[]> {
  let [line, separator] = [0, ' '];
  for await (const { text } of lines(path)) {
    separator = separatorOf(text);
    if (line++ === 1) break;
  }
  for await (const { fields } of rowsIn(name(path), lines(path), separator)) yield [fields.join(separator), ...fields];
}

/** The images of `images.txt`, by the ids that other files use. */
async function idsBeside({ has, lines }: TextsBeside, path: string): Promise<Map<string, string> | undefined> {
  const ids = new Map<string, string>();
  const images = join(dirname(path), IDS);
  if (!/train_test_split\.txt$/.test(path) || !has(images)) return undefined;
  for await (const { text } of lines(images)) {
    const [id = '', ...rest] = text.trim().split(' ');
    ids.set(id, rest.join(' '));
  }
  return ids;
}
