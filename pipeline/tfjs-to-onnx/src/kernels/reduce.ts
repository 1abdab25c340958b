import { util } from '@tensorflow/tfjs-core';
import { plain, plainValue, type Value } from '../forms.ts';
import { type GraphBuilder, type OpType, type Ref, sameShape } from '../graph.ts';

type Reduction = Extract<OpType, `Reduce${string}`>;

/** Reduces over axes; a full reduction takes the tensor in whatever form it has. */
export function reduce(g: GraphBuilder, op: Reduction, x: Value, axis: number | number[], keepDims: boolean): Value {
  const axes = util.parseAxisParam(axis, [...x.shape]);
  const shape = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const out = keepDims ? shape : x.shape.filter((_, i) => !axes.includes(i));
  return plainValue(g.reshape(reduced(g, op, x, axes), out));
}

function reduced(g: GraphBuilder, op: Reduction, x: Value, axes: readonly number[]): Ref {
  if (axes.length === 0) return x.as(plain, g);
  if (axes.length === x.shape.length) {
    const [ref = x.as(plain, g)] = [...x.forms].filter(([form]) => form.name !== 'splat').map(([, any]) => any);
    return g.op(op, [ref], { keepdims: 0 });
  }
  if (op === 'ReduceSum' && x.shape.length === 4 && sameShape(axes, [0, 1, 2])) {
    for (const [form, ref] of x.forms) if (form.channelSums) return form.channelSums(ref, g);
  }
  return g.op(op, [x.as(plain, g), g.ints(axes)], { keepdims: 0 });
}

/** Position of the largest or smallest element along an axis, int32. */
export function argReduce(g: GraphBuilder, op: 'ArgMax' | 'ArgMin', x: Value, axis: number): Value {
  const [along = 0] = util.parseAxisParam(axis, [...x.shape]);
  return plainValue(g.cast(g.op(op, [x.as(plain, g)], { axis: along, keepdims: 0 }), 'int32'));
}

/** Sums of all that is before along an axis, or after it. */
export function cumsum(g: GraphBuilder, x: Value, axis: number, exclusive: boolean, reverse: boolean): Value {
  const attrs = { exclusive: Number(exclusive), reverse: Number(reverse) };
  return plainValue(g.op('CumSum', [x.as(plain, g), g.constant(Int32Array.of(axis), [])], attrs));
}
