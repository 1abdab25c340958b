import { appendFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dump, parse } from 'npyjs';
import { InputError } from './errors.ts';
import { printable } from './printable.ts';
import { type ByteSource, readUpTo } from './source.ts';

/** Type of an array's numbers, or of its texts. `name` is numpy's: uint8, float32, str. */
export interface NumberType {
  readonly name: string;
  readonly kind: 'uint' | 'int' | 'float' | 'complex' | 'bool' | 'text';
  readonly bytes: number;
  readonly littleEndian: boolean;
}

/** A dense array inside a file. */
export interface ArrayFile {
  readonly source: ByteSource;
  /** Position of the first number. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly type: NumberType;
  /** Whether the first axis varies fastest, as in Fortran; otherwise the last does, as in C. */
  readonly fortran?: boolean | undefined;
}

/** `60000×28×28 uint8`. */
export const describeArray = ({ shape, type }: Pick<ArrayFile, 'shape' | 'type'>): string =>
  `${shape.join('×') || 'one'} ${type.name}`;

/**
 * Checks that a file's size agrees with its header.
 * @throws InputError
 */
export function checkSize(array: ArrayFile): ArrayFile {
  const { source, offset, shape, type } = array;
  const expected = offset + shape.reduce((product, side) => product * side, type.bytes);
  if (source.size === expected) return array;
  const wrong = source.size < expected ? 'truncated' : 'too long';
  throw new InputError(
    `${source.name}: ${wrong}: it has ${source.size} bytes, ${expected} were expected for ${describeArray(array)}; download or copy it again`,
  );
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
/** Bytes of a header; numpy itself trusts at most 10,000. */
const MAX_HEADER = 2 ** 20;
const MAX_DIMENSIONS = 8;
const KINDS: Readonly<Record<string, NumberType['kind']>> = { u: 'uint', i: 'int', f: 'float', c: 'complex' };

/** Whether a file that begins with these bytes is an npy file. */
export const isNpy = (magic: Uint8Array): boolean => MAGIC.equals(magic.subarray(0, MAGIC.length));

/**
 * Reads the header of an npy array, versions 1.0 to 3.0: magic, version, length of the header, and the header itself,
 * a Python dictionary with `descr`, `fortran_order` and `shape`.
 * @throws InputError when it is not npy, or holds objects
 */
export async function readNpyHeader(source: ByteSource): Promise<ArrayFile> {
  const start = await readUpTo(source, 12);
  if (!isNpy(start)) throw new InputError(`${source.name}: it is not an npy array: it does not start with \\x93NUMPY`);
  const version = start[6];
  if (version !== undefined && (version < 1 || version > 3)) {
    throw new InputError(`${source.name}: npy version ${version} is not known; save the array as version 1, 2 or 3`);
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const headerAt = 8 + lengthBytes;
  const offset = start.length < headerAt ? headerAt : headerAt + start.readUIntLE(8, lengthBytes);
  if (offset > source.size) {
    throw new InputError(
      `${source.name}: cut short inside its npy header: ${offset} bytes were expected at least, it has ${source.size}; download or copy it again`,
    );
  }
  if (offset > MAX_HEADER) throw new InputError(`${source.name}: its npy header of ${offset} bytes is damaged`);
  const header = await readUpTo(source, offset - headerAt, headerAt);
  const { descr, fortranOrder, shape } = parseHeader(header.toString(version === 3 ? 'utf8' : 'latin1'), source.name);
  return { source, offset, shape, type: typeOf(descr, source.name), fortran: fortranOrder && shape.length > 1 };
}

/** Writes numbers as an npy array. */
export async function writeArray(
  path: string,
  numbers: Float32Array | Float64Array | Int32Array,
  shape: number[],
): Promise<void> {
  await writeFile(path, new Uint8Array(dump(numbers, shape)));
}

/** Reads a float32 npy array into memory. @throws Error when it is of another type or shape */
export async function readFloats(path: string, shape: readonly number[]): Promise<Float32Array> {
  const { data, shape: found } = parse(new Uint8Array(await readFile(path)).buffer);
  if (data instanceof Float32Array && found.join() === shape.join()) return data;
  throw new Error(`${path}: not float32 ${shape.join('×')}`);
}

/**
 * Writes latents, without ids and labels, as an npy array, float32 `[rows, size]`, batch by batch.
 * @param path of a file that is overwritten
 */
export function npyWriter(path: string, { rows, size }: { rows: number; size: number }) {
  writeFileSync(path, new Uint8Array(dump(new Float32Array(0), [rows, size]))); // only the header
  return {
    async write({ latents }: { readonly latents: Float32Array }): Promise<void> {
      appendFileSync(path, new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength));
    },
    async finish(): Promise<void> {},
  };
}

function parseHeader(text: string, name: string) {
  const descr = /(['"])descr\1\s*:\s*(['"])([^'"]*)\2/.exec(text)?.[3];
  const order = /(['"])fortran_order\1\s*:\s*(True|False)/.exec(text)?.[2];
  const shape = /(['"])shape\1\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[2];
  const sides = (shape?.match(/\d+/g) ?? []).map(Number);
  const plain = sides.length <= MAX_DIMENSIONS && sides.every(Number.isSafeInteger);
  if (descr === undefined || order === undefined || shape === undefined || !plain) {
    const what = printable(text.trim());
    throw new InputError(
      `${name}: its npy header is not that of a plain array of numbers: ${what || 'it is empty'}; save the array as uint8`,
    );
  }
  return { descr, fortranOrder: order === 'True', shape: sides };
}

/** Python's type strings: byte order (`|` none, `<` little, `>` big), a letter, bytes: `|u1`, `<i8`. */
function typeOf(descr: string, name: string): NumberType {
  const [, order, letter = '', digits = ''] = /^([|<>=]?)([a-zA-Z?])(\d*)$/.exec(descr) ?? [];
  const bytes = Number(digits);
  const kind = KINDS[letter];
  const integer = kind === 'uint' || kind === 'int';
  if (kind && bytes > 0 && (!integer || [1, 2, 4, 8].includes(bytes))) {
    return { name: `${kind}${8 * bytes}`, kind, bytes, littleEndian: order !== '>' };
  }
  if (letter === 'b' && bytes === 1) return { name: 'bool', kind: 'bool', bytes, littleEndian: true };
  if (letter === 'U' && bytes > 0) return { name: 'str', kind: 'text', bytes: 4 * bytes, littleEndian: order !== '>' };
  if (letter === 'S' && bytes > 0) return { name: 'bytes', kind: 'text', bytes, littleEndian: true };
  if (letter === 'O') {
    throw new InputError(
      `${name}: it holds Python objects (numpy's type ${descr}), which are not read; save texts as array.astype(str), images of one size as numpy.stack(images) and others as image files`,
    );
  }
  throw new InputError(`${name}: it holds values of numpy's type ${descr}; numbers were expected (uint8 for pixels)`);
}
