import sharp from 'sharp';
import { rasterize, svgElement, textElement, textWidth, WHITE_GROUND } from './drawing.ts';

const CAPTION = { size: 16, bold: true } as const;
const CAPTION_HEIGHT = 30;
const SIDE = 8;

export interface Frame {
  /** A PNG; all frames have the same size. */
  readonly png: Uint8Array;
  /** Shown above the picture, such as `epoch 3`. */
  readonly caption: string;
}

export interface AnimationOptions {
  /** WebP is lossless and smaller; GIF plays everywhere, but has at most 256 colours. */
  readonly format: 'gif' | 'webp';
  /** Duration of each picture in milliseconds; 400 by default. */
  readonly delay?: number | undefined;
  /** Additional duration of the last picture in milliseconds; 1600 by default. */
  readonly rest?: number | undefined;
}

export interface Animation {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Shows pictures one after another in an endless loop, each below its caption and a progress bar.
 * @throws RangeError when there are none, or their sizes differ
 */
export async function animate(
  frames: readonly Frame[],
  { format, delay = 400, rest = 1600 }: AnimationOptions,
): Promise<Animation> {
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
  const timing = { delay: frames.map((_, i) => (i === frames.length - 1 ? delay + rest : delay)), loop: 0 };
  const encoded =
    format === 'gif'
      ? image.gif({ ...timing, dither: 0, effort: 7 })
      : image.webp({ ...timing, lossless: true, effort: 4 });
  return { width, height, data: await encoded.toBuffer() };
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
