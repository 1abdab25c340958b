import sharp from 'sharp';
import type { Preprocessing, Scaling } from '../artifacts/preprocessing.ts';
import type { StoredImage, Values } from './image-source.ts';
import { GIVEN_RANGE, toBytes } from './scale.ts';

/** An image of 8-bit pixels, gray or RGB, `[H, W, C]`. */
interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly bytes: Uint8Array;
}

/** Fitted pixels, `[H, W, C]`, and what was found on the way. */
export interface Fitted {
  readonly bytes: Uint8Array;
  /** Whether the image has pixels in colour. */
  readonly coloured: boolean;
  /** Whether it has transparent pixels. */
  readonly transparent: boolean;
  /** Whether it has numbers beyond those that are black and white. */
  readonly clipped: boolean;
}

/**
 * Does to an image what `preprocessing` says: its numbers become 8-bit pixels, transparent ones are put on the background, the image
 * is resized (Lanczos) and becomes gray (ITU-R 601 luma) or RGB.
 */
export async function fitImage(image: StoredImage, preprocessing: Preprocessing): Promise<Fitted> {
  const { bytes, clipped } = scaled(image, preprocessing);
  const { height, width, fit, background, channels } = preprocessing;
  const { pixels, transparent } = onBackground({ ...image, bytes }, background);
  const coloured = pixels.channels === 3 && hasColour(pixels.bytes);
  const wanted = withChannels(pixels, channels);
  if (image.height === height && image.width === width) return { bytes: wanted.bytes, coloured, transparent, clipped };
  const raw = { height: wanted.height, width: wanted.width, channels: wanted.channels };
  const resized = await sharp(wanted.bytes, { raw })
    .resize({ height, width, fit: fit === 'stretch' ? 'fill' : fit, background })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    bytes: withChannels({ ...resized.info, bytes: resized.data } as Pixels, channels).bytes,
    coloured,
    transparent,
    clipped,
  };
}

/** The numbers as bytes; those of alpha are from 0, whatever the colours begin with. */
function scaled(
  { type, values, channels }: StoredImage,
  { scalings }: Preprocessing,
): { bytes: Uint8Array; clipped: boolean } {
  const scaling = scalings.find((each) => each.type === type);
  if (!scaling && values instanceof Uint8Array) return { bytes: values, clipped: false };
  if (!scaling) throw new Error(`no scaling of ${type}`);
  const bytes = new Uint8Array(values.length);
  let clipped = toBytes(values, scaling, bytes);
  if (channels % 2 === 0) {
    const alpha = values.filter((_, i) => i % channels === channels - 1);
    clipped -= toBytes(alpha, scaling, new Uint8Array(alpha.length));
    const opaque = opaqueOf(type, alpha, scaling);
    for (const [i, value] of alpha.entries()) {
      bytes[(i + 1) * channels - 1] = Math.round(255 * Math.min(1, Math.max(0, value / opaque)));
    }
  }
  return { bytes, clipped: clipped > 0 };
}

/** Alpha of opaque pixels where the user gives the range of the colours. */
const FULL: Readonly<Record<string, number>> = { bool: 1, uint16: 65535 };

/** Alpha of opaque pixels. A range that was found includes it; alpha of floats is often from 0 to 1, whatever the colours are. */
function opaqueOf(type: string, alpha: Values, { rule, from: [, white] }: Scaling): number {
  if (type.startsWith('float') && alpha.every((value) => value <= 1)) return 1;
  return rule === GIVEN_RANGE ? (FULL[type] ?? 255) : white;
}

/** Puts transparent pixels on the background, an image without alpha stays as it is. */
function onBackground(
  { height, width, channels, bytes }: StoredImage & { bytes: Uint8Array },
  background: string,
): { pixels: Pixels; transparent: boolean } {
  if (channels === 1 || channels === 3) return { pixels: { height, width, channels, bytes }, transparent: false };
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(background.slice(at, at + 2), 16)) as [
    number,
    number,
    number,
  ];
  const count = height * width;
  const gray = channels === 2 && red === green && green === blue;
  const behind = gray ? [red] : [red, green, blue];
  const out = new Uint8Array(count * behind.length);
  let transparent = false;
  for (let i = 0; i < count; i++) {
    const from = i * channels;
    const alpha = bytes[from + channels - 1] as number;
    if (alpha < 255) transparent = true;
    for (let c = 0; c < behind.length; c++) {
      const value = bytes[from + (channels === 2 ? 0 : c)] as number;
      out[i * behind.length + c] = Math.round((value * alpha + (behind[c] as number) * (255 - alpha)) / 255);
    }
  }
  return { pixels: { height, width, channels: gray ? 1 : 3, bytes: out }, transparent };
}

/** Whether any pixel of RGB bytes is not gray. */
function hasColour(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i += 3) {
    if (bytes[i] !== bytes[i + 1] || bytes[i] !== bytes[i + 2]) return true;
  }
  return false;
}

/** Gray as RGB of three equal values, RGB as gray by its luma. */
function withChannels(pixels: Pixels, channels: number): Pixels {
  const { bytes } = pixels;
  if (pixels.channels === channels) return pixels;
  if (channels === 3) {
    const rgb = new Uint8Array(bytes.length * 3);
    for (let i = 0; i < rgb.length; i++) rgb[i] = bytes[Math.floor(i / 3)] as number;
    return { ...pixels, channels, bytes: rgb };
  }
  return { ...pixels, channels: 1, bytes: grayOf(bytes) };
}

/** The ITU-R 601 luma of RGB bytes: 0.299 R + 0.587 G + 0.114 B. */
function grayOf(rgb: Uint8Array): Uint8Array {
  const gray = new Uint8Array(rgb.length / 3);
  for (let i = 0, at = 0; i < gray.length; i++, at += 3) {
    gray[i] = Math.round(
      0.299 * (rgb[at] as number) + 0.587 * (rgb[at + 1] as number) + 0.114 * (rgb[at + 2] as number),
    );
  }
  return gray;
}
