import type { GraphBuilder } from '../../builder.ts';
import { type Form, nchw, oihw, plain, sum } from '../../forms.ts';
import type { Ref, Shape } from '../../ir.ts';
import { phasedForm } from './phased-form.ts';

type Shape4 = readonly [number, number, number, number];

const MOST_PIXELS = 32;

export type BlockedForms = ReturnType<typeof blockedForms>;

/**
 * The forms of ONNX Runtime's blocked kernels, for blocks of `b` floats (one vector register). A blocked tensor is
 * declared with its channels first; `b` channels are adjacent in memory.
 */
export function blockedForms(b: number) {
  const isBlocked = (channels: number) => channels % b === 0;

  /** Of how many pixels vectors are combined at once: ONNX Runtime takes several times as long for one after the other. */
  const pixelsBeside = (pixels: number): number => {
    for (let n = Math.min(MOST_PIXELS, pixels); n > 1; n--) if (pixels % n === 0) return n;
    return 1;
  };

  // ONNX Runtime's Reorder operators take float alone.
  const toBlocks = (ref: Ref, g: GraphBuilder): Ref => {
    const [n, h, w, c] = ref.shape as Shape4;
    return g.reshape(g.transpose(g.reshape(ref, [n, h, w, c / b, b]), [0, 3, 1, 2, 4]), [n, c, h, w]);
  };
  const fromBlocks = (ref: Ref, g: GraphBuilder): Ref => {
    const [n, c, h, w] = ref.shape as Shape4;
    return g.reshape(g.transpose(g.reshape(ref, [n, c / b, h, w, b]), [0, 2, 3, 1, 4]), [n, h, w, c]);
  };

  /** Images `[N, H, W, C]`, C a multiple of b: `[N, C/b, H, W, b]` in memory, declared as `[N, C, H, W]`. */
  const blocked: Form = {
    name: `blocked${b}`,
    from: (value, g) => {
      if (value.dtype !== 'float32') return toBlocks(value.as(plain, g), g);
      return value.has(nchw)
        ? g['nchwc.ReorderInput'](value.as(nchw, g))
        : g['nchwc.ReorderInput'](value.as(plain, g), { channels_last: 1 });
    },
    toPlain: (ref, [, , , channels = 1], g) =>
      ref.type === 'float' ? g['nchwc.ReorderOutput'](ref, { channels, channels_last: 1 }) : fromBlocks(ref, g),
    to: new Map([
      [
        nchw,
        (ref, [, , , channels = 1], g) =>
          ref.type === 'float'
            ? g['nchwc.ReorderOutput'](ref, { channels })
            : g.transpose(fromBlocks(ref, g), [0, 3, 1, 2]),
      ],
    ]),
    withChannels: (ref, vector, combine, g) => {
      const [n, c, h, w] = ref.shape as Shape4;
      const pixels = pixelsBeside(h * w);
      const vectors = g.reshape(vector, [vector.shape.length > 1 ? n : 1, c / b, 1, b]);
      const repeated = g.Tile(vectors, g.ints([1, 1, 1, pixels]));
      return g.reshape(combine(g.reshape(ref, [n, c / b, (h * w) / pixels, pixels * b]), repeated), ref.shape);
    },
    channelSums: (ref, g) => {
      const [n, c, h, w] = ref.shape as Shape4;
      if (ref.type !== 'float') return g.reshape(sum(sum(g.reshape(ref, [n, c / b, h * w, b]), [2], g), [0], g), [c]);
      // A product with ones sums several times faster than ReduceSum.
      const ones = g.constant(new Float32Array(n).fill(1), [1, n], 'ones');
      const overImages = g.MatMul(ones, g.reshape(ref, [n, c * h * w]));
      return g.reshape(sum(g.reshape(overImages, [c / b, h * w, b]), [1], g), [c]);
    },
    pixelSums: (ref, g) => {
      const [n, c, h, w] = ref.shape as Shape4;
      return g.reshape(sum(g.reshape(ref, [n, c / b, h * w, b]), [2], g), [n, c]);
    },
  };

  /** Kernels to `outputs` channels, given with those channels last: `[kh, kw, inputs, outputs]`. */
  const block = (ref: Ref, [kh, kw, inputs, outputs]: Shape4, g: GraphBuilder): Ref => {
    const data = isBlocked(inputs)
      ? g.transpose(g.reshape(ref, [kh, kw, inputs / b, b, outputs / b, b]), [4, 2, 0, 1, 3, 5])
      : g.transpose(g.reshape(ref, [kh, kw, inputs, outputs / b, b]), [3, 2, 0, 1, 4]);
    return g.reshape(data, [outputs, inputs, kh, kw]);
  };

  /** The axes of a blocked kernel in another order, for either of its forms. */
  const unblock = (ref: Ref, shape: Shape, blockedInputs: Shape, fewInputs: Shape, g: GraphBuilder): Ref => {
    const [kh, kw, i, o] = shape as Shape4;
    return isBlocked(i)
      ? g.transpose(g.reshape(ref, [o / b, i / b, kh, kw, b, b]), blockedInputs)
      : g.transpose(g.reshape(ref, [o / b, i, kh, kw, b]), fewInputs);
  };

  /** Kernels `[kh, kw, I, O]`, O a multiple of b: `[O/b, I/b, kh, kw, b, b]`, or with few inputs `[O/b, I, kh, kw, b]`. */
  const kernel: Form = {
    name: `kernel${b}`,
    from: (value, g) => block(value.as(plain, g), value.shape as Shape4, g),
    toPlain: (ref, shape, g) => g.reshape(unblock(ref, shape, [2, 3, 1, 4, 0, 5], [2, 3, 1, 0, 4], g), shape),
    to: new Map([
      [oihw, (ref, shape, g) => g.reshape(unblock(ref, shape, [0, 5, 1, 4, 2, 3], [0, 4, 1, 2, 3], g), ref.shape)],
    ]),
  };

  /**
   * The same kernels for the opposite direction, from O channels to I, a multiple of b: rows to gather taps from. Each
   * is a tile `[b of O, b of I]`, in the order of `[O/b, I/b, kh, kw]`; or, where O is less than b, b of I in the order
   * of `[I/b, O, kh, kw]`. Nothing is computed in this form.
   */
  const flipped: Form = {
    name: `flipped${b}`,
    from: (value, g) => {
      const [kh, kw, i, o] = value.shape as Shape4;
      if (!isBlocked(o)) {
        const swapped = block(g.transpose(value.as(plain, g), [0, 1, 3, 2]), [kh, kw, o, i], g);
        return g.reshape(swapped, [(i / b) * o * kh * kw, b]);
      }
      // Each tile transposed: to the blocked kernels a tile is an image of b pixels with b channels.
      const tiles = (o / b) * (i / b) * kh * kw;
      const images = g.reshape(value.as(kernel, g), [tiles, b, b, 1]);
      return g.reshape(g['nchwc.ReorderOutput'](images, { channels: b }), [tiles, b * b]);
    },
  };

  return { block: b, isBlocked, blocked, phased: phasedForm(b, blocked), kernel, flipped };
}
