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
    decoder ??= new TextDecoder(chunk[0] === 0xff && chunk[1] === 0xfe ? 'utf-16le' : 'utf-8', { fatal: true }); // as PowerShell writes
    const lines = (rest + decodeText(path, decoder, chunk, true)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE)
      throw new InputError(`${path}: line ${line + 1} is longer than ${MAX_LINE} characters; is it a table?`);
    for (const text of lines) {
      line++;
      if (line === 1 && /^sep=.\r?$/.test(text)) continue; // as Excel writes and reads
      if (text.trim()) yield { text: text.replace(/\r$/, ''), line } satisfies Line;
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
