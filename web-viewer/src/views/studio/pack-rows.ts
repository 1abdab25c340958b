import { pack, unpack } from '../../state/pack.ts';

/** Rows of `count` images as text for the address, so that any number of them fits: a bit for each image, packed. */
export function packRows(rows: readonly number[], count: number): Promise<string> {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (const row of rows) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
  return pack(bits);
}

/** The rows of a text by `packRows`, ascending; none where it is damaged, or of another number of images. */
export async function unpackRows(text: string, count: number): Promise<readonly number[]> {
  const bits = await unpack(text, Math.ceil(count / 8));
  if (!bits) return [];
  return Array.from({ length: count }, (_, row) => row).filter((row) => (bits[row >> 3] as number) & (1 << (row & 7)));
}
