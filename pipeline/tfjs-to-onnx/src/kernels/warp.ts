import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { plain, plainValue, type Value } from '../forms.ts';
import type { Ref } from '../ir.ts';
import { columnsOf, forChannels, isInside, placesOf, rounded, steps } from './coordinates.ts';
import { cast, numbers } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';
import { isEmpty } from './window.ts';

const clamped = (g: GraphBuilder, x: Ref, size: number): Ref => g.Max(g.Min(x, g.like(x, size - 1)), g.like(x, 0));

/** Coordinates outside an axis, by the mode that fills them. */
function mapped(g: GraphBuilder, x: Ref, size: number, mode: tf.TransformAttrs['fillMode']): Ref {
  const [zero, last, length, twice] = [0, size - 1, size, 2 * size].map((value) => g.like(x, value)) as Four;
  if (mode === 'constant') return x;
  if (mode === 'nearest' || size <= 1) return clamped(g, x, size);
  const negative = g.Less(x, zero);
  if (mode === 'wrap') {
    // abcd|abcd|abcd
    const low = g.Add(x, g.Mul(length, g.Add(g.Floor(g.Div(g.Neg(x), last)), g.like(x, 1))));
    const high = g.Sub(x, g.Mul(length, g.Floor(g.Div(x, last))));
    return clamped(g, g.Where(negative, low, g.Where(g.Greater(x, last), high, x)), size);
  }
  // dcba|abcd|dcba
  const before = g.Add(x, g.Mul(twice, g.Floor(g.Div(g.Neg(x), twice))));
  const mirrored = (at: Ref) => g.Sub(g.Neg(at), g.like(x, 1));
  const low = g.Where(g.Less(before, g.Neg(length)), g.Add(before, twice), mirrored(before));
  const after = g.Sub(x, g.Mul(twice, g.Floor(g.Div(x, twice))));
  const high = g.Where(g.GreaterOrEqual(after, length), g.Add(twice, mirrored(after)), after);
  return clamped(g, g.Where(negative, low, high), size);
}

type Four = [Ref, Ref, Ref, Ref];

/** Reads pixels at whole coordinates `[1 or N, h, w]` of each image; `fill` where there are none. */
function reader(g: GraphBuilder, image: Value, fill: Ref) {
  const [n = 1, height = 1, width = 1, channels = 1] = image.shape;
  const pixels = g.reshape(image.as(plain, g), [n, height * width, channels]);
  return (y: Ref, x: Ref): Ref => {
    const inside = g.And(isInside(g, y, height), isInside(g, x, width));
    const places = placesOf(g, y, x, width, inside);
    const found =
      places.shape[0] === 1
        ? g.Gather(pixels, g.reshape(places, places.shape.slice(1)), { axis: 1 })
        : g.GatherND(pixels, g.cast(forChannels(g, places), 'int64'), { batch_dims: 1 });
    return g.Where(forChannels(g, inside), found, fill);
  };
}

function bilinear(g: GraphBuilder, y: Ref, x: Ref, read: (row: Ref, column: Ref) => Ref): Ref {
  const [top, left] = [g.Floor(y), g.Floor(x)];
  const [bottom, right] = [g.Add(top, g.like(y, 1)), g.Add(left, g.like(x, 1))];
  const part = (value: Ref, far: Ref, near: Ref) => g.Mul(value, forChannels(g, g.cast(g.Sub(far, near), 'float')));
  const [above, below] = [top, bottom].map((row) =>
    g.Add(part(read(row, left), right, x), part(read(row, right), x, left)),
  ) as [Ref, Ref];
  return g.Add(part(above, bottom, y), part(below, y, top));
}

/** Images whose pixels move. */
export const warping = {
  // (x, y) of the output takes ((a·x + b·y + c) / k, (d·x + e·y + f) / k), k = g·x + h·y + 1, of the image.
  Transform: rule<tf.TransformInputs, tf.TransformAttrs>(({ image, transforms }, attrs) => {
    const [n = 1, height = 1, width = 1, channels = 1] = image.shape;
    const { interpolation, fillMode, fillValue } = attrs;
    const [newHeight, newWidth] = attrs.outputShape ?? [height, width];
    const shape = [n, newHeight, newWidth, channels];
    if (isEmpty([...shape, ...image.shape])) return filled(shape, fillValue, 'float32');
    return plainValue(shape, 'float32', (g) => {
      const factors = columnsOf(g, transforms);
      const [x, y] = [steps(g, 'columns', newWidth), steps(g, 'rows', newHeight)];
      const sum = (at: number, one: Ref) => {
        const [forX, forY] = factors.slice(at) as [Ref, Ref];
        return g.Add(g.Add(g.Mul(forX, x), g.Mul(forY, y)), one);
      };
      const k = sum(6, g.like(x, 1));
      const [fromX, fromY] = [sum(0, factors[2] as Ref), sum(3, factors[5] as Ref)];
      const infinite = g.Equal(k, g.like(k, 0));
      const divisor = g.Where(infinite, g.like(k, 1), k);
      const column = mapped(g, g.Div(fromX, divisor), width, fillMode);
      const row = mapped(g, g.Div(fromY, divisor), height, fillMode);

      const fill = g.float(fillValue);
      const read = reader(g, cast(image, 'float32'), fill);
      const warped =
        interpolation === 'nearest' ? read(rounded(g, row), rounded(g, column)) : bilinear(g, row, column, read);
      return g.Where(forChannels(g, infinite), fill, warped);
    });
  }),
  // Each pixel takes the nearest one before the turn; where they come from is known.
  RotateWithOffset: rule<tf.RotateWithOffsetInputs, tf.RotateWithOffsetAttrs>(
    ({ image }, { radians, fillValue, center }) => {
      const [n = 1, height = 1, width = 1, channels = 1] = image.shape;
      if (isEmpty(image.shape)) return image;
      const [middleX, middleY] = backend_util.getImageCenter(center, height, width);
      const [sine, cosine] = [Math.sin(radians), Math.cos(radians)];
      const places = Array.from({ length: height * width }, (_, i) => {
        const [x, y] = [(i % width) - middleX, Math.floor(i / width) - middleY];
        const column = Math.round(x * cosine - y * sine + middleX);
        const row = Math.round(x * sine + y * cosine + middleY);
        return row >= 0 && row < height && column >= 0 && column < width ? row * width + column : undefined;
      });
      const fills = Array.from({ length: channels }, (_, channel) => {
        if (typeof fillValue === 'number') return fillValue;
        return channel === 3 ? 255 : (fillValue[channel] ?? Number.NaN);
      });
      return plainValue(image.shape, image.dtype, (g) => {
        const pixels = g.reshape(image.as(plain, g), [n, height * width, channels]);
        const sources = g.constant(
          Int32Array.from(places, (place) => place ?? 0),
          [places.length],
          'pixels',
        );
        const turned = g.reshape(g.Gather(pixels, sources, { axis: 1 }), image.shape);
        if (!places.includes(undefined)) return turned;
        const known = numbers(
          g,
          places.map((place) => Number(place !== undefined)),
          [height, width, 1],
          'bool',
        );
        return g.Where(known, turned, numbers(g, fills, [channels], image.dtype));
      });
    },
  ),
} satisfies Family;
