import type { GraphBuilder } from '../../builder.ts';
import { permutedPlaces, product, type Ref } from '../../ir.ts';

/*
 * ONNX Runtime copies with `Transpose`, `Slice` and `Pad` on one thread, with `Gather` on all: worth it where complete
 * vectors move.
 */

/** Permutes all axes but the last. */
export function permuteRows(g: GraphBuilder, x: Ref, perm: readonly number[]): Ref {
  const [leading, vector] = [x.shape.slice(0, -1), x.shape.at(-1) ?? 1];
  const shape = perm.map((axis) => leading[axis] ?? 1);
  return gatherRows(g, g.reshape(x, [product(leading), vector]), permutedPlaces(leading, perm), [...shape, vector]);
}

/** The rows of a table `[rows, vector]`, in the given order. */
export const gatherRows = (g: GraphBuilder, table: Ref, rows: readonly number[], shape: readonly number[]): Ref =>
  g.reshape(g.Gather(table, g.constant(Int32Array.from(rows), [rows.length], 'rows')), shape);
