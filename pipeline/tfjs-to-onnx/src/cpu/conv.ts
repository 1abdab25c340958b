import type { GraphBuilder, Ref } from '../graph.ts';
import { type ConvInfo, convAttributes, convInfo } from '../rules/conv.ts';
import { nchw, plain, Value } from '../value.ts';
import type { BlockedForms } from './forms.ts';

type Window = Parameters<typeof convInfo>[2];
type Activation = string | undefined;

/** ONNX Runtime's blocked kernels in every direction of a convolution; undefined where the sizes do not fit them. */
export function blockedConv(forms: BlockedForms) {
  const { block, blocked, kernel, opposite } = forms;
  const whole = (channels: number) => channels % block === 0;
  const fits = (inputs: number, outputs: number) => whole(outputs) && (whole(inputs) || inputs < block);
  const image = (x: Value, g: GraphBuilder): Ref => x.as(whole(x.shape[3] ?? 0) ? blocked : nchw, g);
  const biasOf = (bias: Value | undefined, g: GraphBuilder): Ref | undefined =>
    bias && g.reshape(bias.as(plain, g), [bias.shape.at(-1) ?? 1]);
  /** Only relu is part of the kernels. */
  const fused = (activation: Activation) => (activation === 'relu' ? { activation: 'Relu' } : {});

  return {
    conv2d(g: GraphBuilder, x: Value, filter: Value, bias: Value | undefined, attrs: Window, activation: Activation) {
      const info = convInfo(x.shape, filter.shape, attrs);
      if (!fits(info.inChannels, info.outChannels) || !isLinearOrRelu(activation)) return undefined;
      const inputs = [image(x, g), filter.as(kernel, g), biasOf(bias, g)];
      const ref = g.op('nchwc.Conv', inputs, { ...convAttributes(info), ...fused(activation) });
      return new Value(info.outShape, 'float32', blocked, ref);
    },

    /**
     * A transposed convolution of stride s as s² convolutions of stride 1, one for each phase of the output's rows and
     * columns, interleaved: output row s·m + φ meets the kernel rows k ≡ φ + top (mod s) only.
     */
    conv2dBackpropInput(
      g: GraphBuilder,
      dy: Value,
      filter: Value,
      bias: Value | undefined,
      attrs: Window & { inputShape: readonly number[] },
      activation: Activation,
    ) {
      const info = convInfo(attrs.inputShape, filter.shape, attrs);
      const { batchSize: n, inChannels, outChannels } = info;
      if (!fits(outChannels, inChannels) || !isLinearOrRelu(activation)) return undefined;
      const { filterHeight, strideHeight, inHeight, outHeight, filterWidth, strideWidth, inWidth, outWidth } = info;
      const rows = phases(filterHeight, strideHeight, info.padInfo.top, inHeight, outHeight);
      const columns = phases(filterWidth, strideWidth, info.padInfo.left, inWidth, outWidth);
      if (!rows || !columns || info.dilationHeight !== 1 || info.dilationWidth !== 1) return undefined;

      const [source, weights] = [image(dy, g), filter.as(opposite, g)];
      const [height, width] = [Math.ceil(inHeight / strideHeight), Math.ceil(inWidth / strideWidth)];
      const images = (n * inChannels) / block;
      const interleaved = rows.map((row) => {
        const parts = columns.map((column) => {
          const taps = tapsOf(g, weights, row, column, [strideHeight, strideWidth], block);
          const part = g.op('nchwc.Conv', [source, taps, biasOf(bias, g)], {
            kernel_shape: [row.taps, column.taps],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [row.before, column.before, row.after, column.after],
            ...fused(activation),
          });
          return g.reshape(part, [images, height, width, 1, block]);
        });
        const [only] = parts;
        const line = parts.length === 1 && only ? only : g.op('Concat', parts, { axis: 3 });
        return g.reshape(line, [images, height, 1, width * strideWidth * block]);
      });
      const [only] = interleaved;
      const all = interleaved.length === 1 && only ? only : g.op('Concat', interleaved, { axis: 2 });
      const full = g.reshape(all, [images, height * strideHeight, width * strideWidth, block]);
      const exact = height * strideHeight === inHeight && width * strideWidth === inWidth;
      const cut = exact ? full : g.op('Slice', [full, g.ints([0, 0]), g.ints([inHeight, inWidth]), g.ints([1, 2])]);
      return new Value(info.inShape, 'float32', blocked, g.reshape(cut, [n, inChannels, inHeight, inWidth]));
    },

    /**
     * The gradient by the kernel as a convolution whose channels are the images of the batch: X as `[I, N, H, W]`,
     * dY as a kernel `[O, N, h, w]`, dilated by the stride. The batch is filled up to whole blocks with zeros.
     */
    conv2dBackpropFilter(g: GraphBuilder, x: Value, dy: Value, attrs: Window & { filterShape: readonly number[] }) {
      const filterShape = attrs.filterShape as [number, number, number, number];
      const info = convInfo(x.shape, filterShape, attrs);
      const { batchSize: n, inChannels, outChannels, outHeight, outWidth, filterHeight: kh, filterWidth: kw } = info;
      if (!fits(inChannels, outChannels)) return undefined;
      const filled = Math.ceil(n / block) * block;

      const gradients = padBatch(g, dy.as(blocked, g), filled - n); // [N, O/b, h, w, b]
      const asKernel = g.transpose(
        g.reshape(gradients, [filled / block, block, outChannels / block, outHeight, outWidth, block]),
        [2, 0, 3, 4, 1, 5],
      );
      const taps = g.op(
        'nchwc.Conv',
        [imagesAsChannels(g, x, info, filled), g.reshape(asKernel, [outChannels, filled, outHeight, outWidth])],
        {
          kernel_shape: [outHeight, outWidth],
          strides: [1, 1],
          dilations: [info.strideHeight, info.strideWidth],
          pads: [0, 0, 0, 0],
        },
      ); // [I, O, kh, kw]
      const data = whole(inChannels)
        ? g.transpose(
            g.reshape(taps, [inChannels / block, block, outChannels / block, kh * kw, block]),
            [2, 0, 3, 1, 4],
          )
        : g.transpose(g.reshape(taps, [inChannels, outChannels / block, kh * kw, block]), [1, 0, 2, 3]);
      return new Value(filterShape, 'float32', kernel, g.reshape(data, [outChannels, inChannels, kh, kw]));
    },
  };

  /** X as `[C, N, H, W]`, blocked over the images, with the convolution's padding laid around it. */
  function imagesAsChannels(g: GraphBuilder, x: Value, info: ConvInfo, filled: number): Ref {
    const { batchSize: n, inChannels: c, inHeight: h, inWidth: w } = info;
    const { top, left } = info.padInfo;
    const channelsFirst = x.forms.has(plain)
      ? g.transpose(x.as(plain, g), [3, 0, 1, 2])
      : g.transpose(x.as(nchw, g), [1, 0, 2, 3]);
    const whole =
      filled === n ? channelsFirst : g.op('Pad', [channelsFirst, g.ints([0, 0, 0, 0, 0, filled - n, 0, 0])]);
    const images = g.op('nchwc.ReorderInput', [whole]); // [C, N, H, W]
    // Exactly what the windows cover; rows that no window reaches are cut off (a negative pad).
    const bottom = info.strideHeight * (info.outHeight - 1) + info.filterHeight - top - h;
    const right = info.strideWidth * (info.outWidth - 1) + info.filterWidth - left - w;
    if (top === 0 && left === 0 && bottom === 0 && right === 0) return images;
    const flat = g.reshape(images, [(c * filled) / block, h, w, block]);
    const padded = g.op('Pad', [flat, g.ints([0, top, left, 0, 0, bottom, right, 0])]);
    return g.reshape(padded, [c, filled, h + top + bottom, w + left + right]);
  }
}

