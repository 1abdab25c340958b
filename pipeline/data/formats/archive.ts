import { extname } from 'node:path/posix';
import { InputError } from '../../io/errors.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource, ImageSource, RawLabel } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { PathList } from '../path-list.ts';
import { type ArrangedPaths, arrangePaths, type PathPart } from '../paths.ts';
import { askedLabel, chooseLabel, labelColumn, notesOnUnused } from './columns.ts';
import { labelOf } from './csv-columns.ts';
import { isTiff } from './image-files.ts';
import { linesIn } from './lines.ts';
import { isReadByLists, saysSplits, withLists } from './lists-beside.ts';
import { isMetadata, withMetadata } from './metadata.ts';
import { isSystemFolder, notesOnLabels, notesOnOthers, SUBMISSION } from './other-files.ts';
import { PARQUET_FILE, rawLabel } from './parquet-file.ts';
import { TEXT_TABLE, textTable } from './tables.ts';

/** Archives that are not read. */
export const OTHER_ARCHIVE = /\.(7z|rar|tbz2?|txz|tzst|tar\.(bz2|xz|zst|lz4))$/i;

/** @throws InputError always */
export function refuseArchive(path: string): never {
  throw new InputError(
    `${path}: archives of this kind are not read; extract it and pass the folder, or pack it as zip, tar or tar.gz`,
  );
}

/** @throws InputError always */
export function refuseTwice(archive: string, path: string): never {
  throw new InputError(`${archive}: it contains ${path} twice; pack it again`);
}

/** Files that say the label of an image of the same name: `7.cls`, `7.json` beside `7.png`, as WebDataset has them. */
const LABEL_FILE = /\.(cls|json)$/i;

const isClassFile = (path: string) => /\.cls$/i.test(path);

/** Whether a member is neither a folder, nor hidden, nor a system's own. */
const isVisible = (path: string): boolean =>
  !path.endsWith('/') &&
  !path.split('/').some((name) => (name.startsWith('.') && name !== '.') || isSystemFolder(name));

/** A path as other archives have it: without `./` before it, with forward slashes. */
export const tidyPath = (path: string): string => path.replaceAll('\\', '/').replace(/^(\.\/)+/, '');

export const isImage = (path: string): boolean => IMAGE_FILE.test(path) && isVisible(path);
const isMetadataFile = (path: string): boolean => isMetadata(path) && TEXT_TABLE.test(path) && isVisible(path);
/** Whether a text may say labels or splits of images, see `withMetadata` and `withLists`. */
export const isText = (path: string): boolean => isMetadataFile(path) || (isReadByLists(path) && isVisible(path));
export const isLabelFile = (path: string): boolean => LABEL_FILE.test(path) && isVisible(path);

/** What the files of one image share: the path up to the first dot of the name. */
export const keyOf = (path: string): string => path.replace(/([^/.]*)\.[^/]*$/, '$1');

/** Labels in files beside images. */
export interface LabelFiles {
  /** By `keyOf`. */
  readonly labels: Map<string, RawLabel>;
  /** Names of the texts and numbers in `.json` files. */
  readonly fields: Set<string>;
}

export const labelFiles = (): LabelFiles => ({ labels: new Map(), fields: new Set() });

/**
 * The label in a file beside an image: the text of a `.cls` file, or the field `label`, `class` … of a `.json` file, or the one that is
 * asked for.
 * @returns undefined where there is none
 */
function labelIn(path: string, bytes: Uint8Array, fields: Set<string>, options: DataOptions): RawLabel {
  const text = new TextDecoder().decode(bytes).trim();
  if (isClassFile(path)) return options.label === undefined ? labelOf(text) : undefined;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isRecord = content instanceof Object && !Array.isArray(content);
  const values = isRecord ? { ...(content as object) } : { label: content };
  const entries = Object.entries(values);
  const scalars = entries.flatMap(([name, value]) => (/^(string|number|boolean)$/.test(typeof value) ? [name] : []));
  const lists = entries.flatMap(([name, value]) =>
    Array.isArray(value) && rawLabel(value) !== undefined ? [name] : [],
  );
  for (const name of isRecord ? [...scalars, ...lists.filter((list) => labelColumn([list]))] : []) fields.add(name);
  const chosen = chooseLabel([...scalars, ...lists], options, () => labelColumn(scalars));
  const value: unknown = new Map(entries).get(chosen ?? '');
  if (Array.isArray(value)) return rawLabel(value); // one-hot, if asked for
  if (typeof value === 'boolean') return labelOf(String(Number(value)));
  if (typeof value === 'string' || Number.isInteger(value)) return labelOf(String(value));
  return typeof value === 'number' ? value : undefined;
}

