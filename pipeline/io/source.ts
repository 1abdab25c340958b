import { randomUUID } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createInflateRaw, gunzipSync, inflateRawSync } from 'node:zlib';
import { codeOf, EnvironmentError, InputError, withFileErrors } from './errors.ts';

/** Bytes that are read by position: a file, a part of one, or the contents of a compressed one. */
export interface ByteSource {
  /** For messages: the path, and the member of an archive. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Where the bytes begin in a file, unless they are in one that has no path any more. */
  readonly file?: { readonly path: string; readonly offset: number } | undefined;
  /**
   * Fills `target` with the bytes from `position` on.
   * @throws InputError when the file ends before that
   */
  read(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** Whether a file that begins with these bytes is gzipped. */
export const isGzip = (magic: Uint8Array): boolean => magic[0] === 0x1f && magic[1] === 0x8b;

/** A read call is limited to less than 2 GiB. */
const MAX_READ = 2 ** 30;
const CHUNK = 2 ** 18;

/**
 * Opens a regular file for reading by position.
 * @throws InputError when it is missing, a folder, a pipe or a device
 */
export async function openFile(path: string): Promise<ByteSource> {
  return withFileErrors(`cannot read ${path}`, async () => {
    const stats = await stat(path); // before opening, since opening a pipe without a writer never returns
    if (!stats.isFile()) {
      const what = stats.isDirectory() ? 'a folder' : 'a pipe or a device';
      throw new InputError(`${path}: it is ${what}; a file was expected`);
    }
    return { ...sourceOf(path, await open(path, 'r'), stats.size), file: { path, offset: 0 } };
  });
}

/**
 * Opens a file for reading by position. A gzipped one, recognized by its first bytes, is inflated into a temporary file,
 * which disappears when the source is closed or the process ends in any way.
 * @throws InputError when the file is missing or its gzip data are damaged; EnvironmentError when it cannot be inflated
 * into the temporary folder
 */
export async function openSource(path: string): Promise<ByteSource> {
  const file = await openFile(path);
  return closeOnError(file, async () => {
    if (!isGzip(await readUpTo(file, 2))) return file;
    const inflated = await inflate(path, chunksOf(file, 0, file.size), 'gzip');
    await file.close();
    return inflated;
  });
}

/**
 * Inflates compressed bytes into a temporary file.
 * @param name for messages
 * @param through receives every inflated chunk; its errors end the inflation
 */
export async function inflate(
  name: string,
  compressed: AsyncIterable<Uint8Array>,
  form: 'gzip' | 'deflate',
  through: (chunk: Buffer) => void = () => {},
): Promise<ByteSource> {
  const inflater = form === 'gzip' ? createGunzip({ chunkSize: CHUNK }) : createInflateRaw({ chunkSize: CHUNK });
  return temporaryFile(name, 'inflate', async (handle) => {
    await pipeline(compressed, inflater, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        through(chunk);
        await handle.appendFile(chunk);
      }
    });
  });
}

/**
 * A temporary file, which disappears when the source is closed or the process ends in any way.
 * @param name for messages: what the contents are of
 * @param verb what is done to that, for messages
 * @throws EnvironmentError when the temporary folder cannot hold it; InputError where compressed data are damaged; what `write` throws
 */
export async function temporaryFile(
  name: string,
  verb: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<ByteSource> {
  const folder = tmpdir();
  try {
    const path = join(folder, `convae-${randomUUID()}`);
    const handle = await open(path, 'wx+', 0o600);
    return await closeOnError(handle, async () => {
      await unlink(path); // the system frees it when the handle is closed or the process ends
      await write(handle);
      return sourceOf(name, handle, (await handle.stat()).size);
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const { message } = error as Error;
    if (code.startsWith('Z_')) {
      throw new InputError(`${name}: its compressed data are damaged (${message}); download or copy it again`);
    }
    const reason = code === 'ENOSPC' ? 'the disk is full' : message;
    throw new EnvironmentError(
      `cannot ${verb} ${name} into the temporary folder ${folder}: ${reason}; set TMPDIR to a folder with more space, or ${verb} the file yourself`,
      { cause: error },
    );
  }
}

/** Compressed bytes whose contents are held in memory: at most a thousand times as many. */
const BEGINNING = 2 ** 16;

/**
 * Inflates the beginning of compressed bytes in memory.
 * @returns what could be inflated: nothing where they are damaged
 */
export function inflateStart(beginning: Uint8Array, form: 'gzip' | 'deflate'): Buffer {
  const inflateSync = form === 'gzip' ? gunzipSync : inflateRawSync;
  try {
    return inflateSync(beginning.subarray(0, BEGINNING), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}

/** Bytes in memory as a source. */
export const memorySource = (name: string, bytes: Uint8Array): ByteSource => ({
  name,
  size: bytes.length,
  async read(target, position) {
    target.set(bytes.subarray(position, position + target.length));
  },
  async close() {},
});

function sourceOf(name: string, handle: FileHandle, size: number): ByteSource {
  let closed: Promise<void> | undefined;
  return {
    name,
    size,
    async read(target, position) {
      for (let done = 0; done < target.length; ) {
        const length = Math.min(target.length - done, MAX_READ);
        const { bytesRead } = await withFileErrors(`cannot read ${name}`, () =>
          handle.read(target, done, length, position + done),
        );
        if (bytesRead === 0) {
          throw new InputError(
            `${name}: it ends at byte ${position + done}, ${target.length - done} more were expected; was it changed while it was being read?`,
          );
        }
        done += bytesRead;
      }
    },
    close() {
      closed ??= handle.close();
      return closed;
    },
  };
}

/** `size` bytes of a source from `start` on; closing the slice closes the source. */
export const sliceOf = (source: ByteSource, name: string, start: number, size: number): ByteSource => ({
  name,
  size,
  file: source.file && { path: source.file.path, offset: source.file.offset + start },
  read: (target, position) => source.read(target, start + position),
  close: () => source.close(),
});

/** `count` bytes from `position` on, or fewer at the end. */
export async function readUpTo(source: ByteSource, count: number, position = 0): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, Math.min(count, source.size - position)));
  await source.read(bytes, position);
  return bytes;
}

/** The bytes from `start` to before `end`, in order. */
export async function* chunksOf(source: ByteSource, start: number, end: number): AsyncGenerator<Buffer> {
  for (let position = start; position < end; position += CHUNK) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, end - position));
    await source.read(chunk, position);
    yield chunk;
  }
}

/** Runs `work`; if it fails, closes `open` before rethrowing. */
export async function closeOnError<T>(open: { close(): Promise<unknown> }, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await open.close();
    throw error;
  }
}

/**
 * Closes a stream of a file, which may have been read in part only. Node then reports the rest as an error, which is none here:
 * whoever reads the stream handles its errors.
 */
export async function closeStream(stream: ReadStream): Promise<void> {
  stream.destroy();
  if (!stream.closed) await new Promise<void>((resolve) => stream.once('close', () => resolve()));
}
