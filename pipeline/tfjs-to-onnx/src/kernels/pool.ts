import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { type Form, nchw, plain, plainValue, Value } from '../forms.ts';
import { product, type Ref, type Shape, sameShape } from '../ir.ts';
import { cast, number, numbers } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';
import { isTiled, placesIn, spread, tapsOf } from './taps.ts';
import {
  fitted,
  type Geometry,
  inputShape,
  isEmpty,
  outputShape,
  type PoolAttrs,
  pooled,
  seen,
  seesNothing,
  transposedAttributes,
  windowAttributes,
  withUnseen,
} from './window.ts';

type Inputs = Pick<tf.NamedTensorInfoMap, 'x'>;

/**
 * A pooling, with what each window with no pixel gives.
 * @param emit computes the others in a form
 */
function pool(
  x: Value,
  geo: Geometry,
  nothing: number,
  form: Form,
  emit: (g: GraphBuilder, inner: Geometry) => Ref,
): Value {
  const shape = outputShape(geo);
  const { inner, first, last } = withoutEmptyWindows(geo);
  // As tfjs has it, whatever the strides.
  if (x.shape.length === 4 && sameShape(shape, x.shape) && geo.kernel.every((k) => k === 1)) return x;
  if (isEmpty(shape) || isEmpty(inner.outputs)) return filled(shape, nothing, x.dtype);
  const edges = (counts: Shape) => (form === plain ? [0, ...counts, 0] : [0, 0, ...counts]);
  return new Value(shape, x.dtype, form, (g) => {
    const y = emit(g, inner);
    if ([...first, ...last].every((count) => count === 0)) return y;
    return g.Pad(y, g.ints([...edges(first), ...edges(last)]), number(g, nothing, x.dtype));
  });
}

/** ONNX Runtime takes no pads as large as the window: such windows at the edges have no pixel, and are left out. */
function withoutEmptyWindows(geo: Geometry) {
  const { inputs, outputs, strides, kernel, before, after } = geo;
  const axes = outputs.map((out, i) => {
    const [stride = 1, pad = 0] = [strides[i], before[i]];
    const first = Math.max(0, Math.floor((pad - (kernel[i] ?? 1)) / stride) + 1);
    const last = Math.max(0, out - Math.ceil(((inputs[i] ?? 0) + pad) / stride));
    return {
      first,
      last,
      out: out - first - last,
      before: pad - first * stride,
      after: (after[i] ?? 0) - last * stride,
    };
  });
  const inner: Geometry = {
    ...geo,
    outputs: axes.map(({ out }) => out),
    before: axes.map((axis) => axis.before),
    after: axes.map((axis) => axis.after),
  };
  return { inner, first: axes.map(({ first }) => first), last: axes.map(({ last }) => last) };
}

/** A pooling by ONNX's operator. */
const byOperator = (op: 'MaxPool' | 'AveragePool', x: Value, geo: Geometry, nothing: number): Value =>
  pool(x, geo, nothing, nchw, (g, inner) => {
    const { kernel_shape, strides, pads } = windowAttributes(inner);
    return g[op](seen(g, x.as(nchw, g), inner), { kernel_shape, strides, pads });
  });

function maxPool({ x }: { readonly x: Value }, attrs: PoolAttrs): Value {
  const geo = pooled(x, attrs);
  if (x.dtype === 'float32') return byOperator('MaxPool', x, geo, Number.NEGATIVE_INFINITY);
  // ONNX Runtime pools no int32.
  const whole = cast(x, 'int32');
  const largest = (g: GraphBuilder, inner: Geometry) =>
    tapsOf(g, whole, inner, -(2 ** 31)).reduce((a, b) => g.Max(a, b));
  return cast(pool(whole, geo, 0, plain, largest), x.dtype);
}

/** The mean of each window's pixels; of none, NaN in images and 0 in volumes, as in tfjs. */
const averagePool = (nothing: number) =>
  rule<Inputs, PoolAttrs>(({ x }, attrs) => byOperator('AveragePool', cast(x, 'float32'), pooled(x, attrs), nothing));

type GradientInputs = Pick<tf.NamedTensorInfoMap, 'dy' | 'input'>;

/** dy divided by the full window, at the borders too, as in tfjs. */
const averagePoolGradient = rule<GradientInputs, PoolAttrs>(({ dy, input }, attrs) => {
  const geo = pooled(input, attrs);
  const { batch: n, inChannels: c, inputs, outputs, kernel } = geo;
  const shape = inputShape(geo);
  if (seesNothing(geo)) return filled(shape, 0, 'float32');
  const from = cast(fitted(dy, geo), 'float32');
  if (isTiled(geo)) {
    return spread(geo, (g) => {
      const share = g.Mul(from.as(plain, g), g.float(1 / product(kernel)));
      return placesIn(kernel).map(() => share);
    });
  }
  return new Value(shape, 'float32', nchw, (g) => {
    const size = product(kernel);
    const mean = g.constant(new Float32Array(size).fill(1 / size), [1, 1, ...kernel]);
    const planes = g.reshape(from.as(nchw, g), [n * c, 1, ...outputs]);
    const image = withUnseen(g, g.ConvTranspose(planes, mean, undefined, transposedAttributes(geo)), geo);
    return g.reshape(image, [n, c, ...inputs]);
  });
});

