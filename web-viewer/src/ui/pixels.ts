/** Height, width and channels (1 or 3) of an image. */
export interface Shape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * An image as RGBA for a canvas; bytes are copied, floats scaled from [0, 1].
 * @param colours the colours of the values of an image of one channel, `[256, 3]`; gray when not given
 */
export function toImageData(
  pixels: Uint8Array | Float32Array,
  { height, width, channels }: Shape,
  colours?: Uint8ClampedArray,
): ImageData {
  const { data } = new ImageData(width, height);
  const scale = pixels instanceof Float32Array ? 255 : 1;
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      // Rounds and clamps.
      data[4 * i + c] = scale * (pixels[i * channels + Math.min(c, channels - 1)] as number);
      if (colours && channels === 1) data[4 * i + c] = colours[3 * (data[4 * i + c] as number) + c] as number;
    }
    data[4 * i + 3] = 255;
  }
  return new ImageData(data, width, height);
}

/** Colour stops of the error map, from low to high: dark to bright, readable for colour-blind visitors. */
const ERROR_STOPS = [
  [13, 8, 40],
  [86, 16, 110],
  [176, 42, 93],
  [237, 105, 37],
  [251, 180, 26],
  [252, 255, 180],
] as const;
/** The error at the end of the scale, in the unit of the error: the same for all images and models of a kind. */
export const ERROR_SCALE = {
  'binary cross-entropy': 2,
  'mean squared error': 0.25,
  'mean absolute error': 0.5,
} as const;

/** Errors `[H, W]` in colour, 0 the darkest, `most` and above the brightest. */
export function errorImage(errors: Float32Array, { height, width }: Shape, most: number): ImageData {
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    const [r, g, b] = errorColour((errors[i] as number) / most);
    image.data.set([r, g, b, 255], 4 * i);
  }
  return image;
}

/** The colour of a share, 0 to 1, of the error scale. */
export function errorColour(share: number): readonly [number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (ERROR_STOPS.length - 1);
  const low = Math.min(ERROR_STOPS.length - 2, Math.floor(place));
  const [from, to] = [
    ERROR_STOPS[low] as (typeof ERROR_STOPS)[number],
    ERROR_STOPS[low + 1] as (typeof ERROR_STOPS)[number],
  ];
  const mix = (c: 0 | 1 | 2) => Math.round(from[c] + (place - low) * (to[c] - from[c]));
  return [mix(0), mix(1), mix(2)];
}

/** The images, or the latents, of a batch as views. */
export function split(batch: Float32Array, count: number): readonly Float32Array[] {
  const size = batch.length / count;
  return Array.from({ length: count }, (_, i) => batch.subarray(i * size, (i + 1) * size));
}
