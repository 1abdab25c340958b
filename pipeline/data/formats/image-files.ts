import { createHash } from 'node:crypto';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { stopIfAborted } from '../../io/errors.ts';
import { statsOf } from '../../io/folders.ts';
import { openFile, readUpTo } from '../../io/source.ts';
import { pagesOf } from '../decode.ts';
import type { ImageEntry, ImageSource, Piece, RawLabel } from '../image-source.ts';
import { stampNumbers } from './stamp.ts';

/** An image file of a source. */
export interface ImageFile {
  readonly id: string;
  readonly label?: RawLabel;
  readonly path: string;
}

/** Whether a file may hold several images, by its name. */
export const isTiff = (path: string): boolean => /\.tiff?$/i.test(path);

type PageId = (id: string, page: number, pages: number) => string;

/** Files between two looks at the signal: about 20 ms. */
export const BATCH = 5000;

/**
 * Image files as a source. Pages of a TIFF are images of their own.
 * @param files may be called several times
 * @param pageId id of page `page` of `pages`, by default `<id>#<page>`
 */
export function imageFileSource({
  name,
  count,
  classes,
  files,
  signal,
  pageId,
  stacked,
}: {
  readonly name: string;
  readonly count: number;
  readonly classes?: readonly string[] | undefined;
  readonly files: () => Iterable<ImageFile>;
  readonly signal?: AbortSignal | undefined;
  readonly pageId?: PageId;
  /** Whether a file may hold several images, where that is known. */
  readonly stacked?: boolean;
}): ImageSource {
  if (stacked === undefined) for (const { path } of files()) stacked ||= isTiff(path);
  return {
    name,
    count: stacked ? undefined : count,
    classes,
    files: pageId && Array.from(files(), ({ path }) => path),
    pieces: pageId ? undefined : () => piecesOf(files()),
    async stamp() {
      const hash = createHash('sha256');
      const absolute = resolver();
      for await (const batch of inBatches(files(), signal)) {
        const numbers = new Float64Array(3 * batch.length).fill(-1); // of missing files
        const lines = batch.map(({ id, label, path }, i) => {
          const stats = statsOf(path);
          if (stats) numbers.set(stampNumbers(stats), 3 * i);
          return `${id}\0${label ?? ''}\0${absolute(path)}\n`;
        });
        hash.update(lines.join('')).update(numbers); // as text, numbers take longer than to ask for them
      }
      return hash.digest('hex');
    },
    async *entries() {
      for (const { id, label, path } of files()) {
        const entry = { id, label, where: path, read: async () => ({ bytes: await load(path) }) };
        yield* isTiff(path) ? pagesOfTiff(entry, pageId) : [entry];
      }
    },
    close: async () => {},
  };
}

/** Gives absolute paths. Files of a folder come together, so that each folder is resolved once. */
function resolver(): (path: string) => string {
  let [folder, resolved] = ['', join(resolve(), sep)];
  return (path) => {
    if (isAbsolute(path)) return path;
    const end = path.lastIndexOf('/') + 1;
    if (!path.startsWith(folder) || end !== folder.length) {
      folder = path.slice(0, end);
      resolved = join(resolve(folder), sep);
    }
    return resolved + path.slice(end);
  };
}

function* piecesOf(files: Iterable<ImageFile>): Generator<Piece> {
  for (const file of files) yield { kind: 'file', ...file };
}

/**
 * The pages of a TIFF, which is read once for all of them.
 * @param pageId id of page `page` of `pages`
 */
export async function* pagesOfTiff(
  entry: ImageEntry,
  pageId: PageId = (id, page) => `${id}#${page}`,
): AsyncGenerator<ImageEntry> {
  const reading = entry.read();
  const pages = await reading.then(
    (image) => ('bytes' in image ? pagesOf(image) : [0]),
    () => [0], // `read` says why
  );
  for (const page of Array.from(pages)) {
    const read = async () => ({ ...(await reading), page });
    const count = (pages[pages.length - 1] as number) + 1;
    if (pages.length === 1) yield { ...entry, read };
    else yield { ...entry, id: pageId(entry.id, page, count), where: `${entry.where} page ${page}`, read };
  }
}

/** @throws InputError for a pipe, too, which would be waited for */
async function load(path: string): Promise<Buffer> {
  const file = await openFile(path);
  return readUpTo(file, file.size).finally(() => file.close());
}

/** Items in batches; signals arrive in between. @throws Interrupted, or the signal's reason */
async function* inBatches<T>(items: Iterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < BATCH) continue;
    yield batch;
    batch = [];
    await setImmediate();
    stopIfAborted(signal);
  }
  stopIfAborted(signal);
  yield batch;
}
