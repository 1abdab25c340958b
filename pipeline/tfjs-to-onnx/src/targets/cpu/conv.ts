import type { GraphBuilder } from '../../builder.ts';
import { nchw, plain, Value } from '../../forms.ts';
import type { Window } from '../../infer.ts';
import type { Ref, Shape } from '../../ir.ts';
import { isByChannel } from '../../kernels/conv.ts';
import { type Geometry, inputShape, outputShape, type WindowAttrs, windowAttributes } from '../../kernels/window.ts';
import { type BlockedForms, permuteRows } from './forms.ts';
import { isUsualGradient, usualConvolution } from './geometry.ts';

/** ONNX Runtime's blocked kernels, forward and by the kernel; undefined where the sizes do not fit them. */
export function blockedConv({ block, isBlocked, blocked, kernel }: BlockedForms) {
  const fits = (inputs: number, outputs: number) => isBlocked(outputs) && (isBlocked(inputs) || inputs < block);
  const imageOf = (x: Value, g: GraphBuilder): Ref => x.as(isBlocked(x.shape[3] ?? 0) ? blocked : nchw, g);

  return { fits, conv2d, conv2dBackpropFilter };

  function conv2d({ x, filter, bias }: ConvInputs, attrs: ConvAttrs): Value | undefined {
    const geo = usualConvolution(x.shape, filter.shape, attrs);
    const { activation = 'linear' } = attrs;
    // Of the activations only relu is part of the kernels.
    if (!geo || !fits(geo.inChannels, geo.outChannels) || !['linear', 'relu'].includes(activation)) return undefined;
    if (bias && !isByChannel(bias, geo.outChannels)) return undefined;
    // With stride 1 the kernels pad as fast themselves.
    const given = { image: (g: GraphBuilder) => imageOf(x, g), window: windowAttributes(geo) };
    const padded = (geo.strides[1] ?? 1) > 1 ? withPaddedColumns(x, geo) : given;
    if (!padded) return undefined;
    return new Value(outputShape(geo), 'float32', blocked, (g) => {
      const image = padded.image(g);
      const offset = bias && g.reshape(bias.as(plain, g), [geo.outChannels]);
      const fused = activation === 'relu' && ({ activation: 'Relu' } as const);
      return g['nchwc.Conv'](image, filter.as(kernel, g), offset, { ...padded.window, ...fused });
    });
  }

  /**
   * The gradient by the kernel as a convolution whose channels are the images of the batch: X as `[I, N, H, W]`,
   * dY as a kernel `[O, N, h, w]`, dilated by the stride. The batch is filled up to full blocks with zeros.
   */
  function conv2dBackpropFilter({ x, dy }: GradientInputs, attrs: GradientAttrs): Value | undefined {
    const geo = usualConvolution(x.shape, attrs.filterShape, attrs);
    if (!geo || !fits(geo.inChannels, geo.outChannels) || !isUsualGradient(dy, geo)) return undefined;
    const { batch: n, inChannels: i, outChannels: o, strides } = geo;
    const [[h, w], [kh, kw]] = [geo.outputs as Pair, geo.kernel as Pair];
    const padded = withPaddedColumns(x, geo);
    if (!padded) return undefined;
    const filled = Math.ceil(n / block) * block;
    return new Value(attrs.filterShape, 'float32', kernel, (g) => {
      const image = padded.image(g);
      const gradients = padBatch(g, dy.as(blocked, g), 0, filled - n); // [N, O/b, h, w, b]
      const byImages = g.reshape(gradients, [filled / block, block, o / block, h * w, block]);
      const asKernel = g.reshape(permuteRows(g, byImages, [2, 0, 3, 1]), [o, filled, h, w]);

      const asImages = imagesAsChannels(g, image, filled); // [I, N, H, W]
      const gradient = g['nchwc.Conv'](g['nchwc.ReorderInput'](asImages), asKernel, undefined, {
        kernel_shape: [h, w],
        strides: [1, 1],
        dilations: strides,
        pads: padded.window.pads,
      }); // [I, O, kh, kw]
      const data = isBlocked(i)
        ? g.transpose(g.reshape(gradient, [i / block, block, o / block, kh * kw, block]), [2, 0, 3, 1, 4])
        : g.transpose(g.reshape(gradient, [i, o / block, kh * kw, block]), [1, 0, 2, 3]);
      return g.reshape(data, [o, i, kh, kw]);
    });
  }

  /** Images of blocked channels, or of few, as `[C, N, H, W]`, filled up with zeros. */
  function imagesAsChannels(g: GraphBuilder, image: Ref, filled: number): Ref {
    const [n, c, h, w] = image.shape as Shape4;
    if (!isBlocked(c)) return padBatch(g, g.transpose(image, [1, 0, 2, 3]), 1, filled - n);
    const rows = permuteRows(g, g.reshape(image, [n, c / block, h * w * block]), [1, 0]); // [C/b, N, h·w·b]
    const images = g.reshape(padBatch(g, rows, 1, filled - n), [c / block, block, filled, h * w]);
    return g.reshape(g['nchwc.ReorderOutput'](images, { channels: block }), [c, filled, h, w]);
  }

  /**
   * An image with its columns padded for a strided convolution, and the attributes that are left: the kernels are a
   * quarter faster than when they pad columns themselves (rows cost nothing). A convolution and the gradient by its
   * kernel share it. Undefined where the windows see nothing but padding.
   */
  function withPaddedColumns(x: Value, geo: Geometry): PaddedImage | undefined {
    const [n, h, w, c] = inputShape(geo) as Shape4;
    // Exactly what the windows cover: a row or column that none reaches is cut off.
    const [[top, left], [bottom, right]] = [geo.before as Pair, geo.after as Pair];
    const [height, width] = [h + Math.min(0, bottom), w + left + right];
    if (height <= 0 || width <= 0) return undefined;
    const vector = isBlocked(c) ? block : 1;
    const pads = [0, 0, left * vector, 0, height - h, right * vector];
    return {
      window: { ...windowAttributes(geo), pads: [top, 0, Math.max(0, bottom), 0] },
      image: (g) => {
        const flat = g.reshape(imageOf(x, g), [(n * c) / vector, h, w * vector]);
        return g.reshape(pads.every((pad) => pad === 0) ? flat : g.Pad(flat, g.ints(pads)), [n, c, height, width]);
      },
    };
  }
}

type Pair = readonly [number, number];
type Shape4 = readonly [number, number, number, number];
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
