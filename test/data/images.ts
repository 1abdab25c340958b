/** Image files written by hand, so that what is in them is known. */
import { crc32, deflateSync } from 'node:zlib';

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const uint32 = (value: number, big = false): Buffer => {
  const bytes = Buffer.alloc(4);
  if (big) bytes.writeUInt32BE(value);
  else bytes.writeInt32LE(value | 0);
  return bytes;
};

/**
 * A PNG.
 * @param colour type of colour: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha
 * @param data bytes of all rows, without filters
 */
export function pngBytes(
  width: number,
  height: number,
  depth: number,
  colour: number,
  data: readonly number[],
  extra: readonly Chunk[] = [],
): Buffer {
  const chunk = ({ type, data: body }: Chunk) => {
    const content = Buffer.concat([Buffer.from(type), body]);
    return Buffer.concat([uint32(body.length, true), content, uint32(crc32(content), true)]);
  };
  const header = Buffer.concat([uint32(width, true), uint32(height, true), Buffer.from([depth, colour, 0, 0, 0])]);
  const stride = data.length / height;
  const rows = data.flatMap((byte, i) => (i % stride === 0 ? [0, byte] : [byte]));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk({ type: 'IHDR', data: header }),
    ...extra.map(chunk),
    chunk({ type: 'IDAT', data: deflateSync(Uint8Array.from(rows)) }),
    chunk({ type: 'IEND', data: Buffer.alloc(0) }),
  ]);
}

/** Values of TIFF tags by number: one short each. */
export type Tags = Readonly<Record<number, number>>;

interface Page {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly sampleFormat: number;
  readonly data: Uint8Array;
  readonly tags: Tags;
}

/** An uncompressed little-endian TIFF, gray (262: 1) with one sample (277: 1) unless tags say otherwise. */
export function tiffBytes(pages: readonly Page[]): Buffer {
  const blocks = [Buffer.from([0x49, 0x49, 42, 0]), uint32(8)];
  let position = 8;
  for (const [i, { width, height, bits, sampleFormat, data, tags }] of pages.entries()) {
    const own: Record<number, number> = { 262: 1, 277: 1, ...tags };
    const samples = own[277] as number;
    const all: [number, number[]][] = Object.entries({
      256: [width],
      257: [height],
      258: Array(samples).fill(bits),
      259: [1],
      273: [0],
      278: [height],
      279: [data.length],
      339: Array(samples).fill(sampleFormat),
      ...Object.fromEntries(Object.entries(own).map(([tag, value]) => [tag, [value]])),
    }).map(([tag, values]) => [Number(tag), values as number[]]);
    all.sort(([a], [b]) => a - b);
    const directory = 2 + 12 * all.length + 4;
    const long = (tag: number) => tag === 273 || tag === 279;
    const lists = all.filter(([, values]) => values.length > 2);
    const listBytes = lists.reduce((sum, [, values]) => sum + 2 * values.length, 0);
    const dataAt = position + directory + listBytes;
    let listAt = position + directory;
    const entries = all.map(([tag, values]) => {
      const entry = Buffer.alloc(12);
      entry.writeUInt16LE(tag, 0);
      entry.writeUInt16LE(long(tag) ? 4 : 3, 2);
      entry.writeUInt32LE(values.length, 4);
      if (tag === 273) entry.writeUInt32LE(dataAt, 8);
      else if (long(tag)) entry.writeUInt32LE(values[0] as number, 8);
      else if (values.length > 2) {
        entry.writeUInt32LE(listAt, 8);
        listAt += 2 * values.length;
      } else for (const [j, value] of values.entries()) entry.writeUInt16LE(value, 8 + 2 * j);
      return entry;
    });
    const end = dataAt + data.length + (data.length % 2);
    const count = Buffer.from([all.length, 0]);
    const shorts = lists.flatMap(([, values]) => values.flatMap((value) => [value & 255, value >> 8]));
    blocks.push(count, ...entries, uint32(i + 1 < pages.length ? end : 0), Buffer.from(shorts), Buffer.from(data));
    blocks.push(Buffer.alloc(data.length % 2));
    position = end;
  }
  return Buffer.concat(blocks);
}

/**
 * A BMP with a header of 40 bytes.
 * @param height negative: the first row is the uppermost
 * @param data bytes of the pixels, rows padded to four bytes
 */
export function bmpBytes(
  width: number,
  height: number,
  bits: number,
  compression: number,
  data: readonly number[],
  { palette = Uint8Array.of(), masks = [] }: { palette?: Uint8Array; masks?: readonly number[] } = {},
): Buffer {
  const offset = 54 + 4 * masks.length + palette.length;
  const shorts = Buffer.from([1, 0, bits, 0]);
  const header = [compression, data.length, 0, 0, palette.length / 4, 0].map((value) => uint32(value));
  const file = [Buffer.from('BM'), uint32(offset + data.length), uint32(0), uint32(offset), uint32(40)];
  return Buffer.concat([
    ...file,
    uint32(width),
    uint32(height),
    shorts,
    ...header,
    ...masks.map((mask) => uint32(mask)),
    palette,
    Buffer.from(data),
  ]);
}