/** Takes up the label in a file, if there is one. That of a `.cls` file counts, whatever a `.json` file says, unless a field is asked for. */
export function addLabel({ labels, fields }: LabelFiles, path: string, bytes: Uint8Array, options: DataOptions): void {
  const [key, label] = [keyOf(path), labelIn(path, bytes, fields, options)];
  if (label !== undefined && (isClassFile(path) || !labels.has(key))) labels.set(key, label);
}

/**
 * What labels in files beside the images are from, where a field is asked for, and a note where there are fields but no labels.
 * @throws InputError where no file has the field
 */
export function fieldOf(archive: string, { labels, fields }: LabelFiles, options: DataOptions) {
  const names = [...fields];
  const columns = labels.size > 0 ? names : [];
  const asked = names.length > 0 ? askedLabel(archive, columns, names, options) : {};
  return { ...asked, notes: labels.size > 0 ? [] : notesOnUnused(names, undefined, names) };
}

/** What is in an archive. */
export interface Contents {
  /** Names of all members, in the archive's order. */
  readonly paths: readonly string[];
  /** Labels in files beside the images; of many, a few. */
  readonly beside: LabelFiles;
  /** Texts beside the images, see `isText`. */
  readonly texts: ReadonlyMap<string, Uint8Array>;
}

/**
 * The parts of an archive. Its folders are parts and classes, as those on disk are; where files beside the images say their
 * labels, folders are not classes.
 * @param source makes a part of its paths; `beside` says whether labels are in files beside them
 * @throws InputError when there are no images, or the folders contradict each other
 */
export async function archiveSource(
  archive: string,
  { paths, beside: files, texts }: Contents,
  options: DataOptions,
  source: (part: PathPart, beside: boolean) => Pick<ImageSource, 'files' | 'stamp' | 'entries' | 'close'>,
): Promise<DataSource> {
  const images = paths.filter(isImage);
  if (images.length === 0) {
    const kinds = [...new Set(paths.filter(isVisible).map((path) => extname(path).toLowerCase() || path))];
    const found = kinds.length > 0 ? `files of ${kinds.slice(0, 8).join(', ')}` : 'nothing';
    throw new InputError(`${archive}: it contains no images, but ${found}; extract it and pass what holds the images`);
  }
  const seen = new Set<string>();
  const twice = images.find((path) => seen.size === seen.add(path).size);
  if (twice !== undefined) refuseTwice(archive, twice);
  const name = (path: string) => `${archive}:${path}`;
  const lines = (path: string) => linesIn(name(path), [texts.get(path) ?? new Uint8Array()]);
  const tables = [...texts.keys()].filter(isMetadataFile);
  const opened = tables.map(async (path) => ({ path, table: await textTable(name(path), () => lines(path)) }));
  const folders = arrangePaths(PathList.of(images.sort()), archive, options.classes ?? options.onlyClass);
  const arranged: ArrangedPaths & { readonly used: readonly string[]; readonly label?: string } =
    tables.length > 0
      ? { ...(await withMetadata(folders, await Promise.all(opened), archive, options)), used: tables }
      : await withLists(folders, [...texts.keys()], { name, lines, has: (path) => texts.has(path) });
  const { parts, classes, label, notes: onFolders } = arranged;
  const keys = new Set(images.map(keyOf));
  const used = new Set(arranged.used);
  const others = paths.filter(
    (path) =>
      isVisible(path) && !IMAGE_FILE.test(path) && !used.has(path) && !(LABEL_FILE.test(path) && keys.has(keyOf(path))),
  );
  const hidden = used.size > 0 ? [] : notesOnLabels(others);
  const notes = [...onFolders, ...notesOnOthers(others.sort())];
  const unread = others.find(
    (path) => (TEXT_TABLE.test(path) && !SUBMISSION.test(path)) || PARQUET_FILE.test(path) || saysSplits(path),
  );
  if (unread !== undefined)
    notes.push(`to read labels or splits from ${unread}, extract the archive, and pass the folder or that file`);
  else notes.push(...hidden);
  const beside = images.some((path) => files.labels.has(keyOf(path)));
  const { notes: onFields, ...field } = label === undefined ? fieldOf(archive, files, options) : { notes: [] };
  notes.push(...onFields);
  const sources = Object.entries(parts).map(([name, part]): [string, ImageSource] => [
    name,
    {
      name: name === 'all' ? archive : `${archive}/${name}`,
      count: part.paths.find(isTiff) === undefined ? part.paths.length : undefined,
      classes: beside ? undefined : classes,
      ...source(part, beside),
    },
  ]);
  if (!beside) return { ...Object.fromEntries(sources), ...(label !== undefined && { label }), notes };
  const said = 'labels are those of the files beside the images; folders are not classes';
  return { ...Object.fromEntries(sources), ...field, notes: classes ? [...notes, said] : notes };
}
