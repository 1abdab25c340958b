import { constants, readdirSync, readFileSync } from 'node:fs';
import { access, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IMAGE_INDEX_FORMAT, type ImageIndex, imageIndex, partNames } from '../artifacts/image-index.ts';
import { cacheFolder } from '../io/cache.ts';
import { sha256 } from '../io/digest.ts';
import { fileError, ignoreMissing, withFileErrors } from '../io/errors.ts';
import { makeFolder } from '../io/folders.ts';
import { publishFile, publishFolder } from '../io/publish.ts';
import { sweep } from '../io/staging.ts';
import { findDamage } from '../io/sums.ts';
import { bytesPerImage } from './dataset.ts';
import { PIXELS } from './pixel-files.ts';

/** A data set of which every image was read once, and where its pixels are. */
export interface Prepared {
  readonly folder: string;
  readonly index: ImageIndex;
  /** As its `DataSource` has it. */
  readonly label?: string | undefined;
}

const INDEX = 'index.json';

/** The folder of decoded images. @param cache a folder of the user's own */
export const imageCache = (cache = join(cacheFolder(), 'images')): string => resolve(cache);

/**
 * The folder to put decoded images into; a temporary one where the user's cache folder cannot be written.
 * @throws InputError or EnvironmentError when the user's own folder cannot
 */
export async function writableCache(cache?: string): Promise<string> {
  const own = imageCache(cache);
  try {
    await makeFolder(own);
    await access(own, constants.W_OK);
    return own;
  } catch (error) {
    if (cache !== undefined) throw fileError(error, `cannot use --cache ${cache}`);
    const temporary = imageCache(join(tmpdir(), 'convae-images'));
    await withFileErrors(`cannot use ${temporary}; give another folder with --cache`, () => makeFolder(temporary));
    return temporary;
  }
}

/** What pixels depend on. */
interface Contents {
  /** A text for each part that changes when its files do. */
  readonly stamps: Readonly<Record<string, string>>;
  /** What was asked for: options, or a preprocessing. */
  readonly wanted: unknown;
}

/**
 * A digest of the code that reads images: what another version has read, perhaps with other pixels or labels, is read again.
 * @param pipeline the folder of this room and of `io`, source or compiled
 */
export function readersIn(pipeline: string): string {
  const files = ['data', 'io'].flatMap((room) =>
    readdirSync(join(pipeline, room), { recursive: true, encoding: 'utf8' }).map((name) => join(room, name)),
  );
  const code = files.filter((file) => /\.[jt]s$/.test(file)).sort();
  return sha256(code.map((file) => `${file}\n${readFileSync(join(pipeline, file), 'utf8')}`).join('\0'));
}

let readers: string | undefined;

function nameOf({ stamps, wanted }: Contents): string {
  readers ??= readersIn(fileURLToPath(new URL('..', import.meta.url)));
  return [[IMAGE_INDEX_FORMAT, readers, stamps], wanted]
    .map((value) => sha256(JSON.stringify(value)).slice(0, 16))
    .join('-');
}

/** A file beside a set's folder that names it: options and the preprocessing that follows from them give the same pixels. */
const LINK = '.same';

/** Finds a data set in the cache. @returns undefined where it is not there, or damaged */
export async function findPrepared(cache: string, contents: Contents): Promise<Prepared | undefined> {
  await sweep(cache); // what is found is not written again, which would sweep
  const name = nameOf(contents);
  const same = await readFile(join(cache, `${name}${LINK}`), 'utf8').catch(() => undefined);
  for (const candidate of [name, ...(same === undefined ? [] : [same])]) {
    const folder = join(cache, candidate);
    const index = await readIndex(folder).catch(() => undefined);
    if (!index) continue;
    const now = new Date(); // the time of the last use; the folder may belong to another user
    await utimes(join(folder, INDEX), now, now).catch(() => {});
    return { folder, index };
  }
  return undefined;
}

