import { createReadStream } from 'node:fs';
import { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';
import { codeOf, fileError, InputError } from '../../io/errors.ts';
import { quoted } from '../../io/printable.ts';
import { closeStream } from '../../io/source.ts';

/** A line without end is no table. */
const MAX_LINE = 2 ** 26;

export interface Line {
  readonly text: string;
  /** From 1, as editors count. */
  readonly line: number;
}

/**
 * The lines of a text file that are not empty, gzipped where its name ends in `.gz`.
 * @throws InputError when it is missing, its gzip data are damaged, it is not UTF-8, or a line is too long
 */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  yield* linesIn(path, textOf(path));
}

/** What ends a line: as Unix, Windows and old Macs write. */
export const LINE_END = /\r\n?|\n/;

/** The decoder of a text: UTF-8, or UTF-16 where it begins with that mark, as PowerShell and Excel write. @param start of the text */
export function decoderOf(start: Uint8Array): TextDecoder {
  const mark = Buffer.from(start.subarray(0, 2)).toString('hex');
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding, { fatal: true });
}

/** Decodes text. @param path for the message @throws InputError when it is of another encoding, which would change names and labels */
export function decodeText(path: string, decoder: TextDecoder, bytes: Uint8Array, stream = false): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch {
    throw new InputError(
      `${path}: it is not UTF-8; convert it, as with iconv -f WINDOWS-1252 -t UTF-8 ${quoted(path)}`,
    );
  }
}

/** The lines of a text that are not empty. @param chunks pieces of it, as they are in the file */
export async function* linesIn(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  let rest = '';
  let line = 0;
  let decoder: TextDecoder | undefined;
  for await (const chunk of chunks) {
    decoder ??= decoderOf(chunk);
    const own = rest + decodeText(path, decoder, chunk, true);
    const end = own.endsWith('\r') ? own.length - 1 : own.length; // a line feed may follow in the next piece
    const lines = own.slice(0, end).split(own.includes('\r') ? LINE_END : '\n');
    rest = lines.pop() + own.slice(end);
    if (rest.length > MAX_LINE)
      throw new InputError(`${path}: line ${line + 1} is longer than ${MAX_LINE} characters; is it a table?`);
    for (const text of lines) {
      line++;
      if (line === 1 && /^sep=.$/.test(text)) continue; // as Excel writes and reads
      if (text.trim()) yield { text, line } satisfies Line;
    }
  }
  if (rest.trim()) yield { text: rest.replace(/\r$/, ''), line: line + 1 } satisfies Line;
}

async function* textOf(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path);
  const stream = /\.gz$/i.test(path) ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => stream.destroy(error));
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    if (!codeOf(error)?.startsWith('Z_')) throw fileError(error, `cannot read ${path}`);
    throw new InputError(
      `${path}: its compressed data are damaged (${(error as Error).message}); download or copy it again`,
    );
  } finally {
    await closeStream(file);
  }
}
