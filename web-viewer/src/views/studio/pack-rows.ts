import { deflateSync, inflateSync } from 'fflate';

/** Rows of `count` images as text for the address, so that any number of them fits: a bit for each image, deflated, in base64url. */
export function packRows(rows: readonly number[], count: number): string {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (const row of rows) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
  const binary = Array.from(deflateSync(bits, { level: 9 }), (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The rows of a text by `packRows`, ascending; none where it is damaged, or of another number of images. */
export function unpackRows(text: string, count: number): readonly number[] {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    // One byte more than expected, so that longer content shows without being unpacked whole.
    const bits = inflateSync(packed, { out: new Uint8Array(Math.ceil(count / 8) + 1) });
    if (bits.length !== Math.ceil(count / 8)) return [];
    return Array.from({ length: count }, (_, row) => row).filter(
      (row) => (bits[row >> 3] as number) & (1 << (row & 7)),
    );
  } catch {
    return [];
  }
}
