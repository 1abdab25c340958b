/** Probabilities are clipped to this distance from 0 and 1, as in the pipeline: the resolution of a float32 below 1. */
const MARGIN = 2 ** -25;

/**
 * The error of each pixel (mean over its channels) and the overall mean, as `convae encode` computes it.
 * @param pixels 0–255, `[H, W, C]`
 * @param reconstruction in [0, 1], `[H, W, C]`
 * @returns nats for binary cross-entropy, squared range for the mean squared error; `[H, W]`
 */
export function pixelErrors(
  kind: 'binary cross-entropy' | 'mean squared error',
  pixels: Uint8Array,
  reconstruction: Float32Array,
  channels: number,
): { errorMap: Float32Array; error: number } {
  const errorMap = new Float32Array(pixels.length / channels);
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) {
    const target = (pixels[i] as number) / 255;
    const made = reconstruction[i] as number;
    const p = Math.min(1 - MARGIN, Math.max(MARGIN, made));
    const error =
      kind === 'mean squared error' ? (made - target) ** 2 : -(target * Math.log(p) + (1 - target) * Math.log(1 - p));
    sum += error;
    const at = Math.floor(i / channels);
    errorMap[at] = (errorMap[at] as number) + error / channels;
  }
  return { errorMap, error: sum / pixels.length };
}
