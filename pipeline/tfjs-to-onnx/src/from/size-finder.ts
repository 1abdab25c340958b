import type { OpType } from '../infer.ts';
import type { ElementType, Graph, Node, Ref, Shape } from '../ir.ts';
import type { Repetition, Sequence } from './comparison.ts';
import { BATCH, type Sizes } from './symbols.ts';

interface Context {
  readonly graphs: readonly Graph[];
  readonly sizes: readonly Sizes[];
  /** Where nodes are added. */
  readonly nodes: Node[];
  /** Adds a constant. */
  keep(ref: Ref): Ref;
}

/** Where a size can be read: an axis of a tensor. */
interface Place {
  readonly tensor: Ref;
  readonly axis: number;
}

/** One number in each sample. */
type Vector = readonly number[];

/** Computes sizes that differ between samples of one graph from the tensors that have them. */
export class SizeFinder {
  readonly #context: Context;
  /** The tensors of each sample by name. */
  readonly #tensors: readonly ReadonlyMap<string, Ref>[];
  /** The sizes that can be read, by what they are in the samples; the batch size and other inputs' sizes first. */
  readonly #places = new Map<string, Place & { readonly vector: Vector }>();
  readonly #found = new Map<string, Ref>();
  readonly #names = new Map<string, string>();
  readonly #taken = new Map<string, number>();

  constructor(context: Context) {
    this.#context = { ...context, keep: (ref) => context.keep({ ...ref, name: this.#unique(ref.name) }) };
    this.#tensors = context.graphs.map(tensorsOf);
    for (const [symbol, vector] of this.#symbols()) this.#names.set(String(vector), symbol);
    const inputs = context.graphs[0]?.inputs ?? [];
    for (const ref of inputs) this.made(ref.name, ref);
  }

  #symbols(): [string, Vector][] {
    const { sizes } = this.#context;
    return Object.keys(sizes[0] ?? {}).map((symbol) => [symbol, sizes.map((sample) => sample[symbol] ?? 1)]);
  }

