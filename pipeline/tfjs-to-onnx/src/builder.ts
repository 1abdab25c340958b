import { type ConstantOptions, ConstantPool } from './constant-pool.ts';
import { inferTypes } from './element-types.ts';
import { type OpType, operators } from './infer.ts';
import {
  type Argument,
  type Attributes,
  attributeKey,
  type Constant,
  type ElementType,
  type Graph,
  type Node,
  permuted,
  type Ref,
  readsOf,
  type Shape,
  sameShape,
  type TensorType,
  type Weight,
} from './ir.ts';
import { Names, withFinalNames } from './names.ts';
import { simplified } from './passes/simplify.ts';
import { transposedWeight } from './weights.ts';

/** What an operator with these output types gives: one thing, or a list where there are several. */
export type Outputs<Types, One> = Types extends readonly TensorType[] ? { readonly [I in keyof Types]: One } : One;

/** A method for each ONNX operator, which adds a node and returns its output, or a list where there are several. */
export type OperatorMethods = {
  readonly [Op in OpType]: (
    ...args: Parameters<(typeof operators)[Op]>
  ) => Outputs<ReturnType<(typeof operators)[Op]>, Ref>;
};

/** The operators that can be called with these inputs, and have one output. */
export type OperatorOf<Inputs extends readonly unknown[]> = {
  [Op in OpType]: OperatorMethods[Op] extends (...inputs: Inputs) => Ref ? Op : never;
}[OpType];

/** `GraphBuilder` itself defines the methods. */
const WithOperators = class {} as new () => OperatorMethods;

export interface BuilderOptions extends ConstantOptions {
  /** Whether sizes are assumed that may be others: a slice or pad that changes nothing may then change something. */
  readonly openSizes?: boolean;
}

/** Operators that change a tensor or not, by its size. */
const SIZED: ReadonlySet<string> = new Set(['Pad', 'Slice']);

/** An optional input that is left out before others. */
const absent: Ref = { name: '', type: 'float', shape: [] };

/**
 * Builds an ONNX graph node by node, with a method for each operator: `g.Clip(x, low, high)`. It owns names, types and
 * shapes: each node is checked and inferred when it is added, equal nodes and equal constants are made once, nodes that
 * do nothing are left out, and reshapes and transposes of constants are folded.
 */
export class GraphBuilder extends WithOperators {
  static {
    for (const op of Object.keys(operators) as OpType[]) {
      const value = function (this: GraphBuilder, ...args: Argument[]) {
        return this.#add(op, args);
      };
      Object.defineProperty(GraphBuilder.prototype, op, { value });
    }
  }

  readonly #options: BuilderOptions;
  readonly #names: Names;
  readonly #constants: ConstantPool;
  readonly #isInner: boolean;

  /** @param outer the builder of the graph around this one, which holds the constants */
  constructor(options: BuilderOptions = {}, outer?: GraphBuilder) {
    super();
    this.#options = options;
    this.#names = outer ? outer.#names : new Names();
    this.#constants = outer ? outer.#constants : new ConstantPool(this.#names, options);
    this.#isInner = outer !== undefined;
    this.scope = outer?.scope ?? '';
  }

  /** Prefix for the names of the nodes that follow, as in `encoder/conv1/Conv`. */
  scope: string;
  readonly #inputs: Ref[] = [];
  readonly #nodes: Node[] = [];
  readonly #made = new Map<string, Ref[]>();

