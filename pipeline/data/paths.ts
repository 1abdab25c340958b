import { InputError } from '../io/errors.ts';
import type { RawLabel } from './image-source.ts';
import { ADDED, mayBeAuxiliary, withoutAuxiliary } from './layouts.ts';
import { sortNaturally } from './natural-order.ts';
import type { PathList } from './path-list.ts';
import {
  areNumberedParts,
  assignSplits,
  endsAsSplit,
  type SplitName,
  saysNothing,
  splitOf,
  splitsNamed,
  splitsOfClasses,
} from './split-names.ts';

/** The images of one split, by their paths. */
export interface PathPart {
  readonly paths: PathList;
  /** The path, within the folder of the split where there is one. */
  id(path: string): string;
  /** The class: the first folder of the path, within the folder of the split and one such as `images`. Undefined for images in none. */
  label(path: string): RawLabel;
}

/** What the folders in paths of images stand for. */
export interface ArrangedPaths {
  readonly parts: Readonly<Partial<Record<SplitName | 'all', PathPart>>>;
  /** The classes of all parts in natural order; undefined where all images are in no folder. */
  readonly classes: readonly string[] | undefined;
  readonly notes: readonly string[];
}

/** The first folder of a path from `start` on; undefined for a file in no folder. */
function folderOf(path: string, start: number): string | undefined {
  const end = path.indexOf('/', start);
  return end < 0 ? undefined : path.slice(start, end);
}

/** A part, or the whole, before classes are found. */
interface Found {
  readonly name: SplitName | 'all';
  readonly images: PathList;
  /** A path of each folder. */
  readonly folders: PathList;
  /** Where paths begin within its folder. */
  readonly start: number;
  readonly folder: string | undefined;
}

/**
 * Finds splits and classes in the paths of a folder or an archive: `train/cat/1.png`, `cat/1.png` or `1.png`. One folder that
 * contains all others is passed over, as is the folder of a split that stands alone, one such as `images` that holds a whole part,
 * any that holds the whole set, and parts such as `images_001`.
 * @param paths of images only, by UTF-16 code units, with forward slashes, no hidden ones
 * @param where the folder or archive, for messages
 * @param known names that are classes even where one folder holds the whole set
 * @throws InputError where folders can be read as splits and as classes, or numbered parts have splits
 */
