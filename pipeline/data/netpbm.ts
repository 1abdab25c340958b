import type { Decoder } from './decoder.ts';
import type { ImageHeader, StoredImage } from './image-source.ts';

interface Netpbm {
  readonly header: ImageHeader;
  /** The digit after P. */
  readonly kind: number;
  /** The number that is white. */
  readonly white: number;
  /** First byte of the pixels. */
  readonly offset: number;
}

/** `P1` to `P6`, width, height and, but for bitmaps, the number that is white; any space and comments between them. */
function parse(bytes: Uint8Array): Netpbm {
  const kind = (bytes[1] as number) - 48;
  let offset = 2;
  const next = (): number => {
    const [found, digits] = /^(?:\s|#[^\n]*\n)*(\d+)/.exec(latin1(bytes, offset, offset + 2000)) ?? [];
    if (found === undefined) throw new Error('its header is damaged');
    offset += found.length;
    return Number(digits);
  };
  const [width, height] = [next(), next()];
  const bitmap = kind === 1 || kind === 4;
  const white = bitmap ? 1 : next();
  if (white < 1 || white > 65535) throw new Error(`its largest value is ${white}; 1 to 65535 was expected`);
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  return {
    header: { height, width, channels, type: white > 255 ? 'uint16' : 'uint8' },
    kind,
    white,
    offset: offset + 1,
  };
}

const latin1 = (bytes: Uint8Array, from: number, to: number) =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');

/** The numbers as they are stored, before scaling. */
function* numbers(bytes: Uint8Array, kind: number, white: number, width: number, offset: number): Generator<number> {
  if (kind <= 3) {
    const text = latin1(bytes, offset - 1, bytes.length).replace(/#[^\n]*/g, '');
    for (const [digits] of text.matchAll(kind === 1 ? /[01]/g : /\d+/g)) yield Number(digits);
  } else if (kind === 4) {
    const row = Math.ceil(width / 8);
    for (let start = offset; start + row <= bytes.length; start += row) {
      for (let x = 0; x < width; x++) yield ((bytes[start + (x >> 3)] as number) >> (7 - (x & 7))) & 1;
    }
  } else if (white < 256) {
    yield* bytes.subarray(offset);
  } else {
    for (let i = offset; i + 1 < bytes.length; i += 2) yield ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  }
}

/**
 * pbm, pgm, ppm and pnm, as text or binary (https://netpbm.sourceforge.net/doc/ppm.html): the first image of the file. Numbers
 * are scaled such that white is 255, or 65535 where it is above 255.
 */
export const netpbm: Decoder = {
  open({ bytes }) {
    const parsed = parse(bytes);
    return { header: parsed.header, decode: () => decodeNumbers(bytes, parsed) };
  },
};

function decodeNumbers(bytes: Uint8Array, { header, kind, white, offset }: Netpbm): StoredImage {
  const { height, width, channels, type } = header;
  const values = new (type === 'uint8' ? Uint8Array : Uint16Array)(height * width * channels);
  const full = type === 'uint8' ? 255 : 65535;
  let i = 0;
  for (const value of numbers(bytes, kind, white, width, offset)) {
    if (i === values.length) break;
    if (value > white) throw new Error(`it contains ${value}, and its largest value is ${white}`);
    values[i++] = kind === 1 || kind === 4 ? 255 * (1 - value) : Math.round((value * full) / white);
  }
  if (i < values.length) throw new Error(`it is truncated: ${i} of ${values.length} numbers`);
  return { ...header, values };
}
