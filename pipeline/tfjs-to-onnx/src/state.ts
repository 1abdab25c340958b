import { type Form, plain, Value } from './forms.ts';
import { type Graph, GraphBuilder, type Ref } from './graph.ts';
import { product } from './infer.ts';
import { groupUpdates } from './passes/group-updates.ts';
import { PACKED } from './run.ts';
import type { Tape, TapeValue } from './tape.ts';
import type { Target } from './targets/target.ts';

/** A variable inside a buffer. */
export interface Member {
  readonly name: string;
  readonly shape: readonly number[];
  readonly form: Form;
}

/** One float32 tensor that holds variables between runs: several as one flat vector, or one in its own form. */
export interface StateBuffer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly members: readonly Member[];
}

/** How the variables of a program are held between runs of its graphs. */
export interface Layout {
  readonly buffers: readonly StateBuffer[];
}

export const variableName = ({ source }: TapeValue): string => {
  if (source.kind !== 'variable') throw new Error(`a ${source.kind} is not a variable`);
  return source.name;
};

/** The layout that suits a training step: variables that are updated alike lie in one buffer. */
export function layoutOf(tape: Tape, target: Target): Layout {
  const forms = target.formsOfVariables(tape);
  const member = (value: TapeValue): Member => ({
    name: variableName(value),
    shape: value.shape,
    form: forms.get(value) ?? plain,
  });
  const grouped = new Set<TapeValue>();
  const together = groupUpdates(tape).flatMap((group, k) => {
    const slots = group[0]?.variables ?? [];
    return slots.map((_, slot): StateBuffer => {
      const variables = group.map((update) => update.variables[slot] as TapeValue);
      for (const variable of variables) grouped.add(variable);
      const size = variables.reduce((sum, { shape }) => sum + product(shape), 0);
      return { name: `state:${k}.${slot}`, shape: [size], members: variables.map(member) };
    });
  });
  const alone = tape.variables.filter((variable) => !grouped.has(variable)).map(member);
  return { buffers: [...together, ...alone.map((one) => ({ name: one.name, shape: shapeIn(one), members: [one] }))] };
}

/** The layout that is simplest to use: each variable by itself, under its own name and in tfjs's shape. */
export const separateLayout = ({ variables }: Tape): Layout => ({
  buffers: variables.map((value) => {
    const [name, shape] = [variableName(value), value.shape];
    return { name, shape, members: [{ name, shape, form: plain }] };
  }),
});

/** Takes a buffer apart: each member's value in its form. */
export function unpackBuffer(g: GraphBuilder, buffer: StateBuffer, ref: Ref): Value[] {
  const sizes = buffer.members.map(({ shape }) => product(shape));
  const parts = sizes.length === 1 ? [ref] : g.ops('Split', [ref, g.ints(sizes)], { axis: 0 });
  return buffer.members.map((one, i) => {
    const part = parts[i] as Ref;
    return new Value(one.shape, 'float32', one.form, g.reshape(part, shapeIn(one)));
  });
}

/** Puts a buffer together from its members' values. */
export function packBuffer(g: GraphBuilder, buffer: StateBuffer, values: readonly Value[]): Ref {
  const refs = buffer.members.map(({ form }, i) => (values[i] as Value).as(form, g));
  const [only] = refs;
  if (refs.length === 1 && only) return g.reshape(only, buffer.shape);
  return g.op(
    'Concat',
    refs.map((ref) => g.reshape(ref, [product(ref.shape)])),
    { axis: 0 },
  );
}

/** A graph from variables as tfjs has them, by name, to buffers. */
export function packGraph({ buffers }: Layout): Graph {
  const g = new GraphBuilder();
  const packed = buffers.map((buffer) => {
    const values = buffer.members.map(
      ({ name, shape }) => new Value(shape, 'float32', plain, g.input(name, 'float', shape)),
    );
    return [`${buffer.name}${PACKED}`, packBuffer(g, buffer, values)] as const;
  });
  return g.build('pack', Object.fromEntries(packed));
}

/** A graph from buffers to variables as tfjs has them, by name. */
export function unpackGraph({ buffers }: Layout): Graph {
  const g = new GraphBuilder();
  const unpacked = buffers.flatMap((buffer) => {
    const values = unpackBuffer(g, buffer, g.input(`${buffer.name}${PACKED}`, 'float', buffer.shape));
    return buffer.members.map(({ name }, i) => [name, (values[i] as Value).as(plain, g)] as const);
  });
  return g.build('unpack', Object.fromEntries(unpacked));
}

/** The shape that a member has in its form. */
function shapeIn({ shape, form }: Member): readonly number[] {
  if (form === plain) return shape;
  const g = new GraphBuilder();
  return new Value(shape, 'float32', plain, g.input('x', 'float', shape)).as(form, g).shape;
}
