import { nchw, plain, Value } from '../../forms.ts';
import { permutedPlaces, type Ref, type Shape } from '../../ir.ts';
import { isByChannel } from '../../kernels/conv.ts';
import { type Geometry, inputShape, type WindowAttrs } from '../../kernels/window.ts';
import { type BlockedForms, gatherRows } from './forms.ts';
import { isUsualGradient, usualConvolution } from './geometry.ts';

type Inputs = { readonly dy: Value; readonly filter: Value; readonly bias?: Value };
type Attrs = WindowAttrs & { readonly inputShape: Shape; readonly activation?: 'relu' | 'linear' };

/**
 * Transposed convolutions (the gradient of a convolution by its input) by blocked convolutions of stride 1. With
 * stride s an output row s·m + φ meets only the kernel rows k ≡ φ + pad (mod s): each phase φ of the rows and of the
 * columns is its own convolution, and their outputs are interleaved. Undefined where the sizes do not fit.
 */
export function transposedConv({ block, isBlocked, blocked, flipped }: BlockedForms) {
  return ({ dy, filter, bias }: Inputs, attrs: Attrs): Value | undefined => {
    const geo = usualConvolution(attrs.inputShape, filter.shape, attrs);
    if (!geo || !isUsualGradient(dy, geo) || geo.dilations.some((d) => d !== 1)) return undefined;
    const { batch: n, inChannels: i, outChannels: o } = geo;
    if (!isBlocked(i) || !(isBlocked(o) || o < block) || (bias && !isByChannel(bias, i))) return undefined;
    const [rows, columns] = [phasesOf(geo, 0), phasesOf(geo, 1)];
    if (!rows || !columns) return undefined;

    const [inHeight = 1, inWidth = 1] = geo.inputs;
    const [filterHeight = 1, filterWidth = 1] = geo.kernel;
    const [height, width] = [Math.ceil(inHeight / rows.length), Math.ceil(inWidth / columns.length)];
    const images = (n * i) / block;
    // The flipped form has its tiles in the order of [O/b, I/b]: each phase's kernel takes them as [I/b, O/b].
    const [outputs, inputs] = [i / block, isBlocked(o) ? o / block : o];
    const tiles = permutedPlaces(isBlocked(o) ? [inputs, outputs] : [outputs, inputs], isBlocked(o) ? [1, 0] : [0, 1]);
    const fused = attrs.activation === 'relu' && ({ activation: 'Relu' } as const);
    return new Value(inputShape(geo), 'float32', blocked, (g) => {
      const source = dy.as(isBlocked(o) ? blocked : nchw, g);
      const taps = filter.as(flipped, g);
      const offset = bias && g.reshape(bias.as(plain, g), [i]);
      const parts = rows.flatMap((row) =>
        columns.map((column) => {
          const [kh, kw] = [row.taps.length, column.taps.length];
          const used = tiles.flatMap((tile) =>
            row.taps.flatMap((r) => column.taps.map((c) => (tile * filterHeight + r) * filterWidth + c)),
          );
          return g['nchwc.Conv'](source, gatherRows(g, taps, used, [i, o, kh, kw]), offset, {
            kernel_shape: [kh, kw],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [row.before, column.before, row.after, column.after],
            ...fused,
          });
        }),
      );
      if (parts.length === 1) return parts[0] as Ref;
      const pixels = g.reshape(g.Concat(parts, { axis: 0 }), [parts.length * images * height * width, block]);
      // The pixels of a phase are apart in the image.
      const places = range(images * inHeight * inWidth).map((pixel) => {
        const [x, line] = [pixel % inWidth, Math.floor(pixel / inWidth)];
        const [y, image] = [line % inHeight, Math.floor(line / inHeight)];
        const phase = (y % rows.length) * columns.length + (x % columns.length);
        const row = (phase * images + image) * height + Math.floor(y / rows.length);
        return row * width + Math.floor(x / columns.length);
      });
      return gatherRows(g, pixels, places, [n, i, inHeight, inWidth]);
    });
  };
}

/** One phase along one axis: a convolution of dy by some of the kernel's taps. */
interface Phase {
  /** In the order in which they meet dy. */
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** As many phases as the stride; undefined where a phase has no tap at all, or would cut dy off. */
function phasesOf({ kernel, strides, before, inputs, outputs }: Geometry, axis: 0 | 1): Phase[] | undefined {
  const [taps = 1, stride = 1, pad = 0] = [kernel[axis], strides[axis], before[axis]];
  const [full = 1, steps = 1] = [inputs[axis], outputs[axis]];
  const phases = range(stride).map((phase): Phase => {
    const first = (phase + pad) % stride;
    const count = Math.max(0, Math.ceil((taps - first) / stride));
    const shift = Math.floor((phase + pad) / stride);
    return {
      taps: range(count).map((j) => first + stride * (count - 1 - j)),
      before: count - 1 - shift,
      after: Math.ceil(full / stride) - steps + shift,
    };
  });
  return phases.every((phase) => phase.taps.length > 0 && phase.before >= 0 && phase.after >= 0) ? phases : undefined;
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
