import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { plain, plainValue, sum, type Value } from '../forms.ts';
import type { Ref } from '../ir.ts';
import { cast } from './elementwise.ts';
import { firstOf } from './pool.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';
import { placesIn, spread, tapsOf } from './taps.ts';
import {
  convolution,
  fitted,
  type Geometry,
  inputShape,
  outputShape,
  seesNothing,
  type WindowAttrs,
} from './window.ts';

type Attrs = Pick<WindowAttrs, 'strides' | 'pad' | 'dilations'>;
interface Images {
  readonly x: Value;
  readonly filter: Value;
}

/** Sums of what each tap sees and the tap's own number, `[N, h, w, C]` each, and the largest of them. */
function scanned(g: GraphBuilder, { x, filter }: Images, geo: Geometry) {
  const taps = tapsOf(g, cast(x, 'float32'), geo, Number.NEGATIVE_INFINITY);
  const numbers = cast(filter, 'float32').as(plain, g);
  const sums = placesIn(geo.kernel).map((place, i) => {
    const own = g.Slice(numbers, g.ints(place), g.ints(place.map((at) => at + 1)), g.ints([0, 1])); // [1, 1, C]
    return g.Add(taps[i] as Ref, own);
  });
  // What is not a number is larger than nothing.
  const largest = sums.reduce<Ref>((most, one) => g.Where(g.Greater(one, most), one, most), g.float(LEAST));
  return { sums, largest };
}

/** Where tfjs begins to look for the largest sum. */
const LEAST = Number.MIN_SAFE_INTEGER;

const geometryOf = ({ x, filter }: Images, attrs: Attrs): Geometry =>
  convolution(x.shape, [...filter.shape, x.shape.at(-1) ?? 1], attrs);

/** dy where a tap's sum is the first that is the largest, and 0 elsewhere: `[N, h, w, C]` for each tap. */
function shares(g: GraphBuilder, { dy, ...images }: Images & { readonly dy: Value }, geo: Geometry): Ref[] {
  const { sums, largest } = scanned(g, images, geo);
  const masks = firstOf(
    g,
    sums.map((one) => g.Equal(one, largest)),
  );
  return masks.map((mask) => g.Mul(fitted(dy, geo).as(plain, g), g.cast(mask, 'float')));
}

/** Grey-scale dilation: the largest sum of pixel and kernel in each window. */
export const dilations = {
  Dilation2D: rule<tf.Dilation2DInputs, Attrs>((images, attrs) => {
    const geo = geometryOf(images, attrs);
    const shape = outputShape(geo);
    if (seesNothing(geo)) return filled(shape, LEAST, images.x.dtype);
    return cast(
      plainValue(shape, 'float32', (g) => scanned(g, images, geo).largest),
      images.x.dtype,
    );
  }),
  Dilation2DBackpropInput: rule<tf.Dilation2DBackpropInputInputs, Attrs>((inputs, attrs) => {
    const geo = geometryOf(inputs, attrs);
    const shape = inputShape(geo);
    if (seesNothing(geo)) return filled(shape, 0, 'float32');
    return spread(geo, (g) => shares(g, inputs, geo));
  }),
  Dilation2DBackpropFilter: rule<tf.Dilation2DBackpropFilterInputs, Attrs>((inputs, attrs) => {
    const geo = geometryOf(inputs, attrs);
    const { shape } = inputs.filter;
    if (seesNothing(geo)) return filled(shape, 0, 'float32');
    return plainValue(shape, 'float32', (g) => {
      const totals = shares(g, inputs, geo).map((share) => sum(sum(share, [1, 2], g), [0], g)); // [C]
      return g.reshape(g.Concat(totals, { axis: 0 }), shape);
    });
  }),
} satisfies Family;
