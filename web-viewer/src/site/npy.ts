import { FileProblem } from './problem.ts';

/** An array of an npy file, in C order. */
export interface NpyArray<T> {
  readonly shape: readonly number[];
  readonly data: T;
}

const TYPES = { '<f4': Float32Array, '<f8': Float64Array, '<i4': Int32Array, '|u1': Uint8Array } as const;
type Types = typeof TYPES;
type DType = keyof Types;

/**
 * Reads an npy file (format 1 to 3, C order) without copying its numbers where they are aligned.
 * @param dtype its type, or those that it may be of
 * @throws FileProblem when it is damaged, or of another type or number of dimensions than expected
 */
export function readNpy<D extends DType>(
  bytes: Uint8Array,
  dtype: D | readonly D[],
  dimensions: number,
  file: string,
): NpyArray<InstanceType<Types[D]>> {
  const types = [dtype].flat();
  const problem = (what: string) =>
    new FileProblem(`${file} is not an npy file of ${types.join(' or ')} numbers: ${what}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || view.getUint32(0) !== 0x934e554d || view.getUint16(4) !== 0x5059)
    throw problem('no npy header');
  const long = view.getUint8(6) > 1;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, start + length));
  const type = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/
    .exec(header)?.[1]
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  const found = types.find((one) => one === type);
  if (found === undefined) throw problem(`its type is ${type}`);
  if (!/'fortran_order':\s*False/.test(header)) throw problem('it is in Fortran order');
  if (shape?.length !== dimensions || !shape.every((n) => Number.isInteger(n) && n >= 0)) {
    throw problem(`its shape is (${shape?.join(', ') ?? '?'}), where ${dimensions} dimensions were expected`);
  }
  const Type = TYPES[found];
  const size = shape.reduce((a, b) => a * b, 1) * Type.BYTES_PER_ELEMENT;
  const offset = start + length;
  if (bytes.length - offset !== size) throw problem(`it holds ${bytes.length - offset} bytes of numbers, not ${size}`);
  const aligned = (bytes.byteOffset + offset) % Type.BYTES_PER_ELEMENT === 0;
  const own = aligned ? bytes.subarray(offset) : bytes.slice(offset);
  const data = new Type(own.buffer as ArrayBuffer, own.byteOffset, size / Type.BYTES_PER_ELEMENT);
  return { shape, data: data as InstanceType<Types[D]> };
}
