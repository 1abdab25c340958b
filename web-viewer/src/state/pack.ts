import { deflateSync, inflateSync } from 'fflate';

/** Bytes as text for the address: deflated, in base64url. */
export function pack(bytes: Uint8Array): string {
  const deflated = deflateSync(bytes, { level: 9 });
  const binary = Array.from(deflated, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The bytes of a text by `pack`; null when it is damaged or does not hold exactly `length` bytes. */
export function unpack(text: string, length: number): Uint8Array<ArrayBuffer> | null {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    // One byte more than expected, so that longer content shows without being unpacked whole.
    const bytes = inflateSync(
      Uint8Array.from(binary, (character) => character.charCodeAt(0)),
      { out: new Uint8Array(length + 1) },
    );
    return bytes.length === length ? bytes.slice() : null;
  } catch {
    return null;
  }
}
