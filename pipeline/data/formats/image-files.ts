import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileError, stopIfAborted } from '../../io/errors.ts';
import { pagesOf } from '../decode.ts';
import type { ImageEntry, ImageSource, Piece, RawLabel } from '../image-source.ts';
import { fileStamp } from './stamp.ts';

/** An image file of a source. */
export interface ImageFile {
  readonly id: string;
  readonly label?: RawLabel;
  readonly path: string;
}

const TIFF = /\.tiff?$/i;
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
}: {
  readonly name: string;
  readonly count: number;
  readonly classes?: readonly string[] | undefined;
  readonly files: () => Iterable<ImageFile>;
  readonly signal?: AbortSignal | undefined;
  readonly pageId?: (id: string, page: number, pages: number) => string;
}): ImageSource {
  let stacked = false;
  for (const { path } of files()) stacked ||= TIFF.test(path);
  return {
    name,
    count: stacked ? undefined : count,
    classes,
    pieces: pageId ? undefined : () => piecesOf(files()),
    async stamp() {
      const hash = createHash('sha256');
      for await (const batch of inBatches(files(), signal)) {
        const lines = batch.map(({ id, label, path }) => {
          const stats = statSync(path, { throwIfNoEntry: false });
          return `${id}\0${label ?? ''}\0${stats ? fileStamp(path, stats) : `${resolve(path)} missing`}\n`;
        });
        hash.update(lines.join(''));
      }
      return hash.digest('hex');
    },
    async *entries() {
      for (const file of files()) {
        if (TIFF.test(file.path)) yield* pagesOfFile(file, pageId ?? ((id, page) => `${id}#${page}`));
        else
          yield {
            id: file.id,
            label: file.label,
            where: file.path,
            read: async () => ({ bytes: await load(file.path) }),
          };
      }
    },
    close: async () => {},
  };
}

function* piecesOf(files: Iterable<ImageFile>): Generator<Piece> {
  for (const file of files) yield { kind: 'file', ...file };
}

/** The pages of a TIFF, which is read once for all of them. */
async function* pagesOfFile(
  { id, label, path }: ImageFile,
  pageId: (id: string, page: number, pages: number) => string,
): AsyncIterable<ImageEntry> {
  const reading = load(path);
  const pages = await reading.then(
    (bytes) => pagesOf({ bytes }),
    () => 1, // `read` says why
  );
  const bytes = pages === 1 ? () => load(path) : () => reading;
  for (let page = 0; page < pages; page++) {
    const own = pages === 1 ? { id, where: path } : { id: pageId(id, page, pages), where: `${path} page ${page}` };
    yield { ...own, label, read: async () => ({ bytes: await bytes(), page }) };
  }
}

const load = (path: string): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => {
    throw fileError(error, `cannot read ${path}`);
  });

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
