import { inputsOf, mapEach, type Step, type TapeOp, type TapeValue } from '../tape.ts';

/** A new tensor of the same type, or of several one after the other. */
export const like = ({ shape, dtype }: TapeValue, count?: number): TapeValue => ({
  shape: count === undefined ? shape : [count, ...shape],
  dtype,
  source: { kind: 'op' },
});

/** A constant of ones that stays a tensor. */
export const ones = (length: number): TapeValue => ({
  shape: [length],
  dtype: 'float32',
  source: { kind: 'constant', name: 'ones', values: new Float32Array(length).fill(1), derived: true },
});

/** A call with other inputs; what a loop's step reads of them changes with it. */
export function withInputs(op: TapeOp, inputs: readonly TapeValue[]): TapeOp {
  let next = 0;
  const given = mapEach(op.inputs, () => inputs[next++] as TapeValue);
  if (!op.step) return { ...op, inputs: given };
  const { states, slices } = op.step;
  const read = inputsOf(op).map((value, i) => [value, inputs[i] as TapeValue] as const);
  return { ...op, inputs: given, step: reading(op.step, new Map(read.slice(states.length + slices.length))) };
}

function reading(step: Step, changed: ReadonlyMap<TapeValue, TapeValue>): Step {
  const now = (value: TapeValue) => changed.get(value) ?? value;
  return {
    ...step,
    ops: step.ops.map((op) => withInputs(op, inputsOf(op).map(now))),
    next: step.next.map(now),
    each: step.each.map(now),
  };
}

/** What an `Unpack` takes apart, with the axis of the parts first. */
export function timeFirst({ inputs, attrs, scope }: TapeOp): { value: TapeValue; ops: TapeOp[] } {
  const [x] = Object.values(inputs) as [TapeValue];
  const axis = axisOf(attrs, x.shape.length);
  if (axis === 0) return { value: x, ops: [] };
  const perm = [axis, ...Array.from(x.shape, (_, d) => d).filter((d) => d !== axis)];
  const value = like({ ...x, shape: perm.map((d) => x.shape[d] ?? 1) });
  return { value, ops: [{ kernel: 'Transpose', inputs: { x }, attrs: { perm }, outputs: [value], scope }] };
}

/** A `Pack` of what all steps gave as a permutation of their stack. */
export function stackedAlong({ attrs, outputs, scope }: TapeOp, x: TapeValue): TapeOp {
  const axis = axisOf(attrs, x.shape.length);
  const perm = Array.from(x.shape, (_, d) => (d < axis ? d + 1 : d));
  perm[axis] = 0;
  return { kernel: 'Transpose', inputs: { x }, attrs: { perm }, outputs, scope };
}

const axisOf = ({ axis }: TapeOp['attrs'], rank: number): number => ((axis as number) + rank) % rank;

/** The last of what all steps gave. */
export function lastOf(x: TapeValue): { now: TapeValue; ops: TapeOp[] } {
  const [count = 0, ...shape] = x.shape;
  const [part, now] = [like({ ...x, shape: [1, ...shape] }), like({ ...x, shape })];
  const attrs = { begin: [count - 1, ...shape.map(() => 0)], size: [1, ...shape] };
  return {
    now,
    ops: [
      { kernel: 'Slice', inputs: { x }, attrs, outputs: [part], scope: '' },
      { kernel: 'Reshape', inputs: { x: part }, attrs: { shape }, outputs: [now], scope: '' },
    ],
  };
}
