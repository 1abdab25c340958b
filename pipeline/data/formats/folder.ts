import { type Dirent, existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { InputError, stopIfAborted, withFileErrors } from '../../io/errors.ts';
import { entriesIn, statsOf } from '../../io/folders.ts';
import { counted, quoted } from '../../io/printable.ts';
import { openFile, readUpTo } from '../../io/source.ts';
import { IMAGE_FILE, IMAGE_KINDS, isImage } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { PathList } from '../path-list.ts';
import { arrangePaths, notesOnNames } from '../paths.ts';
import { splitOf, splitsNamed } from '../split-names.ts';
import { isCifar } from './cifar.ts';
import { askedLabel } from './columns.ts';
import { CSV_FILE, hasPixels } from './csv.ts';
import { imageFileSource, isTiff } from './image-files.ts';
import { linesOf } from './lines.ts';
import { headedList, LIST_FILE } from './list.ts';
import { type TextsBeside, withLists } from './lists-beside.ts';
import { isMetadata, withMetadata } from './metadata.ts';
import { isSystemFolder, notesOnLabels, notesOnOthers, remedyFor, SUBMISSION } from './other-files.ts';
import { holdsImages } from './parquet.ts';
import { isParquet, PARQUET_FILE } from './parquet-file.ts';
import { isStl10 } from './stl10.ts';
import { openTable, type Table, TEXT_TABLE } from './tables.ts';

/**
 * Locates the images of a folder at any depth: subfolders are classes, and folders such as `train` and `test` are splits (see
 * `arrangePaths`). Links are followed; hidden files are passed over, and others that are no images are counted in the notes.
 * @throws InputError when there are no images, or folders can be read as splits and as classes
 */
export async function locateFolder(root: string, options: DataOptions = {}): Promise<DataSource> {
  const { signal, classes: known, onlyClass } = options;
  const found: Found = { images: new PathList(), others: new PathList(), empty: [] };
  await list(root, '', [], found, signal);
  const unnamed = await notesOnUnnamed(root, found.others);
  if (found.images.length === 0) {
    const there = found.others.length > 0 ? ` (${[...notesOnOthers(found.others), ...unnamed].join('; ')})` : '';
    const ofKind = (kind: RegExp) => trainedOn(found.others.filter((path) => kind.test(path)));
    const inner = found.others.find((path) => path.includes('/'))?.replace(/\/[^/]*$/, '') ?? '';
    if (inner !== '' && ((await isCifar(join(root, inner))) || isStl10(join(root, inner))))
      throw new InputError(
        `${root}: it contains no images, but ${inner} does; pass --data ${quoted(join(root, inner))}`,
      );
    const arrays = ofKind(/\.(npy|npz|(ubyte|npy)\.gz)$/i);
    const packed = arrays ?? ofKind(/\.(zip|tar|tar\.gz|tgz|parquet)$/i);
    const joined =
      arrays === undefined
        ? 'extract each into a folder of its name'
        : "join arrays with numpy.savez('set.npz', images=…, labels=…)";
    const remedy =
      packed !== undefined
        ? `pass a file itself, as in --data ${quoted(join(root, packed))}, or ${joined}`
        : (remedyFor(found.others) ?? `${IMAGE_KINDS} files were expected`);
    throw new InputError(`${root}: it contains no images${there}; ${remedy}`);
  }
  const base = join(root, '/');
  const packed = found.images.length < FEW ? found.others.filter((path) => PACKED.test(path)) : new PathList();
  for (const table of [...packed].slice(0, FEW)) {
    if (!(await isSet(base + table, options))) continue;
    const folder = table.slice(0, table.lastIndexOf('/') + 1);
    const apart = folder !== '' && found.images.find((path) => path.startsWith(folder)) === undefined;
    throw new InputError(
      `${root}: it contains a set of images, ${table}, and ${counted(found.images.length, 'image')}, such as ${found.images.find(() => true)}; move the one or the other elsewhere, or pass --data ${quoted(base + (apart ? folder : (trainedOn(packed) ?? table)))}`,
    );
  }
  const { tables, others: otherTables } = await tablesIn(base, found.others, options);
  const arranged = arrangePaths(found.images, root, known ?? onlyClass);
  const metadata = tables.filter(({ path }) => isMetadata(path));
  const lists =
    metadata.length > 0 ? { ...arranged, used: [] } : await withLists(arranged, found.others, textsIn(base));
  const listed = {
    ...(await withMetadata(lists, tables, root, options, base)),
    used: [...lists.used, ...tables.map(({ path }) => path)],
  };
  const [seen] = otherTables;
  if (options.label !== undefined && listed.label === undefined && seen)
    askedLabel(seen.path, [], seen.table.names, options);
  const { parts, classes, notes } = listed;
  const used = new Set(listed.used);
  const [first] = Object.values(parts);
  const named = classes === undefined && tables.length === 0 && first ? notesOnNames(first.paths) : [];
  const others = found.others.filter((path) => !used.has(path));
  const labels = trainedOn(others.filter(isLabelTable));
  const sources = Object.entries(parts).map(([name, { paths, id, label }]) => [
    name,
    imageFileSource({
      name: name === 'all' ? root : `${root}/${name}`,
      count: paths.length,
      stacked: paths.find(isTiff) !== undefined,
      classes,
      signal,
      *files() {
        for (const path of paths) yield { id: id(path), label: label(path), path: base + path };
      },
    }),
  ]);
  const remedy = `pass it as --data ${quoted(base + labels)}, or name their column with --label`;
  const hidden = used.size > 0 ? [] : notesOnLabels(others);
  const unread = labels === undefined ? hidden : [`to read labels and splits from ${labels}, ${remedy}`];
  const empty = found.empty.map((folder) => `${folder} is empty: there is no such part`);
  return {
    ...Object.fromEntries(sources),
    ...(listed.label !== undefined && { label: listed.label }),
    notes: [...notes, ...named, ...empty, ...notesOnOthers(others), ...unnamed, ...unread],
  };
}

/** The first file whose path says that it is to train on, or the first of all; one of test images may have no labels. */
const trainedOn = (paths: PathList): string | undefined =>
  paths.find((path) => splitsNamed(path).includes('train')) ?? paths.find(() => true);

/** Lists that are looked at: YOLO has a text for each image. */
const MOST_LISTS = 100;

interface NamedTable {
  readonly path: string;
  readonly table: Table;
}

/** The tables that say labels: `metadata.csv` and the like, and tables and lists with the column of labels that is wanted; and others. */
async function tablesIn(base: string, paths: PathList, { label, knownLabel }: DataOptions) {
  const [tables, others]: [NamedTable[], NamedTable[]] = [[], []];
  const wanted = label ?? knownLabel;
  let lists = 0;
  for (const path of paths) {
    const own = isMetadata(path);
    const isList = LIST_FILE.test(path);
    if (!own && (wanted === undefined || !(isList || isLabelTable(path)))) continue;
    if (isList && ++lists > MOST_LISTS) continue;
    const table = await (isList ? headedList : openTable)(base + path).catch((error: unknown) => {
      if (own || !(error instanceof InputError)) throw error;
      return undefined;
    });
    if (table) (own || (wanted !== undefined && table.names.includes(wanted)) ? tables : others).push({ path, table });
  }
  return { tables, others };
}

const isLabelTable = (path: string): boolean =>
  (TEXT_TABLE.test(path) && !SUBMISSION.test(path)) || PARQUET_FILE.test(path);

const textsIn = (base: string): TextsBeside => ({
  name: (path) => base + path,
  has: (path) => existsSync(base + path),
  lines: (path) => linesOf(base + path),
});

/** Names of files that are no images. */
const KNOWN = /\.(txt|md|csv|tsv|jsonl?|ya?ml|xml|html?|py|ipynb|npy|npz|mat|gz|zip|tar|7z|parquet|pdf|db|ini|log)$/i;

/** A line on the first file without a known extension, where it is an image. */
async function notesOnUnnamed(root: string, others: PathList): Promise<string[]> {
  const path = others.find((other) => !KNOWN.test(other));
  if (path === undefined || !statsOf(join(root, path))?.isFile()) return [];
  const file = await openFile(join(root, path));
  const start = await readUpTo(file, 512).finally(() => file.close());
  if (start.toString('latin1', 128, 132) === 'DICM')
    return [`${path} is DICOM, which is not read; save it as PNG or TIFF`];
  return isImage(start) ? [`${path} is an image without an extension in its name; add it, as in ${path}.png`] : [];
}

/** Images that may be pictures of the set, rather than the set, where there are tables of pixels or images. */
const FEW = 10;
const PACKED = /\.((csv|tsv)(\.gz)?|parquet|tar)$/i;

/** Whether a file is a set of images: a table of pixels, Parquet with images, or a tar file. */
async function isSet(path: string, options: DataOptions): Promise<boolean> {
  if (CSV_FILE.test(path)) return hasPixels(path, options);
  return !PARQUET_FILE.test(path) || ((await isParquet(path)) && holdsImages(path));
}

/** Entries between two looks at the signal. */
const BATCH = 4096;

/** Paths inside the root, with forward slashes, sorted by UTF-16 code units. */
interface Found {
  readonly images: PathList;
  readonly others: PathList;
  /** Folders that are named as splits and have nothing in them. */
  readonly empty: string[];
}

async function list(
  root: string,
  folder: string,
  parents: readonly string[],
  found: Found,
  signal: AbortSignal | undefined,
): Promise<void> {
  stopIfAborted(signal);
  const path = join(root, folder);
  const inside = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  const names: string[] = [];
  const real = await withFileErrors(`cannot list ${path}`, async () => {
    const real = await realpath(path);
    if (parents.includes(real)) return real; // a link to one of its parents, whose images are listed there
    for (const entry of entriesIn(path)) {
      const { name } = entry;
      if (name.startsWith('.') || isSystemFolder(name)) continue;
      names.push(isFolder(entry, root, inside(name)) ? `${name}/` : name);
      if (names.length % BATCH > 0) continue;
      await setImmediate();
      stopIfAborted(signal);
    }
    return real;
  });
  for (const name of names.sort()) {
    if (name.endsWith('/')) {
      const before = found.images.length + found.others.length;
      await list(root, inside(name.slice(0, -1)), [...parents, real], found, signal);
      const isEmpty = found.images.length + found.others.length === before;
      if (isEmpty && splitOf(name) !== undefined) found.empty.push(inside(name));
    } else (IMAGE_FILE.test(name) ? found.images : found.others).push(inside(name));
  }
}

/** A broken link counts as a file; what is wrong with it is said when it is read. */
function isFolder(entry: Dirent, root: string, inside: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statsOf(join(root, inside))?.isDirectory() ?? false;
}
