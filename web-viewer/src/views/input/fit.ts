import type { Preprocessing } from '../../site/schema.ts';
import type { Shape } from '../../ui/pixels.ts';
import { rgbOf } from '../../ui/rgb.ts';
import { borderColour, type Conventions, fromInk, toInk } from './conventions.ts';
import { type AxisPlacement, type Raster, resample, resampleAxes } from './raster.ts';

/** A picture fitted to a frame. */
export interface Fitted {
  /** The full picture, centred; its surroundings have the border's prevailing colour. */
  readonly picture: Raster;
  /** The picture as a drawing on the set's background, at full contrast; null in colour. */
  readonly drawing: Raster | null;
  /** Whether light and dark were swapped. */
  readonly inverted: boolean;
}

/** Ink that differs less than this from the paper counts as noise. */
const NOISE = 24;

/**
 * Fits a picture of any size to a frame. If images are gray and the picture has a light border where theirs is dark (or the
 * reverse), light and dark are swapped.
 * @param rgba `[H, W, 4]`, alpha not premultiplied
 */
export function fitPicture(rgba: Uint8ClampedArray, size: Shape, frame: Shape, conventions: Conventions): Fitted {
  const source = toChannels(flatten(rgba), size, frame.channels);
  const border = borderColour(source);
  const scale = Math.min(frame.width / size.width, frame.height / size.height);
  const place = { scale, x: (frame.width - scale * size.width) / 2, y: (frame.height - scale * size.height) / 2 };
  const picture = resample(source, place, frame.height, frame.width, border);
  if (frame.channels !== 1) return { picture, drawing: null, inverted: false };
  const inverted = (border[0] as number) >= 128 !== (conventions.background[0] as number) >= 128;
  const upright = inverted ? { ...picture, data: picture.data.map((value) => 255 - value) } : picture;
  return { picture: upright, drawing: asDrawing(upright, conventions), inverted };
}

/**
 * Fits a picture to a frame as the model's training images were fitted: put on the background, gray or RGB, then covering the
 * frame, contained in it or stretched. Sizes and positions are whole pixels of the model's images, as the pipeline has them.
 * @param rgba `[H, W, 4]`, alpha not premultiplied
 * @param frame a multiple of the model's images in size
 */
export function fitAsTrained(
  rgba: Uint8ClampedArray,
  size: Shape,
  frame: Shape,
  { height, width, fit, background }: Preprocessing,
): Fitted {
  const colour = rgbOf(background);
  const source = toChannels(onColour(rgba, colour), size, frame.channels);
  const outside = toChannels(Uint8ClampedArray.of(...colour, 255), { ...size, height: 1, width: 1 }, frame.channels);
  const scales = [width / size.width, height / size.height];
  const scale = fit === 'cover' ? Math.max(...scales) : Math.min(...scales);
  const along = (from: number, to: number, whole: number): AxisPlacement => {
    const fitted = fit === 'stretch' ? to : Math.max(1, Math.round(scale * from));
    const margin = Math.floor((to - fitted) / 2);
    return { scale: ((whole / to) * fitted) / from, offset: (whole / to) * margin };
  };
  const horizontal = along(size.width, width, frame.width);
  const vertical = along(size.height, height, frame.height);
  const picture = resampleAxes(source, horizontal, vertical, frame.height, frame.width, [...outside.data]);
  return { picture, drawing: null, inverted: false };
}

/** Maps paper to the set's background and the strongest ink to its pen; a drawing that already fits is unchanged. */
function asDrawing(picture: Raster, conventions: Conventions): Raster {
  const ink = toInk(picture, conventions);
  const [paper = 0] = borderColour(ink);
  const most = ink.data.reduce((a, b) => Math.max(a, b), 0);
  if ((paper === 0 && most >= 128) || most - paper <= NOISE) return picture;
  const low = paper + NOISE;
  return fromInk(
    { ...ink, data: ink.data.map((value) => (255 * Math.max(0, value - low)) / (most - low)) },
    conventions,
  );
}

/** Composites a transparent picture over white; over black where its content is light. */
function flatten(rgba: Uint8ClampedArray): Uint8ClampedArray {
  let [light, mass] = [0, 0];
  for (let i = 0; i < rgba.length; i += 4) {
    light += luminance(rgba, i) * (rgba[i + 3] as number);
    mass += rgba[i + 3] as number;
  }
  if (mass === 255 * (rgba.length / 4)) return rgba;
  const paper = light > 170 * mass ? 0 : 255;
  return onColour(rgba, [paper, paper, paper]);
}

/** Composites a picture over a colour. */
const onColour = (rgba: Uint8ClampedArray, colour: readonly number[]): Uint8ClampedArray =>
  rgba.map((value, i) => {
    const [paper, share] = [colour[i & 3] ?? 0, (rgba[i | 3] as number) / 255];
    return (i & 3) === 3 ? 255 : paper + share * (value - paper);
  });

function toChannels(rgba: Uint8ClampedArray, { height, width }: Shape, channels: number): Raster {
  const data = new Uint8Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    if (channels === 1) data[i] = Math.round(luminance(rgba, 4 * i));
    else for (let c = 0; c < channels; c++) data[channels * i + c] = rgba[4 * i + Math.min(c, 2)] as number;
  }
  return { height, width, channels, data };
}

/** Luma weights of ITU-R BT.601. */
const luminance = (rgba: Uint8ClampedArray, i: number) =>
  0.299 * (rgba[i] as number) + 0.587 * (rgba[i + 1] as number) + 0.114 * (rgba[i + 2] as number);
