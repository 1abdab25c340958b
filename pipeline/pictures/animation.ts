import sharp from 'sharp';
import { rasterize, svgElement, textElement, textWidth, WHITE_GROUND } from './drawing.ts';

const CAPTION = { size: 16, bold: true } as const;
const CAPTION_HEIGHT = 30;
const SIDE = 8;
/** Duration of each picture but the last, and of the last, in milliseconds. */
const DELAY = 400;
const LAST_DELAY = 2000;

export interface Frame {
  /** A PNG; all frames have the same size. */
  readonly png: Uint8Array;
  /** Shown above the picture, such as `epoch 3`. */
  readonly caption: string;
}

/**
 * Shows pictures one after another in an endless loop, each below its caption and a progress bar.
 * @returns a lossless WebP and its size
 * @throws RangeError when there are none, or their sizes differ
 */
export async function animate(frames: readonly Frame[]): Promise<{ width: number; height: number; data: Uint8Array }> {
  const sizes = await Promise.all(frames.map(({ png }) => sharp(png).metadata()));
  const [first] = sizes;
  if (!first) throw new RangeError('an animation needs at least one picture');
  const other = sizes.find(({ width, height }) => width !== first.width || height !== first.height);
  if (other) {
    throw new RangeError(
      `pictures of an animation differ in size: ${first.width}×${first.height} and ${other.width}×${other.height}`,
    );
  }
  const widest = Math.max(...frames.map(({ caption }) => textWidth(caption, CAPTION)));
  const width = Math.max(first.width, Math.ceil(widest) + 2 * SIDE);
  const height = first.height + CAPTION_HEIGHT;
  const pages = frames.map(({ png, caption }, i) =>
    sharp({ create: { width, height, channels: 3, background: 'white' } })
      .composite([
        { ...captionOf(caption, (i + 1) / frames.length, width), top: 0, left: 0 },
        { input: Buffer.from(png), top: CAPTION_HEIGHT, left: 0 },
      ])
      .png()
      .toBuffer(),
  );
  const [single, ...others] = await Promise.all(pages);
  // sharp joins two images or more.
  const image =
    others.length > 0
      ? sharp([single as Buffer, ...others], { join: { animated: true }, limitInputPixels: false })
      : sharp(single);
  const delay = frames.map((_, i) => (i === frames.length - 1 ? LAST_DELAY : DELAY));
  return { width, height, data: await image.webp({ delay, loop: 0, lossless: true, effort: 4 }).toBuffer() };
}

/** A caption above a bar for the `share` of pictures shown so far, as an image for sharp. */
function captionOf(caption: string, share: number, width: number) {
  const bar = (length: number, colour: string) =>
    `<rect x="${SIDE / 2}" y="${CAPTION_HEIGHT - 5}" width="${length}" height="3" fill="${colour}"/>`;
  const text = textElement(caption, { ...CAPTION, x: SIDE / 2, y: 19 });
  const content = `${text}${bar(width - SIDE, '#dddddd')}${bar(Math.round(share * (width - SIDE)), '#666666')}`;
  const { pixels, ...size } = rasterize(svgElement(width, CAPTION_HEIGHT, WHITE_GROUND + content));
  return { input: Buffer.from(pixels), raw: { ...size, channels: 4 as const } };
}
