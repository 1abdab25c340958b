import { InputError } from '../io/errors.ts';
import { bmp } from './bmp.ts';
import type { Decoder, OpenImage, Target } from './decoder.ts';
import type { EncodedImage, ImageHeader, StoredImage } from './image-source.ts';
import { netpbm } from './netpbm.ts';
import { photo } from './photo.ts';
import { tiff } from './tiff.ts';

/** Names of image files. */
export const IMAGE_FILE = /\.(a?png|jpe|jpe?g|jfif|mpo|webp|gif|tiff?|avif|bmp|dib|p[bgpn]m)$/i;
/** For messages. */
export const IMAGE_KINDS = 'png, jpg, webp, gif, tiff, avif, bmp or pgm/ppm';

/** A few kilobytes may decode to gigabytes. */
const MAX_PIXELS = 8192 * 8192;

const decoders: readonly (readonly [start: RegExp, Decoder])[] = [
  [/^(\x89PNG\r\n|\xff\xd8\xff|GIF8|RIFF....WEBP|....ftyp(avi|mif|msf))/s, photo],
  [/^(II[*+]\0|MM\0[*+])/, tiff],
  [/^BM/, bmp],
  [/^P[1-6]\s/, netpbm],
];

/**
 * The upright size, channels and type of an image, from its header alone.
 * @param where the file, for messages
 * @throws InputError when it is no image, or damaged within its header
 */
export function readHeader(image: EncodedImage, where: string): Promise<ImageHeader> {
  return decoding(image, where, ({ header }) => header);
}

/**
 * Decodes an image: upright by EXIF orientation, gray as it is stored (of 8 bits with a profile: as sRGB), any colour (palette,
 * CMYK, Lab, other profiles) as sRGB, alpha not applied. Numbers keep their depth: 16 bits and floats have the values of the file, one bit becomes 0 and 255.
 * @param where the file, for messages
 * @param target the size that the image will be fitted to: a much larger photograph is made smaller while it is decoded
 * @throws InputError when it is no image, damaged, or of more than 8192² pixels
 */
export function decode(image: EncodedImage, where: string, target?: Target): Promise<StoredImage> {
  return decoding(image, where, (opened) => opened.decode(target));
}

/** Numbers of the images in a file: the pages of a TIFF; an animation is one image. 0 where it cannot be read. */
export async function pagesOf(image: EncodedImage): Promise<ArrayLike<number>> {
  try {
    return (await decoderOf(image.bytes).pages?.(image)) ?? [0];
  } catch {
    return [0]; // decoding says what is wrong
  }
}

async function decoding<T>(
  image: EncodedImage,
  where: string,
  work: (opened: OpenImage) => T | Promise<T>,
): Promise<T> {
  try {
    const opened = await decoderOf(image.bytes).open(image);
    checkSize(opened.header);
    return await work(opened);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const cut = error instanceof RangeError; // reading past the end of the bytes
    const message = error.message.split('\n', 2).join(' ').trim();
    const reason = cut ? 'it is truncated' : message.replace(/^Unknown error$/, 'it is truncated or damaged');
    throw new InputError(`${where}: it cannot be decoded (${reason}); replace it or leave it out`, { cause: error });
  }
}

function checkSize({ height, width }: ImageHeader): void {
  if (height > 0 && width > 0 && height * width <= MAX_PIXELS) return;
  throw new Error(`it has ${width}×${height} pixels; 1 to ${MAX_PIXELS} were expected`);
}

const startOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 512)).toString('latin1');

/** Whether a file is an image by its first bytes. */
export const isImage = (bytes: Uint8Array): boolean => decoders.some(([start]) => start.test(startOf(bytes)));

function decoderOf(bytes: Uint8Array): Decoder {
  const start = startOf(bytes);
  for (const [pattern, decoder] of decoders) if (pattern.test(start)) return decoder;
  throw new Error(whatElse(start));
}

/** What a file is that is no image, by its first bytes. */
function whatElse(start: string): string {
  const text = start.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (start === '') return 'it is empty';
  if (/^<(!doctype html|html)/i.test(text)) return 'it is an HTML page, not an image';
  if (/^<(svg|\?xml|!--|!doctype svg)/i.test(text)) return 'it is XML or SVG; save it as PNG';
  if (text.startsWith('version https://git-lfs')) return 'it is a pointer of Git LFS; run git lfs pull';
  if (/^....ftyphe/s.test(start)) return 'it is HEIC; convert it to png or jpg';
  if (/^[\t\n\r\x20-\x7e\x80-\xff]+$/.test(start)) return 'it is text, not an image';
  return `it starts with ${Buffer.from(start.slice(0, 4), 'latin1')
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1 ')}; ${IMAGE_KINDS} was expected`;
}
