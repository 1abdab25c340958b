/** ONNX element types that occur in graphs made here. */
export type ElementType = 'float' | 'int32' | 'int64' | 'uint8' | 'bool';

export type Constant = Float32Array | Int32Array | BigInt64Array | Uint8Array;
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
}

/** A finished graph: topologically sorted, without dead nodes. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly { readonly name: string; readonly ref: Ref }[];
  readonly constants: readonly Ref[];
  readonly nodes: readonly Node[];
  /** The shapes of inputs and outputs, by name, where a dimension is symbolic: the batch size `N`, or `24*N`. */
  readonly shapes?: Readonly<Record<string, readonly (number | string)[]>>;
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
export function permutedPlaces(shape: Shape, perm: readonly number[]): number[] {
  let places = [0];
  for (const axis of perm) {
    const [length, stride] = [shape[axis] ?? 1, product(shape.slice(axis + 1))];
    places = places.flatMap((place) => Array.from({ length }, (_, i) => place + i * stride));
  }
  return places;
}