/** dy flows to one maximum of each window: of several, tfjs takes the first in images and the last in volumes. */
const maxPoolGradient = (which: 'first' | 'last') =>
  rule<GradientInputs & { readonly output: tf.TensorInfo }, PoolAttrs>(({ dy, input, output }, attrs) => {
    const geo = pooled(input, attrs);
    if (seesNothing(geo)) return filled(input.shape, 0, 'float32');
    const [from, largest] = [dy, output].map((value) => cast(fitted(value, geo), 'float32')) as [Value, Value];
    return spread(geo, (g) => {
      // What is not a number equals no maximum.
      const taps = tapsOf(g, cast(input, 'float32'), geo, Number.NaN);
      const maximum = largest.as(plain, g);
      const equal = taps.map((tap) => g.Equal(tap, maximum));
      // To tfjs, −∞ is no maximum of an image.
      const none = g.Equal(maximum, g.float(Number.NEGATIVE_INFINITY));
      const masks =
        which === 'first' ? firstOf(g, [none, ...equal]).slice(1) : firstOf(g, equal.toReversed()).toReversed();
      return masks.map((mask) => g.Mul(from.as(plain, g), g.cast(mask, 'float')));
    });
  });

/** Of several masks, where each is the first that is true. */
export function firstOf(g: GraphBuilder, [first, ...rest]: readonly Ref[]): Ref[] {
  if (!first) return [];
  let found = first;
  return [
    first,
    ...rest.map((mask) => {
      const here = g.And(mask, g.Not(found));
      found = g.Or(found, here);
      return here;
    }),
  ];
}

/** Where in the image, row by row and channels last, the first maximum of each window is; −1 where it has none. */
function placesOfMaxima(g: GraphBuilder, x: Value, geo: Geometry, byBatch: boolean): Ref {
  const { batch, inputs, outputs, strides, before, kernel, inChannels: c } = geo;
  const { NEGATIVE_INFINITY: least } = Number;
  const index = (place: Shape) => place.reduce((sum, at, axis) => sum * (inputs[axis] ?? 1) + at, 0) * c;
  let [largest, offset] = [g.float(least), number(g, 0, 'int32')];
  tapsOf(g, x, geo, least).forEach((tap, i) => {
    const larger = g.Greater(tap, largest);
    largest = g.Where(larger, tap, largest);
    offset = g.Where(larger, number(g, index(placesIn(kernel)[i] ?? []), 'int32'), offset);
  });
  const images = byBatch ? batch : 1;
  const corners = placesIn([images, ...outputs, c]).map(([image = 0, ...place]) => {
    const corner = outputs.map((_, axis) => (place[axis] ?? 0) * (strides[axis] ?? 1) - (before[axis] ?? 0));
    return image * product(inputs) * c + index(corner) + (place.at(-1) ?? 0);
  });
  const found = g.Add(numbers(g, corners, [images, ...outputs, c], 'int32'), offset);
  return g.Where(g.Greater(largest, g.float(least)), found, number(g, -1, 'int32'));
}

/** Pooling of images and volumes, and its gradients. */
export const pooling = {
  AvgPool: averagePool(Number.NaN),
  AvgPool3D: averagePool(0),
  AvgPoolGrad: averagePoolGradient,
  AvgPool3DGrad: averagePoolGradient,
  MaxPool: maxPool,
  MaxPool3D: rule<Inputs, PoolAttrs>((inputs, attrs) => cast(maxPool(inputs, attrs), 'float32')),
  MaxPoolGrad: maxPoolGradient('first'),
  MaxPool3DGrad: maxPoolGradient('last'),
  MaxPoolWithArgmax: rule<Inputs, PoolAttrs & Pick<tf.MaxPoolWithArgmaxAttrs, 'includeBatchInIndex'>>(
    ({ x }, attrs) => {
      const geo = pooled(x, attrs);
      const shape = outputShape(geo);
      const places = seesNothing(geo)
        ? filled(shape, -1, 'int32')
        : plainValue(shape, 'int32', (g) =>
            placesOfMaxima(g, cast(x, 'float32'), geo, attrs.includeBatchInIndex ?? false),
          );
      return [maxPool({ x }, attrs), places];
    },
  ),
} satisfies Family;
