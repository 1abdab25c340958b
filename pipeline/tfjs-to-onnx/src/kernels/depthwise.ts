import { nchw, plain, plainValue, Value } from '../forms.ts';
import type { GraphBuilder, Ref } from '../graph.ts';
import { convAttributes, convInfo, tapsOf, transposedAttributes, vector, type Window } from './conv.ts';

/** A convolution of each channel by itself: `[N, H, W, C]` with `[kh, kw, C, M]` gives `[N, h, w, C·M]`. */
export function depthwiseConv2d(
  g: GraphBuilder,
  x: Value,
  filter: Value,
  bias: Value | undefined,
  attrs: Window,
): Value {
  const info = convInfo(x.shape, filter.shape, attrs, true);
  const inputs = [x.as(nchw, g), byChannel(g, filter), vector(g, bias)];
  const ref = g.op('Conv', inputs, { ...convAttributes(info), group: info.inChannels });
  return new Value(info.outShape, 'float32', nchw, ref);
}

export function depthwiseBackpropInput(
  g: GraphBuilder,
  dy: Value,
  filter: Value,
  attrs: Window & { inputShape: readonly number[] },
): Value {
  const info = convInfo(attrs.inputShape, filter.shape, attrs, true);
  const inputs = [dy.as(nchw, g), byChannel(g, filter)];
  const ref = g.op('ConvTranspose', inputs, { ...transposedAttributes(info), group: info.inChannels });
  return new Value(info.inShape, 'float32', nchw, ref);
}

/** For each place in the kernel, the sum over pixels and images of what it saw times dy. */
export function depthwiseBackpropFilter(
  g: GraphBuilder,
  x: Value,
  dy: Value,
  attrs: Window & { filterShape: readonly number[] },
): Value {
  const info = convInfo(x.shape, attrs.filterShape, attrs, true);
  const { batchSize: n, inChannels: c, outChannels, outHeight: h, outWidth: w } = info;
  const gradients = g.reshape(dy.as(plain, g), [n, h * w, c, outChannels / c]);
  const places = tapsOf(g, x, info).map((tap) => {
    const products = g.op('Mul', [g.reshape(tap, [n, h * w, c, 1]), gradients]);
    return sum(g, sum(g, products, 1), 0); // [C, M]
  });
  const [only] = places;
  const all = places.length === 1 && only ? only : g.op('Concat', places, { axis: 0 });
  return plainValue(g.reshape(all, attrs.filterShape));
}

/** `[kh, kw, C, M]` as `[C·M, 1, kh, kw]`. */
function byChannel(g: GraphBuilder, filter: Value): Ref {
  const [kh = 1, kw = 1, c = 1, m = 1] = filter.shape;
  return g.reshape(g.transpose(filter.as(plain, g), [2, 3, 0, 1]), [c * m, 1, kh, kw]);
}

const sum = (g: GraphBuilder, x: Ref, axis: number): Ref => g.op('ReduceSum', [x, g.ints([axis])], { keepdims: 0 });