  /** Tells that the nodes so far give a tensor, whose sizes can be read from now on. */
  made(name: string, ref: Ref = { name, type: 'float', shape: [] }): void {
    const shapes = this.#tensors.map((tensors) => tensors.get(name)?.shape);
    shapes[0]?.forEach((_, axis) => {
      const vector = shapes.map((shape) => shape?.[axis] ?? -1);
      const key = String(vector);
      if (vector.every((d) => d === vector[0]) || this.#places.has(key)) return;
      this.#places.set(key, { tensor: ref, axis, vector });
    });
  }

  /** A list of sizes as a tensor, given what it is in each sample. */
  list(node: Node, where: string, name: string, samples: readonly (readonly number[])[]): Ref {
    const vectors = (samples[0] ?? []).map((_, k): Vector => samples.map((list) => list[k] ?? 0));
    const open = vectors.filter((vector) => vector.some((d) => d !== vector[0]));
    if (node.op === 'Reshape' && open.length === 1) {
      const shape = vectors.map((vector) => (open.includes(vector) ? -1 : (vector[0] ?? 0)));
      return this.#context.keep(int64(`${node.name}/shape`, shape));
    }
    return this.#list(node, where, name, vectors);
  }

  #list(node: Node, where: string, name: string, vectors: readonly Vector[]): Ref {
    const parts = vectors.map((vector, k) => this.#size(vector, where, name, `${node.name}/dim${k}`));
    return parts.length === 1 && parts[0] ? parts[0] : this.#add('Concat', `${node.name}/sizes`, parts, { axis: 0 });
  }

  /**
   * One number that is a size, a multiple of one or of the product of two, or undefined. A wrong size shows when the
   * graph runs, a number not.
   */
  number(node: Node, ref: Ref, values: Vector): Ref | undefined {
    const id = `${node.name}/${ref.name}`;
    if (!values.every(Number.isInteger)) return undefined;
    const area = () => (values.length > 2 ? this.#area(values, `${id}/size`) : undefined);
    const size = this.#multiple(values, `${id}/size`) ?? area();
    if (!size) return undefined;
    const shape = this.#context.keep(int64(`${id}/shape`, ref.shape));
    return this.#add('Cast', id, [this.#add('Reshape', `${id}/shaped`, [size, shape])], { to: ref.type }, ref.type);
  }

  /** A sequence of numbers of the length that it has in each sample. */
  sequence(node: Node, where: string, name: string, ref: Ref, { start, step, lengths }: Sequence): Ref {
    const count = this.#size(lengths, where, name, `${node.name}/count`);
    const id = `${node.name}/${ref.name}`;
    const { keep } = this.#context;
    const scalar = (text: string, value: number) => keep({ ...int64(`${id}/${text}`, [value]), shape: [] });
    const length = this.#add('Reshape', `${id}/length`, [count, keep(int64(`${id}/none`, []))]);
    const end = step === 1 ? length : this.#add('Mul', `${id}/span`, [length, scalar('step', step)]);
    const limit = start === 0 ? end : this.#add('Add', `${id}/limit`, [end, scalar('from', start)]);
    const range = this.#add('Range', `${id}/range`, [scalar('start', start), limit, scalar('delta', step)]);
    if (ref.shape.length === 1) return this.#add('Cast', id, [range], { to: ref.type }, ref.type);
    const numbers = this.#add('Cast', `${id}/numbers`, [range], { to: ref.type }, ref.type);
    const shape = ref.shape.map((d) => (d === 1 ? 1 : -1));
    return this.#add('Reshape', id, [numbers, keep(int64(`${id}/shape`, shape))], {}, ref.type);
  }

  /** Equal rows, as many as in each sample. */
  repeated(node: Node, where: string, name: string, ref: Ref, { row, counts }: Repetition): Ref {
    const id = `${node.name}/${ref.name}`;
    const { keep } = this.#context;
    const inner = ref.shape.slice(1);
    const one = keep({ name: `${id}/row`, type: ref.type, shape: [1, ...inner], constant: row });
    const parts = [this.#size(counts, where, name, `${id}/count`), keep(int64(`${id}/inner`, inner))];
    const sizes = inner.length === 0 ? parts.slice(0, 1) : [this.#add('Concat', `${id}/sizes`, parts, { axis: 0 })];
    return this.#add('Expand', id, [one, ...sizes], {}, ref.type);
  }

  /** A constant without numbers, of the shape that it has in each sample. */
  empty(node: Node, where: string, name: string, ref: Ref, shapes: readonly Shape[]): Ref {
    const id = `${node.name}/${ref.name}`;
    const none = this.#context.keep({ ...ref, name: `${id}/none`, shape: [0] });
    const vectors = ref.shape.map((_, axis): Vector => shapes.map((shape) => shape[axis] ?? 0));
    const sizes = this.#list(node, where, name, vectors);
    return this.#add('Reshape', id, [none, sizes], { allowzero: 1 }, ref.type);
  }

  /** The shape of a tensor with symbols; a size that is no multiple of one gets a name of its own. */
  symbolic(tensor: string, name: string): (number | string)[] {
    const shapes = this.#tensors.map((tensors) => tensors.get(tensor)?.shape ?? []);
    return (shapes[0] ?? []).map((d, axis) => {
      const vector = shapes.map((shape) => shape[axis] ?? 0);
      return vector.every((other) => other === d) ? d : this.#nameOf(vector, `${name}:${axis}`);
    });
  }

  #nameOf(vector: Vector, other: string): string {
    for (const [symbol, own] of this.#symbols()) {
      const times = quotient(vector, own);
      if (times !== undefined) return times === 1 ? symbol : `${times}*${symbol}`;
    }
    const key = String(vector);
    const name = this.#names.get(key) ?? other;
    this.#names.set(key, name);
    return name;
  }

  /** int64 `[1]` with a size, given what it is in each sample. */
  #size(vector: Vector, where: string, name: string, id: string): Ref {
    const key = String(vector);
    const { keep, sizes } = this.#context;
    if (vector.every((d) => d === vector[0])) return keep(int64(id, [vector[0] ?? 0]));
    const known = this.#found.get(key);
    if (known) return known;
    // Two samples agree with many relations; three tell.
    const found = this.#multiple(vector, id) ?? (vector.length > 2 ? this.#related(vector, id) : undefined);
    if (found) {
      this.#found.set(key, found);
      return found;
    }
    const symbols = Object.keys(sizes[0] ?? {});
    if (vector.length === 2 && symbols.length === 1) {
      const list = vector.map((d, i) => `${d} for ${sizes[i]?.[BATCH]}`).join(', ');
      throw new Error(`${name}: a size in ${where} is no multiple of the batch size (${list})`);
    }
    const at = sizes.map((sample) => Object.entries(sample).map((pair) => pair.join(' = ')));
    const given = symbols.length === 0 ? '' : ` for ${at.map((list) => list.join(', ')).join('; ')}`;
    throw new Error(`${name}: a size in ${where} does not follow from the open sizes (${vector.join('; ')}${given})`);
  }

  /** A size that can be read, or a multiple of one. */
  #multiple(vector: Vector, id: string): Ref | undefined {
    const exact = this.#places.get(String(vector));
    if (exact) return this.#read(exact, vector);
    const { keep } = this.#context;
    for (const place of this.#places.values()) {
      const times = quotient(vector, place.vector);
      if (times !== undefined) {
        return this.#add('Mul', id, [this.#read(place, place.vector), keep(int64(`${id}/times`, [times]))]);
      }
    }
    return undefined;
  }

  /** A sum, difference, product or quotient of sizes and whole numbers. */
  #related(vector: Vector, id: string): Ref | undefined {
    const { keep } = this.#context;
    const places = [...this.#places.values()];
    const read = (place: { vector: Vector } & Place) => this.#read(place, place.vector);
    for (const place of places) {
      const relation = linear(vector, place.vector);
      if (!relation) continue;
      const { times, plus } = relation;
      const product =
        times === 1
          ? read(place)
          : this.#add('Mul', `${id}/product`, [read(place), keep(int64(`${id}/times`, [times]))]);
      return plus === 0 ? product : this.#add('Add', id, [product, keep(int64(`${id}/plus`, [plus]))]);
    }
    for (const place of places) {
      const { parts, more } = division(vector, place.vector) ?? {};
      if (!parts) continue;
      const whole = more
        ? this.#add('Add', `${id}/sum`, [read(place), keep(int64(`${id}/more`, [more]))])
        : read(place);
      return this.#add('Div', id, [whole, keep(int64(`${id}/parts`, [parts]))]);
    }
    for (const place of places) {
      // A size that is cut off at a limit, which some samples reach.
      const limit = Math.max(...vector);
      const cut = place.vector.map((d) => Math.min(d, limit));
      if (cut.every((d, i) => d === vector[i]) && place.vector.filter((d) => d < limit).length > 0) {
        return this.#add('Min', id, [read(place), keep(int64(`${id}/limit`, [limit]))]);
      }
    }
    const area = this.#area(vector, id);
    if (area) return area;
    for (const a of places) {
      for (const b of places) {
        const combined = (op: (x: number, y: number) => number) => a.vector.map((x, i) => op(x, b.vector[i] ?? 0));
        for (const [op, values] of [
          ['Add', combined((x, y) => x + y)],
          ['Sub', combined((x, y) => x - y)],
        ] as const) {
          const plus = (vector[0] ?? 0) - (values[0] ?? 0);
          if (!values.every((value, i) => value + plus === vector[i])) continue;
          const sum = this.#add(op, plus === 0 ? id : `${id}/sum`, [read(a), read(b)]);
          return plus === 0 ? sum : this.#add('Add', id, [sum, keep(int64(`${id}/plus`, [plus]))]);
        }
      }
    }
    return undefined;
  }

  /** The product of two sizes, or a multiple of it. */
  #area(vector: Vector, id: string): Ref | undefined {
    const places = [...this.#places.values()];
    for (const a of places) {
      for (const b of places) {
        const products = a.vector.map((d, i) => d * (b.vector[i] ?? 0));
        const times = quotient(vector, products);
        if (times === undefined) continue;
        const parts = [a, b].map((place) => this.#read(place, place.vector));
        const area = this.#add('Mul', times === 1 ? id : `${id}/area`, parts);
        return times === 1 ? area : this.#add('Mul', id, [area, this.#context.keep(int64(`${id}/times`, [times]))]);
      }
    }
    return undefined;
  }

  /** Adds a node that reads a size off a tensor, once. */
  #read({ tensor, axis }: Place, vector: Vector): Ref {
    const key = String(vector);
    const known = this.#found.get(key);
    if (known) return known;
    const name = axis === 0 ? `${tensor.name}:batch` : `${tensor.name}:${axis}`;
    const found = this.#add('Shape', name, [tensor], { start: axis, end: axis + 1 });
    this.#found.set(key, found);
    return found;
  }

  /** A name of a node or constant that no other has here: a node may take two lists of sizes. */
  #unique(name: string): string {
    const others = this.#taken.get(name) ?? 0;
    this.#taken.set(name, others + 1);
    return others === 0 ? name : `${name}_${others}`;
  }

