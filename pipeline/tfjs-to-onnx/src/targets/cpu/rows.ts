import type { GraphBuilder, Ref } from '../../graph.ts';
import { product } from '../../infer.ts';

/**
 * ONNX Runtime copies with `Transpose`, `Slice` and `Pad` on one thread, with `Gather` on all: worth it where whole
 * vectors move.
 */

/** Permutes all axes but the last. */
export function permuteRows(g: GraphBuilder, x: Ref, perm: readonly number[]): Ref {
  const vector = x.shape.at(-1) ?? 1;
  const leading = x.shape.slice(0, -1);
  const strides = leading.map((_, axis) => product(leading.slice(axis + 1)));
  const shape = perm.map((axis) => leading[axis] ?? 1);
  let rows = [0];
  for (const axis of perm) {
    const [length = 1, stride = 1] = [leading[axis], strides[axis]];
    rows = rows.flatMap((row) => Array.from({ length }, (_, i) => row + i * stride));
  }
  return gatherRows(g, g.reshape(x, [product(leading), vector]), rows, [...shape, vector]);
}

/** Cuts `[n, h, w, vector]` to `height` and `width`. */
export function cropRows(g: GraphBuilder, x: Ref, height: number, width: number): Ref {
  const [n = 1, h = 1, w = 1, vector = 1] = x.shape;
  if (h === height && w === width) return x;
  const rows = Array.from({ length: n * height * width }, (_, i) => {
    const [image, y] = [Math.floor(i / (height * width)), Math.floor(i / width) % height];
    return (image * h + y) * w + (i % width);
  });
  return gatherRows(g, g.reshape(x, [n * h * w, vector]), rows, [n, height, width, vector]);
}

/** The rows of a table `[rows, vector]`, in the order asked for. */
export const gatherRows = (g: GraphBuilder, table: Ref, rows: readonly number[], shape: readonly number[]): Ref =>
  g.reshape(g.op('Gather', [table, g.constant(Int32Array.from(rows), [rows.length], 'rows')]), shape);
