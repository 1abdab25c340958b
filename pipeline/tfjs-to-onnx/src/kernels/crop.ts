import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { plain, plainValue } from '../forms.ts';
import type { Ref } from '../ir.ts';
import { columnsOf, forChannels, isInside, placesOf, rounded, steps } from './coordinates.ts';
import { cast } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';
import { isEmpty } from './window.ts';

/** Where the pixels of crops are along an axis of an image: `[boxes, length, 1]`, or `[boxes, 1, length]`. */
function coordinates(g: GraphBuilder, kind: 'rows' | 'columns', [low, high]: [Ref, Ref], length: number, size: number) {
  const last = g.like(low, size - 1);
  if (length === 1) return g.Mul(g.Mul(g.Add(low, high), g.like(low, 0.5)), last);
  const step = g.Div(g.Mul(g.Sub(high, low), last), g.like(low, length - 1));
  return g.Add(g.Mul(low, last), g.Mul(steps(g, kind, length), step));
}

const isOutside = (g: GraphBuilder, x: Ref, size: number): Ref =>
  g.Or(g.Less(x, g.like(x, 0)), g.Greater(x, g.like(x, size - 1)));

/** `a` where a share is 0, `b` where it is 1. */
const between = (g: GraphBuilder, a: Ref, b: Ref, share: Ref): Ref =>
  g.Add(a, g.Mul(g.Sub(b, a), forChannels(g, g.cast(share, 'float'))));

/** Parts of images, resized. */
export const cropping = {
  // Pixels outside have `extrapolationValue`, as do all of an image without pixels; boxes of images that do not exist are 0.
  CropAndResize: rule<tf.CropAndResizeInputs, tf.CropAndResizeAttrs>(
    ({ image, boxes, boxInd }, { cropSize, method, extrapolationValue }) => {
      const [n = 1, height = 1, width = 1, channels = 1] = image.shape;
      const [count = 0] = boxes.shape;
      const [cropHeight, cropWidth] = cropSize;
      const shape = [count, ...cropSize, channels];
      if (isEmpty([...shape, ...image.shape])) return filled(shape, n === 0 ? 0 : extrapolationValue, 'float32');
      return plainValue(shape, 'float32', (g) => {
        const images = cast(image, 'float32').as(plain, g);
        const pixels = g.reshape(images, [n * height * width, channels]);
        const [top, left, bottom, right] = columnsOf(g, boxes) as [Ref, Ref, Ref, Ref];
        const y = coordinates(g, 'rows', [top, bottom], cropHeight, height);
        const x = coordinates(g, 'columns', [left, right], cropWidth, width);
        const inside = g.And(isInside(g, y, height), isInside(g, x, width)); // [boxes, h, w]
        const outside = g.Or(isOutside(g, y, height), isOutside(g, x, width));

        const number = g.reshape(g.cast(boxInd.as(plain, g), 'int32'), [count, 1, 1]);
        const known = g.And(
          g.GreaterOrEqual(number, g.like(number, 0)),
          g.Less(number, g.cast(g.Shape(images, { start: 0, end: 1 }), 'int32')),
        );
        const first = g.Mul(g.Where(known, number, g.like(number, 0)), g.like(number, height * width));
        const read = (row: Ref, column: Ref) =>
          g.Gather(pixels, g.Add(first, placesOf(g, row, column, width, inside)), { axis: 0 }); // [boxes, h, w, C]

        const crop = method === 'nearest' ? read(rounded(g, y), rounded(g, x)) : bilinear(g, y, x, read);
        // A box of NaN is neither inside nor outside.
        const fill = g.Where(outside, g.float(extrapolationValue), g.float(Number.NaN));
        const filledUp = g.Where(forChannels(g, inside), crop, forChannels(g, fill));
        return g.Where(forChannels(g, known), filledUp, g.float(0));
      });
    },
  ),
} satisfies Family;

function bilinear(g: GraphBuilder, y: Ref, x: Ref, read: (row: Ref, column: Ref) => Ref): Ref {
  const [rows, columns] = [y, x].map((at) => [g.Floor(at), g.Ceil(at)] as const) as [Pair, Pair];
  const [above, below] = rows.map((row) =>
    between(g, read(row, columns[0]), read(row, columns[1]), g.Sub(x, columns[0])),
  ) as [Ref, Ref];
  return between(g, above, below, g.Sub(y, rows[0]));
}

type Pair = readonly [Ref, Ref];
