import type { GraphBuilder, Ref } from '../graph.ts';
import { type ConvInfo, convAttributes, convInfo } from '../rules/conv.ts';
import { nchw, plain, Value } from '../value.ts';
import type { BlockedForms } from './forms.ts';
import { transposedConv } from './transposed.ts';

type Window = Parameters<typeof convInfo>[2];
type Activation = string | undefined;

/** ONNX Runtime's blocked kernels in every direction of a convolution; undefined where the sizes do not fit them. */
export function blockedConv(forms: BlockedForms) {
  const { block, blocked, kernel } = forms;
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

    conv2dBackpropInput: transposedConv(forms),

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

const padBatch = (g: GraphBuilder, x: Ref, images: number): Ref =>
  images === 0 ? x : g.op('Pad', [x, g.ints([0, 0, 0, 0, images, 0, 0, 0])]);
