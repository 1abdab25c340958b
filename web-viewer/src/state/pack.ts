import { signal } from '@preact/signals';

/** Bytes as text for the address: deflated, in base64url. */
export async function pack(bytes: Uint8Array): Promise<string> {
  const deflated = new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const packed = new Uint8Array(await new Response(deflated).arrayBuffer());
  const binary = Array.from(packed, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The bytes of a text by `pack`; null when it is damaged or does not hold exactly `length` bytes. */
export async function unpack(text: string, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const deflated = new Blob([Uint8Array.from(binary, (character) => character.charCodeAt(0))]);
    const reader = deflated.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes.set(part.value, filled); // throws where there is more than expected
      filled += part.value.length;
    }
  } catch {
    return null;
  }
  return filled === length ? bytes : null;
}

/**
 * Makes texts of values in the background.
 * @returns the text of a value, null until it is made; what reads it is told then
 */
export function packedLater<T extends object>(textOf: (value: T) => Promise<string>): (value: T) => string | null {
  const packed = signal<{ readonly value: T; readonly text: string } | null>(null);
  return (value) => {
    if (packed.value?.value === value) return packed.value.text;
    void textOf(value).then((text) => {
      packed.value = { value, text };
    });
    return null;
  };
}

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
