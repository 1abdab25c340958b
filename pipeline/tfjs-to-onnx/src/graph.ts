import { infer, product } from './infer.ts';
import type { OpType } from './operators.ts';

export type { OpType } from './operators.ts';

/** ONNX element types that occur in graphs made here. */
export type ElementType = 'float' | 'int32' | 'int64' | 'uint8' | 'bool';

export type Constant = Float32Array | Int32Array | BigInt64Array | Uint8Array;
export type Attributes = Readonly<Record<string, number | readonly number[] | string | undefined>>;

/** One ONNX value: a name with its type and shape; constants carry their data. */
export interface Ref {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly constant?: Constant;
  readonly producer?: Node;
}

/** An optional input of an operator that is left out before others. */
export const absent: Ref = { name: '', type: 'float', shape: [] };

export interface Node {
  readonly op: OpType;
  readonly name: string;
  readonly inputs: readonly Ref[];
  readonly attrs: Attributes;
  readonly outputs: readonly string[];
}

/** A finished graph: topologically sorted, without dead nodes. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly { readonly name: string; readonly ref: Ref }[];
  readonly constants: readonly Ref[];
  readonly nodes: readonly Node[];
}

/**
 * Builds an ONNX graph node by node. It owns names, types and shapes: each node is checked and inferred when it is
 * added, equal nodes and equal constants are made once, and reshapes and transposes of constants are folded.
 */
export class GraphBuilder {
  /** Names given to the nodes that follow begin with this, as in `encoder/conv1/Conv`. */
  scope = '';
  readonly #inputs: Ref[] = [];
  readonly #nodes: Node[] = [];
  readonly #made = new Map<string, Ref[]>();
  readonly #names = new Map<string, number>();
  /** Constants that are others in another shape, and the names of those that constants were made of. */
  readonly #reshaped = new Map<Ref, Ref>();
  readonly #origins = new Map<string, string>();

