import { createReadStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { codeOf, fileError, InputError } from '../../io/errors.ts';
import { counted } from '../../io/printable.ts';
import { closeStream, isGzip, openFile, readUpTo } from '../../io/source.ts';
import type { DataSource, ImageEntry, RawLabel } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { notesOnPairs } from '../paths.ts';
import { saysNothing } from '../split-names.ts';
import {
  addLabel,
  archiveSource,
  fieldOf,
  isImage,
  isLabelFile,
  isText,
  keyOf,
  labelFiles,
  refuseTwice,
  tidyPath,
} from './archive.ts';
import { isTiff, pagesOfTiff } from './image-files.ts';
import { type Shard, shardedSource, shardsOf, withClasses } from './shards.ts';
import { stampOf } from './stamp.ts';

/** Names of tar archives. */
export const TAR_FILE = /\.(tar|tar\.gz|tgz)$/i;

/** Bytes of a member that is read into memory. */
const MAX_MEMBER = 2 ** 30;

/** A file in a tar archive. */
interface TarFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/**
 * Locates the images of tar archives, gzipped or not, see `archiveSource`; in a folder of archives (WebDataset's shards) the
 * archives' names say the part, and an image's class is its folder, or the name of the archive (ImageNet). Archives are read
 * from beginning to end, an image at a time; nothing is extracted to disk. Ids are paths in the archive, after the archive's
 * name where there are several.
 * @param path of an archive, or of a folder of archives
 * @throws InputError when an archive is damaged or contains no images
 */
export async function tarSource(path: string, options: DataOptions = {}): Promise<DataSource> {
  const shards = await shardsOf(path, TAR_FILE);
  const [first] = shards;
  const notes: string[] = [];
  for (const shard of shards) {
    if (await isEnded(shard.path)) continue;
    notes.push(`${shard.path}: the mark of its end is missing; it may be cut short`);
  }
  if (shards.length === 1 && first) {
    const source = await singleSource(first.path, options);
    return { ...source, notes: [...source.notes, ...notes] };
  }
  const { paths, beside, links } = await firstFiles(first?.path, options);
  const { notes: onFields, ...field } = fieldOf(path, beside, options);
  notes.push(...notesOnPairs(paths.sort()), ...onFields, ...notesOnLinks(links));
  const named = withClasses(shards);
  const isUnsaid = (image: string) =>
    dirname(image)
      .split('/')
      .every((folder) => folder === '.' || folder === named?.[0]?.label || saysNothing(folder));
  const unsaid = beside.labels.size === 0 && beside.fields.size === 0 && paths.every(isUnsaid);
  if (unsaid) {
    const names = shards.map((shard) => basename(shard.path)).slice(0, 2);
    const what = named ? 'classes by their names' : 'parts by their names, not classes';
    notes.push(`${names.join(', ')}${shards.length > 2 ? ' …' : ''} are ${what}`);
  }
  return { ...shardsSource(path, unsaid && named ? named : shards, notes, options), ...field };
}

/** A block of a tar archive; one of zeros is the mark of its end. */
const BLOCK = 512;

/** Whether an archive ends as it should, where this can be seen without reading it. */
async function isEnded(path: string): Promise<boolean> {
  const file = await openFile(path);
  try {
    const end = await readUpTo(file, BLOCK, Math.max(0, file.size - BLOCK));
    return isGzip(await readUpTo(file, 2)) || end.every((byte) => byte === 0);
  } finally {
    await file.close();
  }
}

/** Images whose names are looked at. */
const FIRST = 100;

/** Paths of the first images of an archive, links among them, and labels in files beside them. */
async function firstFiles(archive: string | undefined, options: DataOptions) {
  const [paths, links]: [string[], string[]] = [[], []];
  const beside = labelFiles();
  const wanted = (name: string) => isImage(name) || isLabelFile(name);
  for await (const { path, bytes } of archive === undefined
    ? []
    : filesOf(archive, wanted, (link) => links.push(link))) {
    if (!isImage(path)) addLabel(beside, path, bytes, options);
    else if (paths.push(path) === FIRST) break;
  }
  return { paths, beside, links };
}

async function singleSource(path: string, options: DataOptions): Promise<DataSource> {
  const paths: string[] = [];
  const beside = labelFiles();
  const texts = new Map<string, Buffer>();
  const links: string[] = [];
  const wanted = (name: string) => {
    paths.push(name);
    return isText(name) || isLabelFile(name);
  };
  for await (const file of filesOf(path, wanted, (link) => links.push(link))) {
    if (isText(file.path)) texts.set(file.path, file.bytes);
    else addLabel(beside, file.path, file.bytes, options);
  }
  const source = await archiveSource(path, { paths, beside, texts }, options, (part, isBeside) => {
    const own = new Set(part.paths);
    return {
      files: [path],
      stamp: () => stampOf([path]),
      async *entries() {
        for await (const file of filesOf(path, (name) => own.has(name))) {
          const label = isBeside ? beside.labels.get(keyOf(file.path)) : part.label(file.path);
          yield* entriesOf(path, file, part.id(file.path), label);
        }
      },
      close: async () => {},
    };
  });
  return { ...source, notes: [...source.notes, ...notesOnLinks(links)] };
}

/** A note on links to images, which have no contents of their own in an archive. */
const notesOnLinks = (links: readonly string[]): string[] =>
  links.length === 0
    ? []
    : [
        `left out: ${counted(links.length, 'link')}, such as ${links[0]}; to read what they lead to, pack it with tar --dereference --hard-dereference`,
      ];

function shardsSource(
  path: string,
  shards: readonly Shard[],
  notes: readonly string[],
  options: DataOptions,
): DataSource {
  return shardedSource(path, shards, notes, (name, own) => ({
    name,
    pieces: () => own.map(({ path, label }) => ({ kind: 'tar', path, ...(label !== undefined && { label }) })),
    stamp: async () =>
      [await stampOf(own.map((shard) => shard.path)), ...own.map(({ label = '' }) => label)].join('\n'),
    entries: () => entriesOfShards(own, options),
    close: async () => {},
  }));
}

/**
 * The images of some archives of a set of several.
 * @param shards `label`: the class of images without a label beside them, whatever their folder
 * @throws InputError when one is missing, damaged or not in order
 */
export async function* entriesOfShards(
  shards: readonly { readonly path: string; readonly label?: string | undefined }[],
  options: DataOptions = {},
): AsyncGenerator<ImageEntry> {
  for (const { path, label: own } of shards) {
    for await (const { file, label } of imagesOf(path, options)) {
      const folder = basename(dirname(file.path));
      const id = `${basename(path)}/${file.path}`;
      yield* entriesOf(path, file, id, label ?? own ?? (folder === '.' ? undefined : folder));
    }
  }
}

/** A file's image, or those of its pages. */
function entriesOf(archive: string, { path, bytes }: TarFile, id: string, label: RawLabel) {
  const entry = { id, label, where: `${archive}:${path}`, read: async () => ({ bytes }) };
  return isTiff(path) ? pagesOfTiff(entry) : [entry];
}

/**
 * The images of an archive, with the labels that files beside them say. It is read once: a label comes before its image, or next to it.
 * @throws InputError when a label comes later, or an image is there twice
 */
async function* imagesOf(archive: string, options: DataOptions): AsyncGenerator<{ file: TarFile; label: RawLabel }> {
  const beside = labelFiles();
  const { labels } = beside;
  const [paths, unlabelled] = [new Set<string>(), new Set<string>()];
  let group: TarFile[] = [];
  const flush = function* () {
    for (const file of group) {
      const key = keyOf(file.path);
      if (!labels.has(key)) unlabelled.add(key);
      yield { file, label: labels.get(key) };
    }
    group = [];
  };
  for await (const file of filesOf(archive, (path) => isImage(path) || isLabelFile(path))) {
    const { path, bytes } = file;
    if (group[0] && keyOf(group[0].path) !== keyOf(path)) yield* flush();
    if (isImage(path)) {
      if (paths.has(path)) refuseTwice(archive, path);
      paths.add(path);
      group.push(file);
    } else {
      addLabel(beside, path, bytes, options);
      if (!labels.has(keyOf(path)) || !unlabelled.has(keyOf(path))) continue;
      throw new InputError(
        `${archive}: ${path}, which says a label, is not next to its image; pack it again with tar --sort=name`,
      );
    }
  }
  yield* flush();
}

/**
 * The wanted files of an archive, in its order.
 * @param onLink receives the paths of links to images, which are no files
 * @throws InputError when it is missing or damaged, or a name is not UTF-8
 */
async function* filesOf(
  archive: string,
  wanted: (path: string) => boolean,
  onLink?: (path: string) => void,
): AsyncGenerator<TarFile> {
  const opened = await openFile(archive);
  const magic = await readUpTo(opened, 2).finally(() => opened.close());
  const members = extract();
  const file = createReadStream(archive);
  const feeding = isGzip(magic) ? pipeline(file, createGunzip(), members) : pipeline(file, members);
  const ended = feeding.then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    for await (const member of members) {
      const path = tidyPath(member.header.name);
      if (isLink(member.header) && isImage(path)) onLink?.(path);
      if (path.includes('\ufffd') && isImage(path))
        throw new InputError(`${archive}: the name of ${path} is not UTF-8; rename it, and pack it again`);
      if (isFile(member.header) && wanted(path)) yield { path, bytes: await contentsOf(member, archive) };
      else member.resume();
    }
    const error = await ended;
    if (error) throw error;
  } catch (error) {
    members.destroy();
    if (error instanceof InputError) throw error;
    const cause = (await ended) ?? error;
    const message = cause instanceof Error ? cause.message : String(cause);
    if (codeOf(cause)?.startsWith('E') && !codeOf(cause)?.startsWith('ERR_'))
      throw fileError(cause, `cannot read ${archive}`);
    throw new InputError(`${archive}: cut short or damaged (${message}); download or copy it again`, { cause });
  } finally {
    members.destroy();
    await closeStream(file);
  }
}

const isLink = ({ type }: Header) => type === 'link' || type === 'symlink';
const isFile = ({ type }: Header) => type === 'file' || type === 'contiguous-file';

async function contentsOf(member: AsyncIterable<unknown> & { header: Header }, archive: string): Promise<Buffer> {
  const { name, size } = member.header;
  if (size > MAX_MEMBER) throw new InputError(`${archive}:${name}: ${size} bytes are too many to hold in memory`);
  const chunks: Buffer[] = [];
  for await (const chunk of member as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