  #add(op: OpType | 'Range', id: string, inputs: Ref[], attrs: Node['attrs'] = {}, type: ElementType = 'int64'): Ref {
    const name = this.#unique(id);
    const producer: Node = { op, name, inputs, attrs, outputs: [name] };
    this.#context.nodes.push(producer);
    return { name, type, shape: [inputs.length], producer };
  }
}

/** Every tensor of a graph by its name, as its users know it. */
function tensorsOf({ inputs, nodes, outputs }: Graph): Map<string, Ref> {
  const used = [...inputs, ...nodes.flatMap((node) => node.inputs), ...outputs.map(({ ref }) => ref)];
  return new Map(used.map((ref) => [ref.name, ref]));
}

const int64 = (name: string, values: Shape): Ref => ({
  name,
  type: 'int64',
  shape: [values.length],
  constant: BigInt64Array.from(values, BigInt),
});

/** The whole number, above 0, that one size is of another in all samples. */
function quotient(a: Vector, b: Vector): number | undefined {
  const times = (a[0] ?? 0) / (b[0] ?? 1);
  return Number.isInteger(times) && times > 0 && a.every((d, i) => d === times * (b[i] ?? 0)) ? times : undefined;
}

/**
 * The number of parts into which one size divides another in all samples: `a` is (b + more) / parts, rounded down. It is
 * rounded up where `more` is parts − 1. Undefined where several numbers fit.
 */
function division(a: Vector, b: Vector): { parts: number; more: number } | undefined {
  const exact = quotient(b, a);
  if (exact !== undefined) return { parts: exact, more: 0 };
  const fitting = Array.from({ length: MOST_PARTS - 1 }, (_, i) => i + 2).flatMap((parts) =>
    [0, parts - 1]
      .filter((more) => a.every((d, i) => d === Math.floor(((b[i] ?? 0) + more) / parts)))
      .map((more) => ({ parts, more })),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** The most parts that are tried where sizes are rounded. */
const MOST_PARTS = 64;

/** `times · b + plus` that is `a` in all samples, with small whole numbers. */
function linear(a: Vector, b: Vector): { times: number; plus: number } | undefined {
  const times = ((a[1] ?? 0) - (a[0] ?? 0)) / ((b[1] ?? 0) - (b[0] ?? 0));
  const plus = (a[0] ?? 0) - times * (b[0] ?? 0);
  const fits = Number.isInteger(times) && times !== 0 && a.every((d, i) => d === times * (b[i] ?? 0) + plus);
  return fits ? { times, plus } : undefined;
}
