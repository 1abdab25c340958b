import type { GraphBuilder } from '../builder.ts';
import { nchw, plain, plainValue, Value } from '../forms.ts';
import { product, type Ref, type Shape } from '../ir.ts';
import { number } from './elementwise.ts';
import { type Geometry, inputShape, positive, transposedAttributes, withUnseen } from './window.ts';

/**
 * What each tap of a kernel sees of the images, channels last: `[N, …outputs, I]` for each, in the kernel's order;
 * `outside` in the padding.
 */
export function tapsOf(g: GraphBuilder, x: Value, geo: Geometry, outside = 0): readonly [Ref, ...Ref[]] {
  const { kernel, strides, dilations, outputs } = geo;
  const image = x.as(plain, g);
  const pads = [0, ...geo.before, 0, 0, ...positive(geo.after), 0];
  const padded = pads.every((pad) => pad === 0) ? image : g.Pad(image, g.ints(pads), number(g, outside, x.dtype));
  const axes = kernel.map((_, axis) => axis + 1);
  const taps = placesIn(kernel).map((place) => {
    const starts = place.map((k, i) => k * (dilations[i] ?? 1));
    const ends = starts.map((start, i) => start + (strides[i] ?? 1) * ((outputs[i] ?? 1) - 1) + 1);
    return g.Slice(padded, g.ints(starts), g.ints(ends), g.ints(axes), g.ints(strides));
  });
  return taps as [Ref, ...Ref[]];
}

/** The places in a kernel, row by row. */
export const placesIn = (kernel: Shape): number[][] =>
  Array.from({ length: product(kernel) }, (_, tap) =>
    kernel.map((d, axis) => Math.floor(tap / product(kernel.slice(axis + 1))) % d),
  );

/**
 * Adds up over the image what each tap gives to the pixel that it sees: the transpose of `tapsOf`.
 * @param parts `[N, …outputs, C]` for each tap
 */
export function spread(geo: Geometry, parts: (g: GraphBuilder) => readonly Ref[]): Value {
  const [shape, rank] = [inputShape(geo), geo.inputs.length];
  const sideBySide = (g: GraphBuilder) => g.Concat(parts(g), { axis: rank + 1 });
  return isTiled(geo)
    ? plainValue(shape, 'float32', (g) => tiled(g, sideBySide(g), geo))
    : new Value(shape, 'float32', nchw, (g) => overlaid(g, sideBySide(g), geo));
}

/** Whether the windows lie side by side. */
export const isTiled = ({ kernel, strides, dilations }: Geometry): boolean =>
  kernel.every((k, i) => k === strides[i] && (k === 1 || dilations[i] === 1));

/** Windows that lie side by side, as an image. */
function tiled(g: GraphBuilder, windows: Ref, { batch, inChannels, outputs, kernel, before, after }: Geometry): Ref {
  const rank = kernel.length;
  const order = kernel.flatMap((_, i) => [i + 1, i + 1 + rank]);
  const tiles = g.transpose(g.reshape(windows, [batch, ...outputs, ...kernel, inChannels]), [
    0,
    ...order,
    2 * rank + 1,
  ]);
  const whole = g.reshape(tiles, [batch, ...outputs.map((d, i) => d * (kernel[i] ?? 1)), inChannels]);
  const pads = [0, ...before.map((d) => -d), 0, 0, ...after.map((d) => -d), 0];
  return pads.every((pad) => pad === 0) ? whole : g.Pad(whole, g.ints(pads));
}

/** Windows that overlap, as channels-first images: a transposed convolution whose kernel for a tap is 1 at its place. */
function overlaid(g: GraphBuilder, windows: Ref, geo: Geometry): Ref {
  const { batch, inChannels: c, inputs, outputs, kernel } = geo;
  const [places, rank] = [product(kernel), inputs.length];
  const stacked = g.reshape(windows, [batch, ...outputs, places, c]);
  const planes = g.transpose(stacked, [0, rank + 2, rank + 1, ...outputs.map((_, axis) => axis + 1)]);
  const ones = g.constant(
    Float32Array.from({ length: places ** 2 }, (_, i) => Number(i % (places + 1) === 0)),
    [places, 1, ...kernel],
  );
  const flat = g.reshape(planes, [batch * c, places, ...outputs]);
  const image = g.ConvTranspose(flat, ones, undefined, transposedAttributes(geo));
  return g.reshape(withUnseen(g, image, geo), [batch, c, ...inputs]);
}
