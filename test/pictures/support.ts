import sharp from 'sharp';

export interface Decoded {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
  /** The channels of a pixel. */
  at(x: number, y: number): number[];
}

/** A picture's pixels, as a decoder other than the one that wrote them sees it. */
export async function decode(encoded: Uint8Array, page = 0): Promise<Decoded> {
  const image = sharp(encoded, { page });
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true }); // three equal channels of gray
  const { width, height, channels } = info;
  return {
    width,
    height,
    channels,
    data,
    at: (x, y) => [...data.subarray((y * width + x) * channels).subarray(0, channels)],
  };
}

/** The pixels of an area whose red, green and blue meet a condition. */
export function pixelsWhere(
  { width, height, channels, data }: Decoded,
  meets: (red: number, green: number, blue: number) => boolean,
  { left = 0, top = 0, right = width, bottom = height } = {},
): { x: number; y: number }[] {
  const found = [];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = (y * width + x) * channels;
      if (meets(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0)) found.push({ x, y });
    }
  }
  return found;
}

export const isInk = (...rgb: [number, number, number]): boolean => Math.max(...rgb) < 100;

/** Bytes from a fixed seed. */
export function noise(count: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** `#rrggbb` as three bytes. */
export const rgbOf = (hex: string): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
