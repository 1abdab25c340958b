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
