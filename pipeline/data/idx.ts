import { InputError } from '../io/errors.ts';
import { type ArrayFile, checkSize, type NumberType } from '../io/npy.ts';
import { type ByteSource, readUpTo } from '../io/source.ts';

/** The idx format's type byte. Numbers are big-endian. */
const TYPES: Readonly<Record<number, NumberType>> = {
  8: { name: 'uint8', kind: 'uint', bytes: 1, littleEndian: false },
  9: { name: 'int8', kind: 'int', bytes: 1, littleEndian: false },
  11: { name: 'int16', kind: 'int', bytes: 2, littleEndian: false },
  12: { name: 'int32', kind: 'int', bytes: 4, littleEndian: false },
  13: { name: 'float32', kind: 'float', bytes: 4, littleEndian: false },
  14: { name: 'float64', kind: 'float', bytes: 8, littleEndian: false },
};

/**
 * Reads the header of an idx file: 0, 0, type, number of dimensions, then each dimension as a big-endian uint32.
 * @throws InputError when it is not idx, or its size is not what the header says
 */
export async function readIdx(source: ByteSource): Promise<ArrayFile> {
  const magic = await readUpTo(source, 4);
  const [zero, zeroToo, code = 0, dimensions = 0] = magic;
  const type = TYPES[code];
  if (zero !== 0 || zeroToo !== 0 || !type || dimensions < 1 || dimensions > 4) {
    throw new InputError(
      `${source.name}: it is not an idx file (nor npy): it starts with ${hex(magic)}, where 00 00 08 03 (images) or 00 00 08 01 (labels) was expected`,
    );
  }
  const offset = 4 + 4 * dimensions;
  const sides = await readUpTo(source, 4 * dimensions, 4);
  if (sides.length < 4 * dimensions) {
    throw new InputError(
      `${source.name}: cut short inside its header: ${offset} bytes were expected at least, it has ${source.size}; download or copy it again`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => sides.readUInt32BE(4 * i));
  return checkSize({ source, offset, shape, type });
}

const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ') || 'nothing';