const isLinearOrRelu = (activation: Activation) =>
  activation === undefined || activation === 'linear' || activation === 'relu';

/** One phase of a transposed convolution along one axis. */
interface Phase {
  /** First tap of the kernel that this phase meets; every stride-th after it follows. */
  readonly first: number;
  readonly taps: number;
  readonly before: number;
  readonly after: number;
}

/** The phases along one axis, or undefined where one of them is not a plain padded convolution. */
function phases(kernel: number, stride: number, pad: number, full: number, steps: number): Phase[] | undefined {
  const length = Math.ceil(full / stride);
  const all = Array.from({ length: stride }, (_, phase): Phase => {
    const first = (phase + pad) % stride;
    const taps = Math.ceil((kernel - first) / stride);
    const offset = Math.floor((phase + pad) / stride);
    return { first, taps, before: taps - 1 - offset, after: length - steps + offset };
  });
  return all.every(({ taps, before, after }) => taps > 0 && before >= 0 && after >= 0) ? all : undefined;
}

/** The taps of one phase, in reverse, out of a kernel `[I, O, kh, kw]` in the opposite form. */
function tapsOf(
  g: GraphBuilder,
  weights: Ref,
  row: Phase,
  column: Phase,
  [sh, sw]: readonly [number, number],
  b: number,
): Ref {
  const [i, o, kh, kw] = weights.shape as [number, number, number, number];
  const last = [row.first + sh * (row.taps - 1), column.first + sw * (column.taps - 1)];
  // One step beyond the first tap; before the beginning, "as far as it goes".
  const ends = [row.first - sh, column.first - sw].map((end) => (end < 0 ? -(2 ** 31) : end));
  const data = g.reshape(weights, o % b === 0 ? [i / b, o / b, kh, kw, b, b] : [i / b, o, kh, kw, b]);
  const sliced = g.op('Slice', [data, g.ints(last), g.ints(ends), g.ints([2, 3]), g.ints([-sh, -sw])]);
  return g.reshape(sliced, [i, o, row.taps, column.taps]);
}

const padBatch = (g: GraphBuilder, x: Ref, images: number): Ref =>
  images === 0 ? x : g.op('Pad', [x, g.ints([0, 0, 0, 0, images, 0, 0, 0])]);
