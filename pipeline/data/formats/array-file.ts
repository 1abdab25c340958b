import { InputError } from '../../io/errors.ts';
import { inCOrder, rowsInCOrder } from '../../io/fortran.ts';
import { type ArrayFile, checkSize, isNpy, type NumberType, readNpyHeader } from '../../io/npy.ts';
import {
  type ByteSource,
  closeOnError,
  inflateStart,
  isGzip,
  memorySource,
  openFile,
  openSource,
  readUpTo,
} from '../../io/source.ts';

/** An array in a file, of which only the beginning has been read. */
export interface StoredArray extends Pick<ArrayFile, 'shape' | 'type' | 'fortran'> {
  /** For messages: the path, and the member of an archive. */
  readonly name: string;
  readonly path: string;
  /** Position of the first number in the file, unless it is compressed or in Fortran's order. */
  readonly offset: number | undefined;
  /** The first numbers in C's order, as many as have been read. */
  readonly sample: Uint8Array;
  /**
   * Opens it for reading by position, in C's order; one that is compressed or in Fortran's order is written into a temporary
   * file. The caller closes its source.
   * @throws InputError when it is not that of its checksum
   */
  open(): Promise<ArrayFile>;
}

/** Bytes that are read of a file to know its header, and a few of its images. */
export const START = 2 ** 18;

/**
 * Finds out what an idx or npy file contains, gzipped or not, as its first bytes show.
 * @throws InputError when it is missing, damaged or neither
 */
export async function arrayInFile(path: string): Promise<StoredArray> {
  const open = async () => {
    const source = await openSource(path);
    return closeOnError(source, async () => inCOrder(checkSize(await readHeader(source))));
  };
  const file = await openFile(path);
  try {
    const start = await readUpTo(file, START);
    const compressed = isGzip(start);
    const contents = compressed ? inflateStart(start, 'gzip') : start;
    if (compressed && contents.length === 0) await open().then(({ source }) => source.close()); // says what is wrong
    const source = compressed ? memorySource(path, contents) : file;
    const array = compressed ? await readHeader(source) : checkSize(await readHeader(source));
    const { shape, type, fortran } = array;
    const sample = await sampleOf(array, contents, compressed ? undefined : file);
    return {
      name: path,
      path,
      shape,
      type,
      fortran,
      offset: compressed ? undefined : plainOffset(array),
      sample,
      open,
    };
  } finally {
    await file.close();
  }
}

/** Position of the first number where the array is as it has to be. */
export const plainOffset = ({ offset, fortran }: ArrayFile): number | undefined => (fortran ? undefined : offset);

/** Rows of an array in Fortran's order that are looked at. */
const SAMPLE_ROWS = 16;

/**
 * The first numbers of an array in C's order.
 * @param contents the first bytes
 * @param source of all bytes, unless they are compressed: then nothing is known of an array in Fortran's order
 */
export async function sampleOf(array: ArrayFile, contents: Buffer, source?: ByteSource): Promise<Uint8Array> {
  const { fortran, shape, offset } = array;
  if (!fortran) return contents.subarray(offset);
  if (!source || shape.length !== 2) return new Uint8Array();
  return rowsInCOrder({ ...array, source }, 0, Math.min(SAMPLE_ROWS, shape[0] as number));
}

const readHeader = async (source: ByteSource): Promise<ArrayFile> =>
  isNpy(await readUpTo(source, 8)) ? readNpyHeader(source) : readIdxHeader(source);

/** The type byte of the idx format. Numbers are big-endian. */
const IDX_TYPES: Readonly<Record<number, Omit<NumberType, 'littleEndian'>>> = {
  8: { name: 'uint8', kind: 'uint', bytes: 1 },
  9: { name: 'int8', kind: 'int', bytes: 1 },
  11: { name: 'int16', kind: 'int', bytes: 2 },
  12: { name: 'int32', kind: 'int', bytes: 4 },
  13: { name: 'float32', kind: 'float', bytes: 4 },
  14: { name: 'float64', kind: 'float', bytes: 8 },
};

/**
 * Reads the header of an idx file: 0, 0, type, number of dimensions, then each dimension as a big-endian uint32.
 * @throws InputError when it is not idx
 */
async function readIdxHeader(source: ByteSource): Promise<ArrayFile> {
  const magic = await readUpTo(source, 4);
  const [zero, zeroToo, code = 0, dimensions = 0] = magic;
  const type = IDX_TYPES[code];
  if (zero !== 0 || zeroToo !== 0 || !type || dimensions < 1 || dimensions > 4) {
    const start = magic.toString('hex').replace(/(..)(?=.)/g, '$1 ') || 'nothing';
    throw new InputError(
      `${source.name}: it is neither idx nor npy: it starts with ${start}; 00 00 08 03 (images) or 00 00 08 01 (labels) was expected`,
    );
  }
  const offset = 4 + 4 * dimensions;
  const sides = await readUpTo(source, 4 * dimensions, 4);
  if (sides.length < 4 * dimensions) {
    throw new InputError(
      `${source.name}: truncated inside its header: it has ${source.size} bytes, at least ${offset} were expected; download or copy it again`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => sides.readUInt32BE(4 * i));
  return { source, offset, shape, type: { ...type, littleEndian: false } };
}
