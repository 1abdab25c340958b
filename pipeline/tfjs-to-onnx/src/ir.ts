/** ONNX element types that occur in graphs made here. */
export type ElementType = 'float' | 'float16' | 'double' | 'int32' | 'int64' | 'uint8' | 'bool';

/** float16 is in a Uint16Array. */
export type Constant = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;
/** Attributes of a node. Those whose names begin with _ are for inference and not in the file. */
export type Attributes = Readonly<Record<string, number | readonly number[] | string | undefined>>;
export type Shape = readonly number[];

/** Shape and type of an ONNX value. */
export interface TensorType {
  readonly shape: Shape;
  readonly type: ElementType;
}

/** One ONNX value: a name with its type and shape; constants carry their data. */
export interface Ref extends TensorType {
  readonly name: string;
  readonly constant?: Constant;
  /** The weight whose numbers a constant holds. */
  readonly weight?: Weight | undefined;
  readonly producer?: Node;
}

/** A tensor of the traced program whose numbers a constant holds, in the same or another order. */
export interface Weight {
  readonly name: string;
  /** The program's shape. */
  readonly shape: Shape;
  /** The program's axes in the order of the constant, outermost first; undefined where no order of axes gives it. */
  readonly permutation: readonly number[] | undefined;
}

export interface Node {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly Ref[];
  readonly attrs: Attributes;
  readonly outputs: readonly string[];
  /** Graphs that the operator runs, by attribute; they may read values of the graph around them. */
  readonly bodies?: Readonly<Record<string, Graph>>;
}

/** An argument of an operator. */
export type Argument = Ref | readonly Ref[] | Attributes | undefined;

/** A finished graph: topologically sorted, without dead nodes. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly { readonly name: string; readonly ref: Ref }[];
  readonly constants: readonly Ref[];
  readonly nodes: readonly Node[];
  /** The shapes of inputs and outputs, by name, where a dimension is symbolic: the batch size `N`, or `24*N`. */
  readonly shapes?: Readonly<Record<string, readonly (number | string)[]>>;
  /** The operator set, where it is not the one that graphs are made in. */
  readonly opset?: number;
  /** What the user should know: a size that had to be fixed, and why. */
  readonly notes?: readonly string[];
}

/** All that a node reads: its inputs, and what its bodies read. */
export const readsOf = ({ inputs, bodies = {} }: Node): Ref[] => [
  ...inputs,
  ...Object.values(bodies).flatMap(({ nodes }) => nodes.flatMap(readsOf)),
];

/** A node with other inputs and output names, and bodies with the same changes. */
export function rewired(node: Node, input: (ref: Ref) => Ref, output: (name: string) => string): Node {
  const rewiredBody = (body: Graph): Graph => ({
    ...body,
    nodes: body.nodes.map((inner) => rewired(inner, input, output)),
    outputs: body.outputs.map(({ name, ref }) => ({ name, ref: input(ref) })),
  });
  const bodies = Object.entries(node.bodies ?? {}).map(([name, body]) => [name, rewiredBody(body)]);
  return {
    ...node,
    inputs: node.inputs.map(input),
    outputs: node.outputs.map(output),
    ...(node.bodies && { bodies: Object.fromEntries(bodies) }),
  };
}

export const product = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/**
 * The shape that tensors of these shapes broadcast to.
 * @throws Error where two sizes differ and neither is 1
 */
export function broadcast(...shapes: readonly Shape[]): number[] {
  return shapes.reduce<number[]>((a, b) => {
    const rank = Math.max(a.length, b.length);
    return Array.from({ length: rank }, (_, i) => {
      const [x = 1, y = 1] = [a[a.length - rank + i], b[b.length - rank + i]];
      if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] cannot be broadcast`);
      return x === 1 ? y : x;
    });
  }, []);
}

/** Where the elements of a tensor with permuted axes come from, in row-major order: positions in a tensor of this shape. */
export const permutedPlaces = (shape: Shape, perm: readonly number[]): number[] =>
  Array.from(
    permuted(
      Int32Array.from({ length: product(shape) }, (_, i) => i),
      shape,
      perm,
    ),
  );

/** A tensor with its axes permuted: as it lies in memory. */
export function permuted<Numbers extends Constant>(data: Numbers, shape: Shape, perm: readonly number[]): Numbers {
  const loops = perm.flatMap((axis) => {
    const size = shape[axis] ?? 1;
    return size === 1 ? [] : [{ size, stride: product(shape.slice(axis + 1)) }];
  });
  // Axes that stay neighbours are one loop.
  const merged: { size: number; stride: number }[] = [];
  for (const { size, stride } of loops) {
    const outer = merged.at(-1);
    if (outer?.stride === stride * size) merged.splice(-1, 1, { size: outer.size * size, stride });
    else merged.push({ size, stride });
  }
  const out = data.slice() as Numbers;
  let to = 0;
  const copy = (depth: number, start: number): void => {
    const { size, stride } = merged[depth] ?? { size: 1, stride: 1 };
    for (let i = 0, from = start; i < size; i++, from += stride) {
      if (depth + 1 < merged.length) copy(depth + 1, from);
      else out[to++] = data[from] as never;
    }
  };
  if (out.length > 0) copy(0, 0);
  return out;
}

/** Replaces each of a call's inputs and keeps their names. */
export function mapEach<From, To>(
  inputs: Readonly<Record<string, From>> | readonly From[],
  change: (value: From) => To,
): Record<string, To> | To[] {
  if (Array.isArray(inputs)) return inputs.map(change);
  const changed: Record<string, To> = {};
  for (const name in inputs) changed[name] = change((inputs as Readonly<Record<string, From>>)[name] as From);
  return changed;
}

/** A text that is the same for equal attributes only. JSON has no infinities, NaN or −0. */
export function attributeKey(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value !== 'object' || value === null) return String(value);
  let key = '';
  if (Array.isArray(value)) for (const element of value) key += `${attributeKey(element)},`;
  else {
    for (const [name, element] of Object.entries(value)) {
      if (element !== undefined) key += `${name}:${attributeKey(element)},`;
    }
  }
  return `{${key}}`;
}
