import type { PixelLoss } from '../../../pipeline/artifacts/fields.ts';

/** Probabilities are clipped to this distance from 0 and 1, as in the pipeline: the resolution of a float32 below 1. */
const MARGIN = 2 ** -25;

/** The error of one value, by kind. */
const ERRORS: Readonly<Record<PixelLoss, (target: number, made: number) => number>> = {
  'binary cross-entropy': (target, made) => {
    const p = Math.min(1 - MARGIN, Math.max(MARGIN, made));
    return -(target * Math.log(p) + (1 - target) * Math.log(1 - p));
  },
  'mean squared error': (target, made) => (made - target) ** 2,
  'mean absolute error': (target, made) => Math.abs(made - target),
};

/**
 * The error of each pixel (mean over its channels) and the overall mean, as `convae encode` computes it.
 * @param pixels 0–255, `[H, W, C]`
 * @param reconstruction in [0, 1], `[H, W, C]`
 * @returns in the unit of the error; `[H, W]`
 */
export function pixelErrors(
  kind: PixelLoss,
  pixels: Uint8Array,
  reconstruction: Float32Array,
  channels: number,
): { errorMap: Float32Array; error: number } {
  const errorMap = new Float32Array(pixels.length / channels);
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) {
    const target = (pixels[i] as number) / 255;
    const made = reconstruction[i] as number;
    const error = ERRORS[kind](target, made);
    sum += error;
    const at = Math.floor(i / channels);
    errorMap[at] = (errorMap[at] as number) + error / channels;
  }
  return { errorMap, error: sum / pixels.length };
}
