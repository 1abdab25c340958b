import { crc32, deflateRawSync } from 'node:zlib';

/** Writers of the file formats from their specifications, independent of the readers. */

const u16 = (value: number) => Buffer.from([value & 255, value >> 8]);
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);

/** idx: 0, 0, type, number of dimensions, the dimensions as big-endian uint32, the numbers. */
export function idxBytes(shape: readonly number[], numbers: Uint8Array, type = 8): Buffer {
  const sides = Buffer.concat(shape.map((side) => u32(side).reverse()));
  return Buffer.concat([Buffer.from([0, 0, type, shape.length]), sides, numbers]);
}

/** npy, see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
export function npyBytes(
  descr: string,
  shape: readonly number[],
  numbers: Uint8Array,
  { version = 1, fortran = false, header }: { version?: number; fortran?: boolean; header?: string } = {},
): Buffer {
  const tuple = `(${shape.map((side) => `${side},`).join(' ')})`;
  const order = fortran ? 'True' : 'False';
  const text = header ?? `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${tuple}, }`;
  const before = version === 1 ? 10 : 12;
  const padded = `${text.padEnd(Math.ceil((before + text.length + 1) / 64) * 64 - before - 1)}\n`;
  const length = version === 1 ? u16(padded.length) : u32(padded.length);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0]),
    length,
    Buffer.from(padded),
    numbers,
  ]);
}

export interface Member {
  readonly name: string;
  readonly data: Buffer;
  readonly deflate?: boolean;
  /** Replaces what the headers say. */
  readonly crc?: number;
  readonly size?: number;
  readonly method?: number;
  readonly flags?: number;
}

/** A zip archive, see PKWARE's APPNOTE.TXT; with `zip64` every number that may be in a zip64 record is. */
export function zipBytes(members: readonly Member[], { zip64 = false, comment = '' } = {}): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const member of members) {
    const { name, data, deflate = false, crc = crc32(data), size = data.length, flags = 0 } = member;
    const stored = deflate ? deflateRawSync(data) : data;
    const local = zipLocal(name, member.method ?? (deflate ? 8 : 0), crc, stored.length, size, flags);
    central.push(
      zipCentral({
        name,
        method: member.method ?? (deflate ? 8 : 0),
        crc,
        compressed: stored.length,
        size,
        offset: at,
        flags,
        zip64,
      }),
    );
    locals.push(local, stored);
    at += local.length + stored.length;
  }
  return Buffer.concat([...locals, zipEnd(central, at, zip64, comment)]);
}

export function zipLocal(
  name: string,
  method: number,
  crc: number,
  compressed: number,
  size: number,
  flags = 0,
): Buffer {
  return Buffer.concat([
    u32(0x04034b50),
    u16(45),
    u16(flags),
    u16(method),
    u32(0),
    u32(crc),
    u32(compressed),
    u32(size),
    u16(Buffer.byteLength(name)),
    u16(0),
    Buffer.from(name),
  ]);
}

export interface Central {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly offset: number;
  readonly flags?: number;
  readonly zip64: boolean;
}

export function zipCentral({ name, method, crc, compressed, size, offset, flags = 0, zip64 }: Central): Buffer {
  const full = 0xffffffff;
  const unrelated = Buffer.concat([u16(0x5455), u16(5), Buffer.alloc(5)]); // a time stamp, to be passed over
  const large = Buffer.concat([unrelated, u16(1), u16(24), u64(size), u64(compressed), u64(offset)]);
  const extra = zip64 ? large : Buffer.alloc(0);
  return Buffer.concat([
    u32(0x02014b50),
    u16(45),
    u16(45),
    u16(flags),
    u16(method),
    u32(0),
    u32(crc),
    u32(zip64 ? full : compressed),
    u32(zip64 ? full : size),
    u16(Buffer.byteLength(name)),
    u16(extra.length),
    u16(0),
    u16(0),
    u16(0),
    u32(0),
    u32(zip64 ? full : offset),
    Buffer.from(name),
    extra,
  ]);
}

/** The central directory and the end records. */
export function zipEnd(central: readonly Buffer[], at: number, zip64: boolean, comment = ''): Buffer {
  const directory = Buffer.concat([...central]);
  const count = central.length;
  const after = at + directory.length;
  const end64 = [
    u32(0x06064b50),
    u64(44),
    u16(45),
    u16(45),
    u32(0),
    u32(0),
    u64(count),
    u64(count),
    u64(directory.length),
    u64(at),
    u32(0x07064b50),
    u32(0),
    u64(after),
    u32(1),
  ];
  return Buffer.concat([
    directory,
    ...(zip64 ? end64 : []),
    u32(0x06054b50),
    u16(0),
    u16(0),
    u16(zip64 ? 0xffff : count),
    u16(zip64 ? 0xffff : count),
    u32(zip64 ? 0xffffffff : directory.length),
    u32(zip64 ? 0xffffffff : at),
    u16(comment.length),
    Buffer.from(comment),
  ]);
}
