import type { GraphBuilder } from '../../builder.ts';
import { nchw, plain, Value } from '../../forms.ts';
import type { Window } from '../../infer.ts';
import type { Ref, Shape } from '../../ir.ts';
import { beyond, type ConvInfo, convAttributes, convInfo, type WindowAttrs } from '../../kernels/window.ts';
import { type BlockedForms, permuteRows } from './forms.ts';

/** ONNX Runtime's blocked kernels, forward and by the kernel; undefined where the sizes do not fit them. */
export function blockedConv({ block, isBlocked, blocked, kernel }: BlockedForms) {
  const fits = (inputs: number, outputs: number) => isBlocked(outputs) && (isBlocked(inputs) || inputs < block);
  const imageOf = (x: Value, g: GraphBuilder): Ref => x.as(isBlocked(x.shape[3] ?? 0) ? blocked : nchw, g);

  return { fits, conv2d, conv2dBackpropFilter };

  function conv2d({ x, filter, bias }: ConvInputs, attrs: ConvAttrs): Value | undefined {
    const info = convInfo(x.shape, filter.shape, attrs);
    const { activation = 'linear' } = attrs;
    // Of the activations only relu is part of the kernels.
    if (!fits(info.inChannels, info.outChannels) || !['linear', 'relu'].includes(activation)) return undefined;
    // With stride 1 the kernels pad as fast themselves.
    const given = { image: (g: GraphBuilder) => imageOf(x, g), window: convAttributes(info) };
    const padded = info.strideWidth > 1 ? withPaddedColumns(x, info) : given;
    if (!padded) return undefined;
    return new Value(info.outShape, 'float32', blocked, (g) => {
      const image = padded.image(g);
      const offset = bias && g.reshape(bias.as(plain, g), [info.outChannels]);
      const fused = activation === 'relu' && ({ activation: 'Relu' } as const);
      return g['nchwc.Conv'](image, filter.as(kernel, g), offset, { ...padded.window, ...fused });
    });
  }

  /**
   * The gradient by the kernel as a convolution whose channels are the images of the batch: X as `[I, N, H, W]`,
   * dY as a kernel `[O, N, h, w]`, dilated by the stride. The batch is filled up to full blocks with zeros.
   */
  function conv2dBackpropFilter({ x, dy }: GradientInputs, attrs: GradientAttrs): Value | undefined {
    const info = convInfo(x.shape, attrs.filterShape, attrs);
    const { batchSize: n, inChannels: i, outChannels: o, outHeight: h, outWidth: w } = info;
    const [kh, kw] = [info.filterHeight, info.filterWidth];
    const padded = fits(i, o) ? withPaddedColumns(x, info) : undefined;
    if (!padded) return undefined;
    const filled = Math.ceil(n / block) * block;
    return new Value(attrs.filterShape, 'float32', kernel, (g) => {
      const image = padded.image(g);
      const gradients = padBatch(g, dy.as(blocked, g), 0, filled - n); // [N, O/b, h, w, b]
      const byImages = g.reshape(gradients, [filled / block, block, o / block, h * w, block]);
      const asKernel = g.reshape(permuteRows(g, byImages, [2, 0, 3, 1]), [o, filled, h, w]);

      const channelsFirst = isBlocked(i) ? g['nchwc.ReorderOutput'](image, { channels: i }) : image;
      const asImages = padBatch(g, g.transpose(channelsFirst, [1, 0, 2, 3]), 1, filled - n); // [I, N, H, W]
      const gradient = g['nchwc.Conv'](g['nchwc.ReorderInput'](asImages), asKernel, undefined, {
        kernel_shape: [h, w],
        strides: [1, 1],
        dilations: [info.strideHeight, info.strideWidth],
        pads: padded.window.pads,
      }); // [I, O, kh, kw]
      const data = isBlocked(i)
        ? g.transpose(g.reshape(gradient, [i / block, block, o / block, kh * kw, block]), [2, 0, 3, 1, 4])
        : g.transpose(g.reshape(gradient, [i, o / block, kh * kw, block]), [1, 0, 2, 3]);
      return g.reshape(data, [o, i, kh, kw]);
    });
  }

  /**
   * An image with its columns padded for a strided convolution, and the attributes that are left: the kernels are a
   * quarter faster than when they pad columns themselves (rows cost nothing). A convolution and the gradient by its
   * kernel share it. Undefined where the windows see nothing but padding.
   */
  function withPaddedColumns(x: Value, info: ConvInfo): PaddedImage | undefined {
    const { batchSize: n, inChannels: c, inHeight: h, inWidth: w, padInfo } = info;
    // Exactly what the windows cover: a row or column that none reaches is cut off.
    const [bottom, right] = beyond(info);
    const [height, width] = [h + Math.min(0, bottom), w + padInfo.left + right];
    if (height <= 0 || width <= 0) return undefined;
    const vector = isBlocked(c) ? block : 1;
    const pads = [0, 0, padInfo.left * vector, 0, height - h, right * vector];
    return {
      window: { ...convAttributes(info), pads: [padInfo.top, 0, Math.max(0, bottom), 0] },
      image: (g) => {
        const flat = g.reshape(imageOf(x, g), [(n * c) / vector, h, w * vector]);
        return g.reshape(pads.every((pad) => pad === 0) ? flat : g.Pad(flat, g.ints(pads)), [n, c, height, width]);
      },
    };
  }
}

type ConvInputs = { readonly x: Value; readonly filter: Value; readonly bias?: Value };
type ConvAttrs = WindowAttrs & { readonly activation?: string };
type GradientInputs = { readonly x: Value; readonly dy: Value };
type GradientAttrs = WindowAttrs & { readonly filterShape: Shape };

interface PaddedImage {
  image(g: GraphBuilder): Ref;
  readonly window: Window & { readonly pads: Shape };
}

function padBatch(g: GraphBuilder, x: Ref, axis: number, images: number): Ref {
  if (images === 0) return x;
  const after = x.shape.map((_, i) => (i === axis ? images : 0));
  return g.Pad(x, g.ints([...x.shape.map(() => 0), ...after]));
}
