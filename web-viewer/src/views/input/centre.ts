import { IN_PLACE, type Placement, type Raster, resample } from './raster.ts';

/** The part of the frame that MNIST digits were fitted to: 20 of 28 pixels. */
const INNER = 20 / 28;
/** Ink below this, of 255, is a stroke's soft edge or noise. */
const FAINT = 32;
/** Dots are enlarged at most by this factor. */
const MAX_SCALE = 3;

/** A rectangle of pixels; the right and lower edges are exclusive. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The bounding box of the ink in a single-channel picture; null where there is none. */
export function inkBox({ height, width, data }: Raster): Box | null {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((data[y * width + x] as number) <= FAINT) continue;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      bottom = y + 1;
    }
  }
  return right > left ? { left, top, right, bottom } : null;
}

/** The centre of mass of a single-channel picture, in pixel indices; null where it is empty. */
export function centreOfMass({ height, width, data }: Raster): { readonly x: number; readonly y: number } | null {
  let [mass, x, y] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const ink = data[row * width + column] as number;
      mass += ink;
      x += ink * column;
      y += ink * row;
    }
  }
  return mass > 0 ? { x: x / mass, y: y / mass } : null;
}

/**
 * Centres and scales ink as LeCun et al. did for MNIST: the bounding box is fitted into 20×20 of 28×28 pixels (in proportion
 * for other sizes), then moved by whole pixels until the centre of mass is central. The box stays inside the frame.
 * @param ink single channel, 0 where empty, of any size
 * @returns the picture of `height`×`width`, and the placement of `ink` in it
 */
export function centre(ink: Raster, height: number, width: number): { picture: Raster; placement: Placement } {
  const box = inkBox(ink);
  if (!box) {
    const scale = Math.min(height / ink.height, width / ink.width);
    return { picture: resample(ink, { ...IN_PLACE, scale }, height, width, [0]), placement: { ...IN_PLACE, scale } };
  }
  const [across, down] = [box.right - box.left, box.bottom - box.top];
  // Relative to the frames' sizes, so that it does not depend on the drawing's resolution.
  const most = MAX_SCALE * Math.min(height / ink.height, width / ink.width);
  const scale = Math.min((INNER * width) / across, (INNER * height) / down, most);
  const room = { x: Math.floor((width - across * scale) / 2), y: Math.floor((height - down * scale) / 2) };
  const boxed = { scale, x: room.x - box.left * scale, y: room.y - box.top * scale };
  const mass = centreOfMass(resample(ink, boxed, height, width, [0])) ?? { x: width / 2, y: height / 2 };
  const placement = {
    scale,
    x: boxed.x + clamp(toMiddle(mass.x, width), -room.x, Math.floor(width - across * scale) - room.x),
    y: boxed.y + clamp(toMiddle(mass.y, height), -room.y, Math.floor(height - down * scale) - room.y),
  };
  return { picture: resample(ink, placement, height, width, [0]), placement };
}

/** Integer shift that brings a position within half a pixel of the middle (ties go below it), as in MNIST. */
const toMiddle = (place: number, length: number) => Math.ceil((length - 1) / 2 - place - 1e-9);

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
