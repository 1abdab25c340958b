import type { RawLabel } from './image-source.ts';
import { sortNaturally } from './natural-order.ts';
import type { PathList } from './path-list.ts';
import { assignSplits, type SplitName, saysNothing, splitOf } from './split-names.ts';

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

/** Folder of masks beside `train` and `test` in data laid out as MVTec AD. */
const MASKS = 'ground_truth';

/**
 * Finds splits and classes in the paths of a folder or an archive: `train/cat/1.png`, `cat/1.png` or `1.png`. One folder that
 * contains all others is passed over, as is the folder of a split that stands alone, and one such as `images` that holds a whole part.
 * @param paths of images only, by UTF-16 code units, with forward slashes, no hidden ones
 * @param where the folder or archive, for messages
 * @throws InputError where folders can be read as splits and as classes
 */
export function arrangePaths(paths: PathList, where: string): ArrangedPaths {
  const prefix = wrapperOf(paths);
  const outer = foldersAt(paths, prefix.length);
  const masked = ['train', 'test', MASKS].every((name) => outer.includes(name));
  const sorted = masked ? paths.filter((path) => !path.startsWith(`${prefix}${MASKS}/`)) : paths;
  const top = outer.filter((folder) => !(masked && folder === MASKS));
  const loose = sorted.find((path) => !path.includes('/', prefix.length));
  const splits = assignSplits(top, where, loose?.slice(prefix.length));
  const found: (readonly [name: SplitName | 'all', inside: PathList, start: number])[] = [];
  const notes: string[] = masked ? [`${prefix}${MASKS}/ is left out: masks of defects`] : [];
  if (splits) {
    for (const name of ['train', 'val', 'test'] as const) {
      const folder = splits[name];
      if (folder === undefined) continue;
      const start = `${prefix}${folder}/`;
      const inside = sorted.filter((path) => path.startsWith(start));
      found.push([name, inside, start.length]);
    }
  } else {
    const [only = ''] = top;
    const alone = top.length === 1 && loose === undefined && splitOf(only) !== undefined;
    if (alone) notes.push(`${prefix}${only}/ stands alone: it is taken as the whole set`);
    const start = prefix.length + (alone ? only.length + 1 : 0);
    found.push(['all', sorted, start]);
    const seen = new Set<string>(); // many paths have the same folders
    const inner = sorted.find((path) => {
      const first = folderOf(path, start);
      const second = first === undefined ? undefined : folderOf(path, start + first.length + 1);
      if (second === undefined || seen.has(second)) return false;
      seen.add(second);
      return splitOf(second) !== undefined;
    });
    if (inner !== undefined) notes.push(`folders inside classes are not splits: ${inner}`);
  }
  const folders = found.map(([, inside, start]) => foldersAt(inside, start));
  const beside = new Set(folders.filter((own) => own.length > 1).flat());
  const parts: Partial<Record<SplitName | 'all', PathPart>> = {};
  const names = new Set<string>();
  for (const [name, inside, start] of found) {
    const around = folderAround(inside, start, beside);
    if (around !== '') notes.push(`${around} holds all ${name === 'all' ? '' : `${name} `}images: it is not a class`);
    const from = start + around.length;
    for (const folder of foldersAt(inside, from)) names.add(folder);
    parts[name] = {
      paths: inside,
      id: (path) => (name === 'all' ? path : path.slice(start)),
      label: (path) => folderOf(path, from),
    };
  }
  notes.push(...notesOnPairs(sorted));
  const classes = sortNaturally(names);
  const masks = classes.length > 1 ? classes.find((folder) => MASK_FOLDER.test(folder)) : undefined;
  if (masks !== undefined) {
    notes.push(
      `${masks}/ is taken for a class; if it holds masks of the images beside it, move it elsewhere, or pass the folder of the images`,
    );
  }
  return { parts, classes: classes.length === 0 ? undefined : classes, notes };
}

/** Paths that are looked at for images of two kinds: sorted, their pairs are next to each other. */
const SAMPLE = 1000;
/** What a mask has behind the name of its image. */
const MASK = /^[ _-]?(masks?|segmentation|seg|labels?|gt|depth)(?![a-z])/i;

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
    if (before !== '' && path.startsWith(stem) && (named || MASK.test(rest))) {
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

/** Names of folders that may hold masks rather than images of a class. */
const MASK_FOLDER = /^(.*_)?(masks?|labels?|annotations?|segmentation.*|ground_?truths?|gt(fine)?)$/i;

/**
 * Folders from `start` on that hold all images of a part and say nothing of them: `images/`, `train/` of `train/train/1.png`.
 * @param classes names that are classes, since they stand beside others
 */
function folderAround(inside: PathList, start: number, classes: ReadonlySet<string>): string {
  const [first = ''] = inside;
  for (let around = ''; ; ) {
    const folder = folderOf(first, start + around.length);
    if (folder === undefined || classes.has(folder) || !saysNothing(folder)) return around;
    const outer = `${first.slice(0, start)}${around}${folder}/`;
    if (inside.find((path) => !path.startsWith(outer)) !== undefined) return around;
    around += `${folder}/`;
  }
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
    prefix += `${folder}/`;
    const inside = new Set<string>();
    for (const path of sorted) {
      const inner = path.startsWith(prefix) ? folderOf(path, prefix.length) : undefined;
      if (inner === undefined) return '';
      inside.add(inner);
    }
    const [only = ''] = inside;
    if (inside.size > 1 || splitOf(only) !== undefined) return prefix;
  }
}
