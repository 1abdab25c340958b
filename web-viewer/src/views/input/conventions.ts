import type { Shape } from '../../ui/pixels.ts';
import { centreOfMass, inkBox } from './centre.ts';
import type { Raster } from './raster.ts';

/** The conventions of a set's images, so that drawings look like them. */
export interface Conventions {
  /** Background colour `[C]`. */
  readonly background: readonly number[];
  /** Pen colour `[C]`. */
  readonly ink: readonly number[];
  /** Whether images are centred and scaled like MNIST digits. */
  readonly centred: boolean;
}

/** Light drawings on black. */
const plainConventions = (channels: number): Conventions => ({
  background: Array.from({ length: channels }, () => 0),
  ink: Array.from({ length: channels }, () => 255),
  centred: false,
});

/** Derives the conventions from some images `[H, W, C]` of a set; without images, light drawings on black. */
export function conventionsOf(shape: Shape, images: readonly Uint8Array[]): Conventions {
  const { channels } = shape;
  if (images.length === 0) return plainConventions(channels);
  const borders = images.map((data) => borderColour({ ...shape, data }));
  const background = Array.from({ length: channels }, (_, c) => median(borders.map((colour) => colour[c] as number)));
  const dark = background.reduce((a, b) => a + b, 0) / channels < 128;
  const conventions = { background, ink: background.map(() => (dark ? 255 : 0)), centred: false };
  if (channels !== 1) return conventions;
  const centredImages = images.filter((data) => isCentred(toInk({ ...shape, data }, conventions)));
  return { ...conventions, centred: centredImages.length >= 0.9 * images.length };
}

/** The amount of ink in each pixel of a grayscale picture: 0 is background, 255 is pen. */
export function toInk(picture: Raster, { background: [paper = 0], ink: [pen = 255] }: Conventions): Raster {
  const data = picture.data.map((value) => Math.round(Math.max(0, (255 * (value - paper)) / (pen - paper))));
  return { ...picture, data };
}

/** The inverse of `toInk`. */
export function fromInk(picture: Raster, { background: [paper = 0], ink: [pen = 255] }: Conventions): Raster {
  return { ...picture, data: picture.data.map((value) => Math.round(paper + (value * (pen - paper)) / 255)) };
}

/** The prevailing colour `[C]` on the border of a picture: the median of each channel. */
export function borderColour({ height, width, channels, data }: Raster): number[] {
  return Array.from({ length: channels }, (_, c) => {
    const values: number[] = [];
    for (let y = 0; y < height; y++) {
      const step = y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1);
      for (let x = 0; x < width; x += step) values.push(data[(y * width + x) * channels + c] as number);
    }
    return median(values);
  });
}

/** Whether the ink fills 20 of 28 pixels along its longer side and its centre of mass is central, both to about a pixel. */
function isCentred(ink: Raster): boolean {
  const [box, mass] = [inkBox(ink), centreOfMass(ink)];
  if (!box || !mass) return false;
  const size = Math.max((box.right - box.left) / ink.width, (box.bottom - box.top) / ink.height);
  const off = Math.max(Math.abs(mass.x - ink.width / 2), Math.abs(mass.y - ink.height / 2));
  return Math.abs(size - 20 / 28) <= 1.1 / Math.min(ink.width, ink.height) && off <= 0.6;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
