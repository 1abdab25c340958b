import { GraphBuilder } from './builder.ts';
import { type Form, plain, Value } from './forms.ts';
import { type Graph, product, type Ref } from './ir.ts';
import { groupUpdates } from './passes/group-updates.ts';
import { prepared } from './passes/prepare.ts';
import type { Tape, TapeValue } from './tape.ts';
import type { Target } from './targets/target.ts';

/** A variable inside a buffer. */
export interface Member {
  readonly name: string;
  readonly shape: readonly number[];
  readonly form: Form;
}

/** A float32 tensor that holds variables between runs: one in its form, or several as a flat vector. */
export interface StateBuffer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly members: readonly Member[];
}

/** How the variables of a program are held between runs of its graphs. */
export type Layout = readonly StateBuffer[];

/** Suffix of a buffer's name in the graphs that pack and unpack variables. */
export const PACKED = ':packed';

/** The layout for a training step: variables with the same update share a buffer. */
export function layoutOf(tape: Tape, target: Target): Layout {
  const forms = target.formsOfVariables(tape);
  const shared = groupUpdates(prepared([tape])[0] ?? tape).flatMap((group, k) =>
    (group[0]?.variables ?? []).map((_, slot) => ({
      name: `state:${k}.${slot}`,
      values: group.map(({ variables }) => variables[slot] as TapeValue<'variable'>),
    })),
  );
  const grouped = new Set(shared.flatMap(({ values }) => values));
  const single = tape.variables.filter((value) => !grouped.has(value));
  const all = [...shared, ...single.map((value) => ({ name: value.source.name, values: [value] }))];
  return all.map(({ name, values }) => bufferOf(name, values, forms));
}

/** The simplest layout: each variable in its own buffer, under its name and in tfjs's shape. */
export const separateLayout = ({ variables }: Tape): Layout =>
  variables.map((value) => bufferOf(value.source.name, [value]));

function bufferOf(name: string, values: Tape['variables'], forms?: ReadonlyMap<TapeValue, Form>): StateBuffer {
  const members = values.map((value) => {
    return { name: value.source.name, shape: value.shape, form: forms?.get(value) ?? plain };
  });
  const [only] = members;
  const flat = [values.reduce((sum, { shape }) => sum + product(shape), 0)];
  return { name, shape: only && members.length === 1 ? shapeIn(only) : flat, members };
}

/** Splits a buffer into its members' values, each in its form. */
export function unpackBuffer(g: GraphBuilder, buffer: StateBuffer, ref: Ref): Value[] {
  const sizes = buffer.members.map(({ shape }) => product(shape));
  const parts = splitVector(g, ref, sizes);
  return buffer.members.map((one, i) => {
    const part = parts[i] as Ref;
    return new Value(one.shape, 'float32', one.form, g.reshape(part, shapeIn(one)));
  });
}

/** WebGPU guarantees eight buffers to a shader, and ONNX Runtime's Split has one for each output. */
const MOST_PARTS = 7;

/** Splits a vector into parts of given sizes, by way of larger parts where there are many. */
function splitVector(g: GraphBuilder, ref: Ref, sizes: readonly number[]): Ref[] {
  if (sizes.length === 1) return [ref];
  if (sizes.length <= MOST_PARTS) return [...g.Split(ref, g.ints(sizes), { axis: 0 })];
  const perPart = Math.ceil(sizes.length / MOST_PARTS);
  const groups = Array.from({ length: Math.ceil(sizes.length / perPart) }, (_, i) =>
    sizes.slice(i * perPart, (i + 1) * perPart),
  );
  const totals = groups.map((group) => group.reduce((sum, size) => sum + size, 0));
  return splitVector(g, ref, totals).flatMap((part, i) => splitVector(g, part, groups[i] ?? []));
}

/** Joins members' values into their buffer. */
export function packBuffer(g: GraphBuilder, buffer: StateBuffer, values: readonly Value[]): Ref {
  const refs = buffer.members.map(({ form }, i) => (values[i] as Value).as(form, g));
  const [only] = refs;
  if (refs.length === 1 && only) return g.reshape(only, buffer.shape);
  return g.Concat(
    refs.map((ref) => g.reshape(ref, [product(ref.shape)])),
    { axis: 0 },
  );
}

/** A graph from variables in tfjs's shape, by name, to buffers. */
export function packGraph(layout: Layout): Graph {
  const g = new GraphBuilder();
  const packed = layout.map((buffer) => {
    const values = buffer.members.map(
      ({ name, shape }) => new Value(shape, 'float32', plain, g.input(name, 'float', shape)),
    );
    return [`${buffer.name}${PACKED}`, packBuffer(g, buffer, values)] as const;
  });
  return g.build('pack', Object.fromEntries(packed));
}

/** A graph from buffers to variables in tfjs's shape, by name. */
export function unpackGraph(layout: Layout): Graph {
  const g = new GraphBuilder();
  const unpacked = layout.flatMap((buffer) => {
    const values = unpackBuffer(g, buffer, g.input(`${buffer.name}${PACKED}`, 'float', buffer.shape));
    return buffer.members.map(({ name }, i) => [name, (values[i] as Value).as(plain, g)] as const);
  });
  return g.build('unpack', Object.fromEntries(unpacked));
}

/** The shape of a member in its form. */
function shapeIn({ shape, form }: Member): readonly number[] {
  if (form === plain) return shape;
  const g = new GraphBuilder();
  return new Value(shape, 'float32', plain, g.input('x', 'float', shape)).as(form, g).shape;
}
