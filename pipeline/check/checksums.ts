import { crc32 } from 'node:zlib';

/** Bytes before the first chunk of a PNG. */
const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** What is wrong with a PNG by the CRC-32 of its chunks; undefined where nothing is. */
export function pngDamage(bytes: Buffer): string | undefined {
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return 'it does not begin as a PNG';
  let at = SIGNATURE.length;
  let last = '';
  while (at + 12 <= bytes.length) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length) break;
    if (crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) return `it is damaged at byte ${at}`;
    last = bytes.toString('latin1', at + 4, at + 8);
    at = end + 4;
  }
  return at === bytes.length && last === 'IEND' ? undefined : `it is damaged at byte ${at}`;
}