export function arrangePaths(paths: PathList, where: string, known: readonly string[] = []): ArrangedPaths {
  const all = onePerFolder(paths);
  const divided = withoutAuxiliary(paths, all, known);
  const { images = paths, notes = [] } = divided ?? {};
  const folders = divided ? onePerFolder(images) : all;
  const prefix = wrapperOf(folders);
  const top = foldersAt(folders, prefix.length);
  const loose = folders.find((path) => !path.includes('/', prefix.length));
  const both = loose === undefined ? splitsOfClasses(top) : undefined;
  const classOf = (folder: string) => (both?.get(folder)?.label ?? folder).normalize();
  const splits = both ? {} : assignSplits(top, where, loose?.slice(prefix.length));
  const found: Found[] = [];
  const isInside = !both && !splits && loose === undefined && areSplitsInside(folders, prefix.length, top);
  if (both || isInside) {
    const [one = '', other = ''] = top;
    notes.push(
      both
        ? `names of folders say split and class: ${one} is ${classOf(one)}, ${other} is ${classOf(other)}`
        : `folders inside ${one}, ${other}${top.length > 2 ? ' …' : ''} are splits; those inside them are no classes`,
    );
    const splitIn = (path: string) => {
      const first = folderOf(path, prefix.length) ?? '';
      return both ? both.get(first)?.split : splitOf(folderOf(path, prefix.length + first.length + 1) ?? '');
    };
    for (const name of ['train', 'val', 'test'] as const) {
      const isIn = (path: string) => splitIn(path) === name;
      const [own, inner] = [images.filter(isIn), folders.filter(isIn)];
      if (own.length > 0) found.push({ name, images: own, folders: inner, start: prefix.length, folder: undefined });
    }
  } else if (splits) {
    for (const name of ['train', 'val', 'test'] as const) {
      const folder = splits[name];
      if (folder === undefined) continue;
      const start = `${prefix}${folder}/`;
      const inside = (path: string) => path.startsWith(start);
      found.push({ name, images: images.filter(inside), folders: folders.filter(inside), start: start.length, folder });
    }
  } else {
    const [folder = ''] = top;
    const alone = top.length === 1 && loose === undefined && splitOf(folder) !== undefined;
    if (alone) notes.push(`${prefix}${folder}/ stands alone: it is taken as the whole set`);
    const start = prefix.length + (alone ? folder.length + 1 : 0);
    found.push({ name: 'all', images, folders, start, folder: alone ? folder : undefined });
  }
  const firsts = found.map(({ folders, start }) => foldersAt(folders, start));
  const beside = new Set(firsts.filter((own) => own.length > 1).flat());
  const parts: Partial<Record<SplitName | 'all', PathPart>> = {};
  const names = new Set<string>();
  for (const { name, images, folders, start, folder } of found) {
    const isWhole = name === 'all' && folder === undefined;
    const isNoClass = (inner: string) =>
      !beside.has(inner) && (inner === folder || saysNothing(inner) || (isWhole && !known.includes(inner)));
    const around = folderAround(folders, start, isNoClass);
    if (around !== '') notes.push(`${around} holds all ${name === 'all' ? '' : `${name} `}images: it is not a class`);
    const from = start + around.length;
    const own = foldersAt(folders, from);
    const numbered = areNumberedParts(own) || areRanges(images, from, own);
    if (numbered) refuseSplitsInside(folders, from, where);
    if (numbered) notes.push(`${own[0]}, ${own[1]}${own.length > 2 ? ' …' : ''} are parts by their names, not classes`);
    if (!isInside) notes.push(...notesOnInner(folders, from, numbered, isWhole));
    const label = (path: string) => {
      const first = folderOf(path, from);
      return first === undefined || !numbered ? first && classOf(first) : classInPart(path, from, first)?.normalize();
    };
    for (const path of folders) {
      const named = label(path);
      if (named !== undefined) names.add(named);
    }
    parts[name] = {
      paths: images,
      id: (path) => (name === 'all' ? path : path.slice(start)),
      label,
    };
  }
  notes.push(...notesOnPairs(images));
  const classes = sortNaturally(names);
  const doubtful = classes.find((folder) => mayBeAuxiliary(folder));
  const held = classes.find(endsAsSplit);
  if (held !== undefined)
    notes.push(
      `${held}/ is taken for a class; if it is a split, call it ${splitsNamed(held)[0]}/ and the others train/`,
    );
  const isBeside = (path: string) => !`/${path}`.includes(`/${doubtful}/`);
  if (doubtful !== undefined && images.find(isBeside) !== undefined) {
    notes.push(
      `${doubtful}/ is taken for a class; if it holds masks or copies of the images beside it, move it elsewhere, or pass the folder of the images`,
    );
  }
  return { parts, classes: classes.length === 0 ? undefined : classes, notes: [...new Set(notes)] }; // of each part
}

/** Paths that are looked at for images of two kinds: sorted, their pairs are next to each other. */
const SAMPLE = 1000;

/**
 * A note where many images have the name of another image with something added: `1.input.jpg` and `1.mask.png`,
 * `1.jpg` and `1_mask.png`.
 * @param sorted by UTF-16 code units
 */