/** The index of a folder whose files are as they were written; pixels have the sizes that it gives, and are compared when they are read. */
async function readIndex(folder: string): Promise<ImageIndex | undefined> {
  if ((await findDamage(folder, (name) => !PIXELS.test(name))) !== undefined) return undefined;
  const index = imageIndex.parse(JSON.parse(await readFile(join(folder, INDEX), 'utf8')));
  const bytes = bytesPerImage(index.preprocessing);
  for (const name of partNames) {
    for (const { path, offset, images, sums } of index.parts[name]?.files ?? []) {
      const own = PIXELS.test(path) && !sums; // of an earlier version
      if (own && (await findDamage(folder, (other) => other === path)) !== undefined) return undefined;
      const { size } = await stat(resolve(folder, path));
      if (size < offset + images * bytes) return undefined;
    }
  }
  return index;
}

/**
 * Puts a data set into the cache, complete or not at all. Several processes may do so at the same time.
 * @param write fills the folder and gives the index
 * @throws EnvironmentError or InputError when the cache cannot be written; what `write` throws
 */
export async function publishPrepared(
  cache: string,
  { stamps, wanted }: Contents,
  write: (folder: string) => Promise<ImageIndex>,
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const name = nameOf({ stamps, wanted });
  const folder = join(cache, name);
  const published = () => readIndex(folder).catch(() => undefined);
  const damaged = !(await published());
  if (damaged) await withFileErrors(`cannot write ${folder}`, () => rm(folder, { recursive: true, force: true }));
  let index: ImageIndex | undefined;
  const fill = async (path: string) => {
    index = await write(path);
    await writeFile(join(path, INDEX), JSON.stringify(index));
  };
  try {
    await publishFolder(folder, fill, { signal });
  } catch (error) {
    const theirs = index && !signal?.aborted ? await published() : undefined;
    if (!theirs) throw error;
    index = theirs; // another process was faster
  }
  const same = nameOf({ stamps, wanted: index?.preprocessing });
  if (same !== name) await publishFile(join(cache, `${same}${LINK}`), (path) => writeFile(path, name), { signal });
  return { folder, index: index as ImageIndex };
}

/** Names of sets, of links to them, and of what a killed process has left. */
const OWN = /^\.?[0-9a-f]{16}-[0-9a-f]{16}\b/;

/** Bytes of a folder's files. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  let bytes = 0;
  for (const file of files) bytes += (await stat(file)).size;
  return bytes;
}

/** Deletes all decoded images. @returns the bytes that were freed */
export async function clearImageCache(cache: string): Promise<number> {
  return withFileErrors(`cannot clear ${cache}`, async () => {
    await sweep(cache);
    let bytes = 0;
    for (const entry of (await readdir(cache).catch(ignoreMissing)) ?? []) {
      if (!OWN.test(entry)) continue;
      const path = join(cache, entry);
      bytes += (await stat(path)).isDirectory() ? await sizeOf(path) : 0;
      await rm(path, { recursive: true, force: true });
    }
    return bytes;
  });
}

/** Bytes of decoded images in convae's cache folder, beyond which those that were used longest ago are deleted. */
const LIMIT = 20 * 2 ** 30;
/** Milliseconds after its last use in which a set is kept in any case: a run may be reading it. */
const IN_USE = 24 * 3600 * 1000;

/** Deletes sets that were used longest ago until the others have at most `limit` bytes; what is in use stays. */
export async function pruneImageCache(cache: string, limit = LIMIT): Promise<void> {
  const names = (await readdir(cache)).filter((name) => OWN.test(name) && !name.endsWith(LINK));
  const sets = await Promise.all(
    names.map(async (name) => {
      const folder = join(cache, name);
      const used = await stat(join(folder, INDEX)).catch(() => stat(folder));
      return { folder, used: used.mtimeMs, bytes: await sizeOf(folder) };
    }),
  );
  let total = 0;
  for (const { folder, used, bytes } of sets.sort((a, b) => b.used - a.used)) {
    total += bytes;
    if (total > limit && Date.now() - used > IN_USE) await rm(folder, { recursive: true, force: true });
  }
}