  input(name: string, type: ElementType, shape: readonly number[]): Ref {
    const ref = { name: this.#unique(name), type, shape };
    this.#inputs.push(ref);
    return ref;
  }

  /** A constant; those of up to 64 elements and one name are shared where they are equal. */
  constant(data: Constant, shape: readonly number[] = [data.length], name = 'constant', type = typeOf(data)): Ref {
    if (data.length !== product(shape)) throw new Error(`constant ${name}: ${data.length} values for shape [${shape}]`);
    const make = () => ({ name: this.#unique(name), type, shape, constant: data });
    if (data.length > 64) return make();
    const key = `${name}:${type}[${shape}]${data.join()}`;
    const shared = this.#made.get(key)?.[0];
    if (shared) return shared;
    const ref = make();
    this.#made.set(key, [ref]);
    return ref;
  }

  float(value: number): Ref {
    return this.constant(Float32Array.of(value), []);
  }

  ints(values: readonly number[]): Ref {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length], 'shape');
  }

  /** Adds a node with one output. */
  op(op: OpType, inputs: readonly (Ref | undefined)[], attrs: Attributes = {}): Ref {
    const [ref] = this.ops(op, inputs, attrs);
    if (!ref) throw new Error(`${op} has no output`);
    return ref;
  }

  /** Adds a node with several outputs. */
  ops(op: OpType, given: readonly (Ref | undefined)[], attrs: Attributes = {}): Ref[] {
    const inputs = given.filter((ref) => ref !== undefined);
    const key = `${op}(${inputs.map(({ name }) => name)})${JSON.stringify(attrs)}`;
    const made = this.#made.get(key);
    if (made) return made;
    let inferred: ReturnType<(typeof infer)[OpType]>;
    try {
      inferred = infer[op](inputs, attrs);
    } catch (error) {
      throw new Error(`${this.scope || 'graph'}: ${op}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
    const name = this.#unique(this.scope ? `${this.scope}/${op}` : op);
    const outputs = [inferred].flat();
    const names = outputs.map((_, i) => (i === 0 ? name : `${name}:${i}`));
    const node: Node = { op, name, inputs, attrs, outputs: names };
    this.#nodes.push(node);
    const refs = outputs.map(({ shape, type }, i) => ({ name: names[i] ?? name, shape, type, producer: node }));
    this.#made.set(key, refs);
    return refs;
  }

  reshape(x: Ref, shape: readonly number[]): Ref {
    if (sameShape(x.shape, shape)) return x;
    if (x.constant) {
      const whole = this.#reshaped.get(x) ?? x;
      if (sameShape(whole.shape, shape)) return whole;
      const ref = this.#derived(whole, `[${shape}]`, shape, (data) => data);
      this.#reshaped.set(ref, whole);
      return ref;
    }
    const source = x.producer?.op === 'Reshape' ? x.producer.inputs[0] : undefined;
    return source ? this.reshape(source, shape) : this.op('Reshape', [x, this.ints(shape)]);
  }

  transpose(x: Ref, perm: readonly number[]): Ref {
    if (perm.every((axis, i) => axis === i)) return x;
    const shape = perm.map((axis) => x.shape[axis] ?? 0);
    const kept = (axes: readonly number[]) => axes.filter((axis) => x.shape[axis] !== 1);
    if (sameShape(kept(perm), kept(x.shape.map((_, i) => i)))) return this.reshape(x, shape);
    if (x.constant) return this.#derived(x, `(${perm})`, shape, (data) => permute(data, x.shape, perm));
    return this.op('Transpose', [x], { perm });
  }

  cast(x: Ref, to: ElementType): Ref {
    if (x.type === to) return x;
    const source = x.producer?.op === 'Cast' ? x.producer.inputs[0] : undefined;
    const exact = source && (source.type === 'uint8' || source.type === 'bool');
    return this.op('Cast', [exact ? source : x], { to });
  }

  /** A constant made of another one, once. */
  #derived(from: Ref, how: string, shape: readonly number[], make: (data: Constant) => Constant): Ref {
    const key = `derived ${from.name}${how}`;
    const made = this.#made.get(key)?.[0];
    if (made) return made;
    const ref = this.constant(make(from.constant as Constant), shape, from.name, from.type);
    this.#made.set(key, [ref]);
    this.#origins.set(ref.name, this.#origins.get(from.name) ?? from.name);
    return ref;
  }

  /** The part of the graph that the outputs need. An output that is an input or a constant gets an Identity. */
  build(name: string, outputs: Readonly<Record<string, Ref>>): Graph {
    const taken = new Set<string>();
    const named = Object.entries(outputs).map(([output, ref]) => {
      if (this.#inputs.some((input) => input.name === output)) {
        throw new Error(`output ${output} has the name of an input; give it another`);
      }
      let own = ref;
      // Equal nodes are made once, so a third name for a value takes an Identity of the second's.
      while (!own.producer || taken.has(own.name)) own = this.op('Identity', [own]);
      taken.add(own.name);
      return { name: output, ref: own };
    });
    const needed = new Set<Node>();
    const constants = new Map<string, Ref>();
    const visit = (ref: Ref): void => {
      if (ref.constant) constants.set(ref.name, ref);
      if (!ref.producer || needed.has(ref.producer)) return;
      needed.add(ref.producer);
      ref.producer.inputs.forEach(visit);
    };
    for (const { ref } of named) visit(ref);
    const nodes = this.#nodes.filter((node) => needed.has(node));
    const graph = { name, inputs: this.#inputs, outputs: named, constants: [...constants.values()], nodes };
    return this.#renamed(graph, Object.keys(outputs));
  }

  /**
   * Names as they should be in the finished graph: what has an output's name gets another, and a constant that was
   * made of one that is not in the graph gets that one's name.
   */
  #renamed(graph: Graph, outputs: readonly string[]): Graph {
    const names = new Map(outputs.filter((name) => this.#names.has(name)).map((name) => [name, this.#unique(name)]));
    const taken = new Set([...outputs, ...[...graph.inputs, ...graph.constants].map((ref) => ref.name)]);
    for (const { name } of graph.constants) {
      const origin = this.#origins.get(name);
      if (origin === undefined || taken.has(origin)) continue;
      taken.add(origin);
      names.set(name, origin);
    }
    if (names.size === 0) return graph;
    const nameOf = (name: string) => names.get(name) ?? name;
    const renamed = (ref: Ref): Ref => (names.has(ref.name) ? { ...ref, name: nameOf(ref.name) } : ref);
    return {
      ...graph,
      outputs: graph.outputs.map(({ name, ref }) => ({ name, ref: renamed(ref) })),
      constants: graph.constants.map(renamed),
      nodes: graph.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(renamed),
        outputs: node.outputs.map(nameOf),
      })),
    };
  }

  #unique(name: string): string {
    const count = this.#names.get(name) ?? 0;
    this.#names.set(name, count + 1);
    return count === 0 ? name : this.#unique(`${name}_${count}`);
  }
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

function typeOf(data: Constant): ElementType {
  if (data instanceof Float32Array) return 'float';
  if (data instanceof Int32Array) return 'int32';
  return data instanceof BigInt64Array ? 'int64' : 'uint8';
}

function permute<T extends Constant>(data: T, shape: readonly number[], perm: readonly number[]): T {
  const strides = shape.map((_, i) => product(shape.slice(i + 1)));
  const [target, steps] = [perm.map((axis) => shape[axis] ?? 0), perm.map((axis) => strides[axis] ?? 0)];
  const out = data.slice() as T;
  const walk = (axis: number, from: number, to: number): number => {
    if (axis === target.length) {
      out[to] = data[from] as never;
      return to + 1;
    }
    let next = to;
    for (let i = 0; i < (target[axis] ?? 0); i++) next = walk(axis + 1, from + i * (steps[axis] ?? 0), next);
    return next;
  };
  walk(0, 0, 0);
  return out;
}
