import { type Form, formOnAxes, inverse, plain, type Value } from '../forms.ts';
import type { OpType } from '../infer.ts';
import type { Attributes } from '../ir.ts';

type Ints = readonly number[];
export type Argument = Value | readonly Value[] | Ints | Attributes | undefined;

/** Where the axes of a form are: in its order, and the place of each of the tensor's own. */
interface Places {
  readonly order: Ints;
  place(axis: number): number;
}

type Reordering = (args: readonly Argument[], places: Places) => readonly Argument[];

const alongAxis: Reordering = ([x, ...others], { place }) => {
  const attrs = others.at(-1) as { readonly axis: number };
  return [x, ...others.slice(0, -1), { ...attrs, axis: place(attrs.axis) }];
};

/** Operators that work on the axes of their first argument: the other arguments where the axes have another order. */
const reorderings: { readonly [Op in OpType]?: Reordering } = {
  Concat: alongAxis,
  Gather: alongAxis,
  Pad: ([x, pads, ...value], { order }) => {
    const [before, after] = [order, order.map((axis) => axis + order.length)];
    return [x, [...before, ...after].map((i) => (pads as Ints)[i] ?? 0), ...value];
  },
  Slice: ([x, starts, ends, axes, ...steps], { place }) => [x, starts, ends, (axes as Ints).map(place), ...steps],
  Split: alongAxis,
  Tile: ([x, repeats], { order }) => [x, order.map((axis) => (repeats as Ints)[axis] ?? 1)],
};

/**
 * The form in which an operator takes its first argument, and its arguments in that form: channels first where the
 * argument has it, so that it need not be transposed to channels last and back.
 */
export function onAxes(op: OpType, args: readonly Argument[]): { form: Form; args: readonly Argument[] } {
  const values = [args[0]].flat() as readonly Value[];
  const [first] = values;
  const reorder = reorderings[op];
  const sameRank = values.every((value) => value?.shape?.length === first?.shape.length);
  // Indices of another rank than 1 change the rank.
  const keepsRank = op !== 'Gather' || (args[1] as Value | undefined)?.shape?.length === 1;
  if (!reorder || !first || !sameRank || !keepsRank || first.shape.length < 3) return { form: plain, args };
  const form = formOnAxes(values);
  const order = form.order(first.shape.length);
  const places = inverse(order);
  return { form, args: form === plain ? args : reorder(args, { order, place: (axis) => places[axis] ?? axis }) };
}
