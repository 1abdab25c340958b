import { elementType, type Value } from '../forms.ts';
import type { GraphBuilder, OpType, Ref } from '../graph.ts';
import { elementwise, map } from './elementwise.ts';
import { reduce } from './reduce.ts';

/** The rules that are one word in the table. */

type Unary = (inputs: { readonly x: Value }, attrs: unknown, g: GraphBuilder) => Value;
type Binary = (inputs: { readonly a: Value; readonly b: Value }, attrs: unknown, g: GraphBuilder) => Value;
type Reduce = (
  inputs: { readonly x: Value },
  attrs: { axis: number | number[]; keepDims: boolean },
  g: GraphBuilder,
) => Value;
type Reduction = Extract<OpType, `Reduce${string}`>;
export type Numeric = 'float32' | 'int32' | 'bool';

export const unary =
  (op: OpType): Unary =>
  ({ x }, _, g) =>
    map(g, op, x);

/** Arithmetic; ONNX has none of booleans, which are taken as int32. */
export const binary =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    cast(g, combine(g, op, counted(g, a), counted(g, b)), a.dtype as Numeric);

/** Comparison by size. */
export const comparison =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    combine(g, op, counted(g, a), counted(g, b));

/** What takes booleans as they are. */
export const connective =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    combine(g, op, a, b);

export const not =
  (op: OpType): Binary =>
  ({ a, b }, _, g) =>
    elementwise(g, [a, b], (refs) => g.op('Not', [g.op(op, refs)]));

export const reduction =
  (op: Reduction): Reduce =>
  ({ x }, { axis, keepDims }, g) =>
    reduce(g, op, x, axis, keepDims);

/** `all` and `any` through int32, as ONNX reduces no booleans. */
export const logical =
  (op: Reduction): Reduce =>
  ({ x }, { axis, keepDims }, g) =>
    cast(g, reduce(g, op, cast(g, x, 'int32'), axis, keepDims), 'bool');

export const cast = (g: GraphBuilder, x: Value, dtype: Numeric): Value =>
  x.dtype === dtype ? x : elementwise(g, [x], ([ref]) => g.cast(ref as Ref, elementType(dtype)));

export const combine = (g: GraphBuilder, op: OpType, a: Value, b: Value): Value =>
  elementwise(g, [a, b], (refs) => g.op(op, refs));

const counted = (g: GraphBuilder, x: Value): Value => (x.dtype === 'bool' ? cast(g, x, 'int32') : x);
