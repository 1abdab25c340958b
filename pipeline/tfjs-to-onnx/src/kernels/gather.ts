import { plain, plainValue, type Value } from '../forms.ts';
import type { GraphBuilder, Ref } from '../graph.ts';
import { filled, numbers } from './shape.ts';

/** Slices of x along an axis. */
export function gather(g: GraphBuilder, x: Value, indices: Value, axis: number, batchDims: number): Value {
  if (batchDims) throw new Error('batchDims other than 0 are not lowered');
  const along = axis < 0 ? axis + x.shape.length : axis;
  return plainValue(g.op('Gather', [x.as(plain, g), indices.as(plain, g)], { axis: along }));
}

/** Slices of `params` at the places that the last axis of `indices` names. */
export function gatherNd(g: GraphBuilder, params: Value, indices: Value): Value {
  return plainValue(g.op('GatherND', [params.as(plain, g), places(g, indices)]));
}

/** Zeros with `updates` added at the places that the last axis of `indices` names. */
export function scatterNd(g: GraphBuilder, indices: Value, updates: Value, shape: readonly number[]): Value {
  const zeros = filled(g, shape, 0, updates.dtype).as(plain, g);
  return plainValue(g.op('ScatterND', [zeros, places(g, indices), updates.as(plain, g)], { reduction: 'add' }));
}

/** `tensor` with the slices at those places replaced. */
export function scatterUpdate(g: GraphBuilder, tensor: Value, indices: Value, updates: Value): Value {
  return plainValue(g.op('ScatterND', [tensor.as(plain, g), places(g, indices), updates.as(plain, g)]));
}

/** Sums of the slices along the first axis that have the same number, 0 … count − 1; other numbers drop out. */
export function segmentSum(g: GraphBuilder, x: Value, ids: Value, count: number): Value {
  const id = ids.as(plain, g);
  const within = g.op('And', [
    g.op('GreaterOrEqual', [id, numbers(g, [0], [], 'int32')]),
    g.op('Less', [id, numbers(g, [count], [], 'int32')]),
  ]);
  // What drops out goes to a last slice that is cut off.
  const target = g.op('Where', [within, id, numbers(g, [count], [], 'int32')]);
  const slices = x.shape.slice(ids.shape.length);
  const zeros = filled(g, [count + 1, ...slices], 0, x.dtype).as(plain, g);
  const index = g.cast(g.reshape(target, [...id.shape, 1]), 'int64');
  const sums = g.op('ScatterND', [zeros, index, x.as(plain, g)], { reduction: 'add' });
  return plainValue(g.op('Slice', [sums, g.ints([0]), g.ints([count]), g.ints([0])]));
}

/** The k largest along the last axis, and where they are. */
export function topK(g: GraphBuilder, x: Value, k: number, sorted: boolean): Value[] {
  const axis = x.shape.length - 1;
  const [values, indices] = g.ops('TopK', [x.as(plain, g), g.ints([k])], { axis, largest: 1, sorted: Number(sorted) });
  return [plainValue(values as Ref), plainValue(g.cast(indices as Ref, 'int32'))];
}

const places = (g: GraphBuilder, indices: Value): Ref => g.cast(indices.as(plain, g), 'int64');
