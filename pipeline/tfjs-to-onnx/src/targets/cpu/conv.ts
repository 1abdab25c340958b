import { nchw, plain, Value } from '../../forms.ts';
import type { Attributes, GraphBuilder, Ref } from '../../graph.ts';
import { type ConvInfo, convAttributes, convInfo } from '../../kernels/conv.ts';
import type { BlockedForms } from './forms.ts';
import { permuteRows } from './rows.ts';

type Window = Parameters<typeof convInfo>[2];

/** ONNX Runtime's blocked kernels forward and by the kernel; undefined where the sizes do not fit them. */
export function blockedConv({ block, blocked, kernel }: BlockedForms) {
  const whole = (channels: number) => channels % block === 0;
  const fits = (inputs: number, outputs: number) => whole(outputs) && (whole(inputs) || inputs < block);

  return { conv2d, conv2dBackpropFilter };

  function conv2d(
    g: GraphBuilder,
    x: Value,
    filter: Value,
    bias: Value | undefined,
    attrs: Window,
    activation: string | undefined,
  ): Value | undefined {
    const info = convInfo(x.shape, filter.shape, attrs);
    // Of the activations only relu is part of the kernels.
    const relu = activation === 'relu';
    if (!fits(info.inChannels, info.outChannels) || !(relu || (activation ?? 'linear') === 'linear')) return undefined;
    // With stride 1 the kernels pad as fast themselves.
    const laid = info.strideWidth > 1 ? padded(g, x, info) : ([imageOf(g, x), convAttributes(info)] as const);
    if (!laid) return undefined;
    const [image, window] = laid;
    const offset = bias && g.reshape(bias.as(plain, g), [info.outChannels]);
    const ref = g.op('nchwc.Conv', [image, filter.as(kernel, g), offset], {
      ...window,
      ...(relu && { activation: 'Relu' }),
    });
    return new Value(info.outShape, 'float32', blocked, ref);
  }

  /**
   * The gradient by the kernel as a convolution whose channels are the images of the batch: X as `[I, N, H, W]`,
   * dY as a kernel `[O, N, h, w]`, dilated by the stride. The batch is filled up to whole blocks with zeros.
   */
  function conv2dBackpropFilter(
    g: GraphBuilder,
    x: Value,
    dy: Value,
    attrs: Window & { filterShape: readonly number[] },
  ): Value | undefined {
    const filterShape = attrs.filterShape as [number, number, number, number];
    const info = convInfo(x.shape, filterShape, attrs);
    const {
      batchSize: n,
      inChannels: i,
      outChannels: o,
      outHeight,
      outWidth,
      filterHeight: kh,
      filterWidth: kw,
    } = info;
    if (!fits(i, o)) return undefined;
    const laid = padded(g, x, info);
    if (!laid) return undefined;
    const filled = Math.ceil(n / block) * block;

    const gradients = padBatch(g, dy.as(blocked, g), 0, filled - n); // [N, O/b, h, w, b]
    const byImages = g.reshape(gradients, [filled / block, block, o / block, outHeight * outWidth, block]);
    const asKernel = g.reshape(permuteRows(g, byImages, [2, 0, 3, 1]), [o, filled, outHeight, outWidth]);

    const [image, { pads }] = laid;
    const channelsFirst = whole(i) ? g.op('nchwc.ReorderOutput', [image], { channels: i }) : image;
    const asImages = padBatch(g, g.transpose(channelsFirst, [1, 0, 2, 3]), 1, filled - n); // [I, N, H, W]
    const gradient = g.op('nchwc.Conv', [g.op('nchwc.ReorderInput', [asImages]), asKernel], {
      kernel_shape: [outHeight, outWidth],
      strides: [1, 1],
      dilations: [info.strideHeight, info.strideWidth],
      pads,
    }); // [I, O, kh, kw]
    const data = whole(i)
      ? g.transpose(g.reshape(gradient, [i / block, block, o / block, kh * kw, block]), [2, 0, 3, 1, 4])
      : g.transpose(g.reshape(gradient, [i, o / block, kh * kw, block]), [1, 0, 2, 3]);
    return new Value(filterShape, 'float32', kernel, g.reshape(data, [o, i, kh, kw]));
  }

  function imageOf(g: GraphBuilder, x: Value): Ref {
    return x.as(whole(x.shape[3] ?? 0) ? blocked : nchw, g);
  }

  /**
   * An image with its columns padded for a strided convolution, and the attributes that are left: the kernels are a
   * quarter faster than when they pad columns themselves (rows cost nothing). A convolution and the gradient by its
   * kernel share it. Undefined where the windows see nothing but padding.
   */
  function padded(g: GraphBuilder, x: Value, info: ConvInfo): [Ref, Attributes] | undefined {
    const { inChannels: c, inHeight: h, inWidth: w, padInfo } = info;
    const image = imageOf(g, x);
    const attrs = convAttributes(info);
    // Exactly what the windows cover: a row or column that none reaches is cut off.
    const bottom = info.strideHeight * (info.outHeight - 1) + info.effectiveFilterHeight - padInfo.top - h;
    const right = info.strideWidth * (info.outWidth - 1) + info.effectiveFilterWidth - padInfo.left - w;
    const [n = 1] = image.shape;
    const rows = Math.min(0, bottom);
    if (h + rows <= 0 || w + padInfo.left + right <= 0) return undefined;
    const vector = whole(c) ? block : 1;
    const flat = g.reshape(image, [(n * c) / vector, h, w * vector]);
    const pads = [0, 0, padInfo.left * vector, 0, rows, right * vector];
    const wide = pads.every((pad) => pad === 0) ? flat : g.op('Pad', [flat, g.ints(pads)]);
    const shape = [n, c, h + rows, w + padInfo.left + right];
    return [g.reshape(wide, shape), { ...attrs, pads: [padInfo.top, 0, Math.max(0, bottom), 0] }];
  }
}

function padBatch(g: GraphBuilder, x: Ref, axis: number, images: number): Ref {
  if (images === 0) return x;
  const after = x.shape.map((_, i) => (i === axis ? images : 0));
  return g.op('Pad', [x, g.ints([...x.shape.map(() => 0), ...after])]);
}
