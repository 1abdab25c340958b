import { endianness } from 'node:os';
import type { NumberType } from '../../io/npy.ts';
import type { Values } from '../image-source.ts';

const HOST_IS_LITTLE = endianness() === 'LE';

const ARRAYS: Readonly<Record<string, new (buffer: ArrayBuffer) => Values | BigInt64Array | BigUint64Array>> = {
  uint8: Uint8Array,
  bool: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  float16: Uint16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

/** Whether `decodeNumbers` knows a type: all of numpy's but complex and longer floats. */
export const isDecodable = ({ name }: NumberType): boolean => Object.hasOwn(ARRAYS, name);

/**
 * The numbers that bytes stand for; a copy. 16-bit floats become 32-bit, 64-bit integers 64-bit floats.
 * @throws TypeError when the type is not decodable
 */
export function decodeNumbers(bytes: Uint8Array, { name, bytes: width, littleEndian }: NumberType): Values {
  const Numbers = ARRAYS[name];
  if (!Numbers) throw new TypeError(`numbers of type ${name}`);
  const copy = new Uint8Array(bytes);
  if (width > 1 && littleEndian !== HOST_IS_LITTLE) {
    const view = Buffer.from(copy.buffer);
    if (width === 2) view.swap16();
    else if (width === 4) view.swap32();
    else view.swap64();
  }
  const values = new Numbers(copy.buffer);
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return Float64Array.from(values, Number);
  return name === 'float16' ? Float32Array.from(values, fromHalf) : values;
}

/** IEEE 754 binary16: a sign, 5 bits of exponent with bias 15, 10 bits of fraction. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? 2 ** -14 * fraction : 2 ** (exponent - 15) * (1 + fraction));
}