export function notesOnPairs(sorted: Iterable<string>): string[] {
  let [seen, pairs, before, example] = [0, 0, '', ''];
  for (const path of sorted) {
    const stem = before.replace(/([^/.]*)\.[^/]*$/, '$1');
    const [rest, of] = [path.slice(stem.length), before.slice(stem.length)];
    const fields = [rest, of].map((text) => text.replace(/\.[^.]*$/, ''));
    const named = rest.startsWith('.') && fields.every((field) => !/\d/.test(field));
    if (before !== '' && path.startsWith(stem) && (named || ADDED.test(fields[0] ?? ''))) {
      pairs++;
      example ||= `${before} and ${path}`;
    }
    before = path;
    if (++seen === SAMPLE) break;
  }
  if (pairs * 4 < seen || pairs === 0) return [];
  return [
    `images that share a name count as separate images, such as ${example}; if some are masks or other views, leave them out`,
  ];
}

/** Names of files that begin with a word and end with a number: `cat.0.jpg`, `american_bulldog_100.jpg`. */
const NUMBERED = /^([\p{L}][\p{L}' _-]*?)[ ._-]?\d+\.\w+$/u;
/** Different words that may be classes, and images of each, on average. */
const MOST_WORDS = 200;
const LEAST_IMAGES = 4;

/** A note where the names of files without classes seem to say some. */
export function notesOnNames(images: PathList): string[] {
  const words = new Set<string>();
  for (const path of images) {
    const [, word] = NUMBERED.exec(path.slice(path.lastIndexOf('/') + 1)) ?? [];
    if (word === undefined || words.add(word).size > MOST_WORDS) return [];
  }
  const [first, second] = [...words].filter((word) => !saysNothing(word));
  if (second === undefined || images.length < LEAST_IMAGES * words.size) return [];
  return [
    `names of files begin with ${first}, ${second}${words.size > 2 ? ' …' : ''}: if these are classes, put each into a folder, or name them in metadata.csv (file_name,label)`,
  ];
}

/** A note on folders inside a class or a numbered part, one of which looks like a split, or which are several in a class. */
function notesOnInner(folders: PathList, start: number, numbered: boolean, isWhole: boolean): string[] {
  const inner = new Map<string, string>();
  let several: string | undefined;
  for (const path of folders) {
    const first = folderOf(path, start);
    if (first === undefined) continue;
    let at = start + first.length + 1;
    while (path.startsWith(`${first}/`, at)) at += first.length + 1; // `cats/cats/tabby`
    const second = folderOf(path, at);
    if (second === undefined) continue;
    if (splitOf(second) !== undefined)
      return [`folders inside ${numbered ? 'parts' : 'classes'} are not splits: ${path}`];
    const own = path.slice(start, at + second.length);
    const other = inner.get(first) ?? own;
    inner.set(first, other);
    if (other !== own && !numbered)
      several ??= `${other} and ${own} are of one class, ${first}; if they are classes, ${isWhole ? `pass ${first}/ itself, or ` : ''}name them in a column of labels of metadata.csv`;
  }
  return several === undefined ? [] : [several];
}

/** Whether folders are parts by the numbers of images that they hold: `01000/01000.png` to `01000/01999.png` (FFHQ). */
function areRanges(images: PathList, start: number, folders: readonly string[]): boolean {
  if (folders.length < 2 || folders.some((folder) => !/^\d+$/.test(folder))) return false;
  const firsts = folders.map(Number).sort((a, b) => a - b);
  const length = Math.min(...firsts.slice(1).map((first, i) => first - (firsts[i] as number)));
  const isOutside = (path: string) => {
    const [, number] = /(?:^|\/)(\d+)\.[^./]*$/.exec(path) ?? [];
    const first = Number(folderOf(path, start));
    return number === undefined || Number(number) < first || Number(number) >= first + length;
  };
  return length >= LEAST_RANGE && images.find(isOutside) === undefined;
}

/** Numbers of classes are nearer to each other. */
const LEAST_RANGE = 100;

/**
 * Folds (`fold1/train`, `fold1/test`, `fold2/train` …) have the same images in several splits.
 * @throws InputError where numbered parts have splits
 */
function refuseSplitsInside(folders: PathList, start: number, where: string): void {
  const firsts = new Map<SplitName, string>();
  for (const path of folders) {
    const part = folderOf(path, start) ?? '';
    const inner = folderOf(path, start + part.length + 1);
    const split = splitOf(inner ?? '');
    if (split !== undefined && !firsts.has(split)) firsts.set(split, path.slice(0, start + `${part}/${inner}`.length));
  }
  const [one, other] = firsts.values();
  if (other === undefined) return;
  throw new InputError(
    `${where}: its parts have splits of their own, such as ${one} and ${other}; pass one of the parts alone, or merge their splits into train/, val/ and test/`,
  );
}

/**
 * Folders from `start` on that hold all images of a part and say nothing of them: `images/`, `train/` of `train/train/1.png`.
 * @param isNoClass whether a folder is none by its name
 */
function folderAround(inside: PathList, start: number, isNoClass: (folder: string) => boolean): string {
  const [first = ''] = inside;
  for (let around = ''; ; ) {
    const folder = folderOf(first, start + around.length);
    if (folder === undefined || !isNoClass(folder)) return around;
    const outer = `${first.slice(0, start)}${around}${folder}/`;
    if (inside.find((path) => !path.startsWith(outer)) !== undefined) return around;
    around += `${folder}/`;
  }
}

/** The class of a path in a numbered part: the first folder inside it that says something. */
function classInPart(path: string, start: number, part: string): string | undefined {
  for (let at = start + part.length + 1; ; ) {
    const inner = folderOf(path, at);
    if (inner === undefined || !(inner === part || saysNothing(inner))) return inner;
    at += inner.length + 1;
  }
}

/** Whether each of the first folders from `start` on has a training part and another, and nothing else: `cat/train/1.png`. */
function areSplitsInside(folders: PathList, start: number, firsts: readonly string[]): boolean {
  if (firsts.length < 2 || areNumberedParts(firsts)) return false;
  const splits = new Map(firsts.map((first) => [first, new Set<SplitName>()]));
  const isOther = (path: string) => {
    const first = folderOf(path, start) ?? '';
    const split = splitOf(folderOf(path, start + first.length + 1) ?? '');
    if (split !== undefined) splits.get(first)?.add(split);
    return split === undefined;
  };
  return folders.find(isOther) === undefined && [...splits.values()].every((own) => own.has('train') && own.size > 1);
}

/** A path of each folder: what folders there are is seen sooner from these. */
function onePerFolder(paths: PathList): PathList {
  let folder: string | undefined;
  return paths.filter((path) => {
    if (folder !== undefined && path.startsWith(folder) && !path.includes('/', folder.length)) return false;
    folder = path.slice(0, path.lastIndexOf('/') + 1);
    return true;
  });
}

/** The first folders of paths from `start` on, in the order of the paths. */
function foldersAt(paths: PathList, start: number): string[] {
  const folders = new Set<string>();
  let inside = '/'; // that of the path before, with a slash at its end
  for (const path of paths) {
    if (path.startsWith(inside, start)) continue;
    const folder = folderOf(path, start);
    if (folder === undefined) continue;
    folders.add(folder);
    inside = `${folder}/`;
  }
  return [...folders];
}

/** The folder, with a slash at its end, that contains all others: `archive/` of `archive/cat/1.png` and `archive/dog/2.png`. */
function wrapperOf(sorted: PathList): string {
  const [first = ''] = sorted;
  for (let prefix = ''; ; ) {
    const folder = folderOf(first, prefix.length);
    if (folder === undefined || splitOf(folder) !== undefined) return '';
    const outer = prefix;
    prefix += `${folder}/`;
    const inside = new Set<string>();
    for (const path of sorted) {
      const inner = path.startsWith(prefix) ? folderOf(path, prefix.length) : undefined;
      if (inner === undefined) return saysNothing(folder) ? outer : '';
      inside.add(inner);
    }
    const [only = ''] = inside;
    if (inside.size > 1 || splitOf(only) !== undefined) return prefix;
  }
}
