import type { GraphBuilder } from '../builder.ts';
import { plain, type Value } from '../forms.ts';
import type { Ref } from '../ir.ts';

// Coordinates of pixels, in double precision as in tfjs: at the border of a pixel float32 may fall on the other side.

/** The columns of a table `[rows, columns]`, each as `[rows, 1, 1]`. */
export const columnsOf = (g: GraphBuilder, table: Value): Ref[] =>
  Array.from({ length: table.shape[1] ?? 0 }, (_, at) => {
    const column = g.Slice(table.as(plain, g), g.ints([at]), g.ints([at + 1]), g.ints([1]));
    return g.cast(g.reshape(column, [table.shape[0] ?? 1, 1, 1]), 'double');
  });

/** 0 … length − 1 as rows, `[1, length, 1]`, or as columns, `[1, 1, length]`. */
export const steps = (g: GraphBuilder, kind: 'rows' | 'columns', length: number): Ref =>
  g.constant(
    Float64Array.from({ length }, (_, i) => i),
    kind === 'rows' ? [1, length, 1] : [1, 1, length],
    'steps',
  );

/** The nearest whole number, halves upwards, as `Math.round`. */
export const rounded = (g: GraphBuilder, x: Ref): Ref => g.Floor(g.Add(x, g.like(x, 0.5)));

/** Whether coordinates are those of a pixel, or between two, along an axis of this size. */
export const isInside = (g: GraphBuilder, x: Ref, size: number): Ref =>
  g.And(g.GreaterOrEqual(x, g.like(x, 0)), g.LessOrEqual(x, g.like(x, size - 1)));

/** The numbers of pixels, row by row, int32; 0 where they are not inside. */
export const placesOf = (g: GraphBuilder, y: Ref, x: Ref, width: number, inside: Ref): Ref =>
  g.cast(g.Where(inside, g.Add(g.Mul(y, g.like(y, width)), x), g.like(y, 0)), 'int32');

/** The same for all channels: `[…, 1]`. */
export const forChannels = (g: GraphBuilder, ref: Ref): Ref => g.reshape(ref, [...ref.shape, 1]);
