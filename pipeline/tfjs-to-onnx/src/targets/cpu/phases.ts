import type { Geometry } from '../../kernels/window.ts';

/*
 * A convolution of stride s by phases. Pixel s·m + φ of a row meets, in output o, only the taps k ≡ φ + pad (mod s): the
 * pixels of each phase φ and those taps are a convolution of stride 1, forward as well as back.
 */

/** What one phase along one axis has to do with the outputs. */
export interface Phase {
  /** Of the kernel, in the order in which they meet the image. */
  readonly taps: readonly number[];
  /** Pads of the image of the phase, for the outputs. */
  readonly forward: readonly [before: number, after: number];
  /** Pads of the outputs, for the image of the phase, where the taps are taken in reverse order. */
  readonly back: readonly [before: number, after: number];
}

/** As many phases as the stride; undefined where a phase has no tap at all, or would cut something off. */
export function phasesOf(
  { kernel, strides, before, inputs, outputs }: Geometry,
  axis: number,
  direction: 'forward' | 'back',
): Phase[] | undefined {
  const [count = 1, stride = 1, pad = 0] = [kernel[axis], strides[axis], before[axis]];
  const [full = 1, steps = 1] = [inputs[axis], outputs[axis]];
  const length = Math.ceil(full / stride);
  const phases = range(stride).map((phase): Phase => {
    const first = (phase + pad) % stride;
    const taps = range(Math.max(0, Math.ceil((count - first) / stride))).map((j) => first + stride * j);
    const shift = Math.floor((phase + pad) / stride);
    const last = taps.length - 1;
    return { taps, forward: [shift, steps - shift + last - length], back: [last - shift, length - steps + shift] };
  });
  const fits = (phase: Phase) => phase.taps.length > 0 && phase[direction].every((pads) => pads >= 0);
  return phases.every(fits) ? phases : undefined;
}

/** The most channels of an image that is cheaply copied and computed with zeros for each phase. */
export const FEW = 4;

/** Rows and columns of the four phases of stride 2, in order. */
export const eachPair = <T>(rows: readonly T[], columns: readonly T[]): [T, T][] =>
  rows.flatMap((row) => columns.map((column): [T, T] => [row, column]));

export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