  input(name: string, type: ElementType, shape: Shape): Ref {
    const ref = { name: this.#names.unique(name), type, shape };
    this.#inputs.push(ref);
    return ref;
  }

  /**
   * A constant; equal ones are shared, small ones only under one name.
   * @param weight the tensor of the program that it is, if it is one
   */
  constant(data: Constant, shape: Shape = [data.length], name = 'constant', type = typeOf(data), weight?: Weight): Ref {
    return this.#constants.constant(data, shape, name, type, weight);
  }

  float(value: number): Ref {
    return this.constant(Float32Array.of(value), []);
  }

  /** A number as a scalar of the element type of `x`, which is one that arithmetic is done in. */
  like({ type }: Ref, value: number): Ref {
    const data = { float: Float32Array, double: Float64Array, int32: Int32Array }[type as 'float' | 'double' | 'int32'];
    return this.constant(data.of(value), []);
  }

  ints(values: readonly number[]): Ref {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length], 'shape');
  }

  reshape(x: Ref, shape: Shape): Ref {
    if (sameShape(x.shape, shape)) return x;
    if (x.constant) return this.#constants.reshaped(x, shape, x.weight);
    const source = x.producer?.op === 'Reshape' ? x.producer.inputs[0] : undefined;
    if (source) return this.reshape(source, shape);
    // A 0 would stand for the size that is there.
    return this.Reshape(x, this.ints(shape), shape.includes(0) ? { allowzero: 1 } : {});
  }

  transpose(x: Ref, perm: readonly number[]): Ref {
    if (perm.every((axis, i) => axis === i)) return x;
    const before = x.producer?.op === 'Transpose' ? x.producer : undefined;
    if (before?.inputs[0]) {
      const first = before.attrs.perm as readonly number[];
      return this.transpose(
        before.inputs[0],
        perm.map((axis) => first[axis] ?? 0),
      );
    }
    const shape = perm.map((axis) => x.shape[axis] ?? 0);
    const moving = perm.filter((axis) => x.shape[axis] !== 1);
    const inPlace = moving.every((axis, i) => i === 0 || axis > (moving[i - 1] ?? 0));
    if (x.constant) {
      const weight = x.weight && transposedWeight(x.weight, x.shape, perm);
      if (inPlace) return sameShape(x.shape, shape) ? x : this.#constants.reshaped(x, shape, weight);
      return this.#constants.derived(x, `(${perm})`, shape, (data) => permuted(data, x.shape, perm), weight);
    }
    return inPlace ? this.reshape(x, shape) : this.Transpose(x, { perm });
  }

  cast(x: Ref, to: ElementType): Ref {
    if (x.type === to) return x;
    const source = x.producer?.op === 'Cast' ? x.producer.inputs[0] : undefined;
    const exact = source && (source.type === 'uint8' || source.type === 'bool');
    return this.Cast(exact ? source : x, { to });
  }

  /**
   * Runs a graph for each step of sequences: ONNX's `Scan`.
   * @param initial the states before the first step
   * @param sequences their first axis is time
   * @param step adds the nodes of a step to the inner graph: from states and slices to new states and outputs
   * @returns the states after the last step, and the outputs along a first axis, time
   */
  scan(
    initial: readonly Ref[],
    sequences: readonly Ref[],
    step: (g: GraphBuilder, states: Ref[], slices: Ref[]) => { states: readonly Ref[]; outputs: readonly Ref[] },
  ): Ref[] {
    const inner = new GraphBuilder(this.#options, this);
    const states = initial.map(({ type, shape }) => inner.input('state', type, shape));
    const slices = sequences.map(({ type, shape }) => inner.input('slice', type, shape.slice(1)));
    const results = step(inner, states, slices);
    const named = [...results.states, ...results.outputs].map((ref) => [this.#names.unique('result'), ref] as const);
    const bodies = { body: inner.build(this.#names.unique('step'), Object.fromEntries(named)) };
    const length = sequences[0]?.shape[0] ?? 0;
    const outputs = results.outputs.map(({ type, shape }) => ({ type, shape: [length, ...shape] }));
    const attrs = { num_scan_inputs: sequences.length };
    return this.#node('Scan', [...initial, ...sequences], attrs, [...initial, ...outputs], bodies);
  }

  /**
   * Runs a graph again and again while a condition holds: ONNX's `Loop`.
   * @param initial the condition, and the states before the first step
   * @param step adds the nodes of a step to the inner graph: from these to new ones
   * @returns the states after the last step
   */
  loop(initial: readonly Ref[], step: (g: GraphBuilder, states: Ref[]) => readonly Ref[]): Ref[] {
    const inner = new GraphBuilder(this.#options, this);
    inner.input('step', 'int64', []);
    const given = initial.map(({ type, shape }) => inner.input('state', type, shape));
    const named = step(inner, given).map((ref) => [this.#names.unique('result'), ref] as const);
    const bodies = { body: inner.build(this.#names.unique('step'), Object.fromEntries(named)) };
    return this.#node('Loop', [absent, ...initial], {}, initial.slice(1), bodies);
  }

  /** Adds a node, or finds an equal one, or a value that is the same without it. */
  #add(op: OpType, args: readonly Argument[]): Ref | readonly Ref[] {
    const types = this.#infer(op, args);
    const simple = this.#options.openSizes && SIZED.has(op) ? undefined : simplified(this, op, args);
    if (simple && [simple].flat().every(({ shape }, i) => sameShape(shape, [types].flat()[i]?.shape ?? [])))
      return simple;
    const given = args.filter((arg) => arg === undefined || isInput(arg)).flat();
    const last = given.findLastIndex((ref) => ref !== undefined);
    const inputs = given.slice(0, last + 1).map((ref) => ref ?? absent);
    const attrs = args.find((arg): arg is Attributes => arg !== undefined && !isInput(arg)) ?? {};
    const key = `${op}(${inputs.map(({ name }) => name)})${attributeKey(attrs)}`;
    const refs = this.#made.get(key) ?? this.#node(op, inputs, attrs, [types].flat());
    this.#made.set(key, refs);
    return Array.isArray(types) ? refs : (refs[0] as Ref);
  }

  #infer(op: OpType, args: readonly Argument[]): TensorType | TensorType[] {
    try {
      return inferTypes(op, args);
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      throw new Error(`${this.scope || 'graph'}: ${op}: ${reason}`, { cause: error });
    }
  }

  #node(
    op: string,
    inputs: readonly Ref[],
    attrs: Attributes,
    types: readonly TensorType[],
    bodies?: Node['bodies'],
  ): Ref[] {
    const name = this.#names.unique(this.scope ? `${this.scope}/${op}` : op);
    const outputs = types.map((_, i) => (i === 0 ? name : `${name}:${i}`));
    const producer: Node = { op, name, inputs, attrs, outputs, ...(bodies && { bodies }) };
    this.#nodes.push(producer);
    return types.map(({ shape, type }, i) => ({ name: outputs[i] ?? name, shape, type, producer }));
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
      while (!own.producer || taken.has(own.name) || this.#isOuter(own)) {
        own = this.#node('Identity', [own], {}, [own])[0] as Ref;
      }
      taken.add(own.name);
      return { name: output, ref: own };
    });
    const needed = new Set<Node>();
    const constants = new Map<string, Ref>();
    const visit = (ref: Ref): void => {
      if (ref.constant) constants.set(ref.name, ref);
      if (!ref.producer || needed.has(ref.producer)) return;
      needed.add(ref.producer);
      readsOf(ref.producer).forEach(visit);
    };
    for (const { ref } of named) visit(ref);
    const nodes = this.#nodes.filter((node) => needed.has(node));
    const graph = { name, inputs: this.#inputs, outputs: named, constants: [...constants.values()], nodes };
    // The graph around it holds its constants, and names its values.
    if (this.#isInner) return { ...graph, constants: [] };
    return withFinalNames(graph, this.#names, (constant) => this.#constants.originOf(constant));
  }

  #isOuter({ producer }: Ref): boolean {
    return this.#isInner && producer !== undefined && !this.#nodes.includes(producer);
  }
}

const isInput = (argument: Ref | readonly Ref[] | Attributes): argument is Ref | readonly Ref[] =>
  Array.isArray(argument) || 'name' in argument;

function typeOf(data: Constant): ElementType {
  if (data instanceof Float32Array) return 'float';
  if (data instanceof Float64Array) return 'double';
  if (data instanceof Int32Array) return 'int32';
  return data instanceof BigInt64Array ? 'int64' : 'uint8';
}
