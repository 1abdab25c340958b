import type { DataType } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from './builder.ts';
import { type ElementType, product, type Ref, type Shape, sameShape } from './ir.ts';

/**
 * A physical memory format that a tensor can have in the graph. tfjs's own (`plain`) is channels-last; ONNX's
 * convolutions want channels first.
 */
export interface Form {
  readonly name: string;
  /**
   * A tensor's axes in the order in which this form has them, where that is all that it changes: then operators on axes
   * and broadcasting work in it too.
   */
  order?(rank: number): number[];
  /** Makes this form, by way of the plain one. */
  from?(value: Value, g: GraphBuilder): Ref;
  /** Other forms that can be made from this one directly. */
  readonly to?: ReadonlyMap<Form, (ref: Ref, shape: Shape, g: GraphBuilder) => Ref>;
  /** Makes the plain form from this one. */
  toPlain?(ref: Ref, shape: Shape, g: GraphBuilder): Ref;
  /** The parts that a tensor in this form consists of: elementwise operators take them one by one, and `together` joins them. */
  apart?(ref: Ref, g: GraphBuilder): readonly Ref[];
  together?(parts: readonly Ref[], g: GraphBuilder): Ref;
  /**
   * Combines a tensor in this form, elementwise, with one number per channel.
   * @param vector the numbers, `[C]`, or `[N, C]` where each image has its own
   */
  withChannels?(ref: Ref, vector: Ref, combine: (ref: Ref, vector: Ref) => Ref, g: GraphBuilder): Ref;
  /** Sums over images and pixels: `[C]`. Twice `ReduceSum` (pixels, then images) is several times faster than once. */
  channelSums?(ref: Ref, g: GraphBuilder): Ref;
  /** Sums over the pixels of each image: `[N, C]`. */
  pixelSums?(ref: Ref, g: GraphBuilder): Ref;
}

/** A form that only orders the axes. */
type AxesForm = Form & Required<Pick<Form, 'order'>>;

/** Adds the nodes that compute a value, and returns it in one form. */
export type Emit = (g: GraphBuilder) => Ref;

/**
 * A tensor while it is lowered: one logical shape, tfjs's, and any number of forms, each made when first asked for. A
 * value that is never asked for a form adds nothing to a graph; its shape and dtype are known anyway.
 */
export class Value {
  readonly shape: Shape;
  readonly dtype: DataType;
  readonly #forms: Map<Form, Ref | Emit>;

  /** @param others further forms that need not be made from the first */
  constructor(
    shape: Shape,
    dtype: DataType,
    form: Form,
    made: Ref | Emit,
    others: readonly (readonly [Form, Ref | Emit])[] = [],
  ) {
    elementType(dtype);
    this.shape = shape;
    this.dtype = dtype;
    this.#forms = new Map([[form, made], ...others]);
  }

  /** Whether the value has a form without a change of form. */
  has(form: Form): boolean {
    return this.#forms.has(form);
  }

  get forms(): Form[] {
    return [...this.#forms.keys()];
  }

  /** This value in a form. */
  as(form: Form, g: GraphBuilder): Ref {
    const made = this.#withoutElements(form, g) ?? this.#forms.get(form) ?? this.#converted(form, g);
    const ref = typeof made === 'function' ? this.#checked(form, made(g)) : made;
    this.#forms.set(form, ref);
    return ref;
  }

  /** This value in whichever form it was given first. */
  first(g: GraphBuilder): Ref {
    return this.as(this.forms[0] ?? plain, g);
  }

  /** There is nothing to compute in a tensor without elements, and ONNX Runtime refuses many operators on them. */
  #withoutElements(form: Form, g: GraphBuilder): Ref | undefined {
    if (product(this.shape) > 0 || form === splat) return undefined;
    if (form !== hostForm(this.dtype)) return form.from?.(this, g);
    const type = elementType(this.dtype);
    const none = { float: Float32Array, int32: Int32Array, bool: Uint8Array }[type as 'float' | 'int32' | 'bool'];
    return g.constant(new none(), hostShape(this.shape, this.dtype), 'empty', type);
  }

  #converted(form: Form, g: GraphBuilder): Ref {
    for (const have of this.forms) {
      const convert = form === plain ? have.toPlain : have.to?.get(form);
      if (convert) return convert(this.as(have, g), this.shape, g);
    }
    if (!form.from) throw new Error(`form ${form.name} cannot be made from ${this.forms.map(({ name }) => name)}`);
    return form.from(this, g);
  }

  /** A rule declares the shape and dtype of its result; the nodes that it adds have to agree. */
  #checked(form: Form, ref: Ref): Ref {
    const size = form === splat ? 1 : product(this.shape) * (form === pairs ? 2 : 1);
    const fits = form === plain ? sameShape(ref.shape, this.shape) : product(ref.shape) === size;
    if (fits && dataType(ref.type) === dataType(elementType(this.dtype))) return ref;
    const expected = `${this.dtype}[${this.shape}] in form ${form.name}`;
    throw new Error(`${ref.name} is ${ref.type}[${ref.shape}], where ${expected} was expected`);
  }
}

/** A value of a graph, for use in a graph inside it: each form of it is made outside. */
export class OuterValue extends Value {
  readonly #value: Value;
  readonly #graph: GraphBuilder;

  constructor(value: Value, graph: GraphBuilder) {
    super(value.shape, value.dtype, plain, () => value.as(plain, graph));
    this.#value = value;
    this.#graph = graph;
  }

  override has(form: Form): boolean {
    return this.#value.has(form);
  }

  override get forms(): Form[] {
    return this.#value.forms;
  }

  override as(form: Form): Ref {
    return this.#value.as(form, this.#graph);
  }
}

/** Channels-last, as tfjs has it. */
export const plain: AxesForm = {
  name: 'plain',
  order: (rank) => Array.from({ length: rank }, (_, axis) => axis),
  channelSums: (ref, g) => sum(sum(ref, [1, 2], g), [0], g),
};

/** A tensor of equal numbers, held as that number: `ones`, `zeros`, gradients of means. */
export const splat: Form = {
  name: 'splat',
  toPlain: (ref, shape, g) => (shape.length === 0 ? ref : g.Expand(ref, g.ints(shape))),
};

/** Channels first: images `[N, H, W, C]` as `[N, C, H, W]`, sequences `[N, W, C]` as `[N, C, W]`, and so on. */
export const nchw: AxesForm = {
  name: 'nchw',
  order: channelsFirst,
  from: (value, g) => g.transpose(value.as(plain, g), channelsFirst(value.shape.length)),
  toPlain: (ref, { length }, g) => g.transpose(ref, inverse(channelsFirst(length))),
  withChannels: (ref, vector, combine, g) =>
    combine(ref, g.reshape(vector, [...vector.shape, ...pixelAxes(ref).map(() => 1)])),
  channelSums: (ref, g) => sum(sum(ref, pixelAxes(ref), g), [0], g),
  pixelSums: (ref, g) => sum(ref, pixelAxes(ref), g),
};

function channelsFirst(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
}

const pixelAxes = ({ shape }: Ref): number[] => shape.slice(2).map((_, i) => i + 2);

/** The order that undoes another one: for each axis its place in that order. */
export const inverse = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis));

/**
 * The form in which an operator on axes takes values: channels first where at least half of them have it already.
 */
export function formOnAxes(values: readonly Value[]): AxesForm {
  const first = values.filter((value) => value.has(nchw)).length;
  return 2 * first >= values.length && first > 0 ? nchw : plain;
}

/** Convolution kernels: `[kh, kw, I, O]` as `[O, I, kh, kw]`, those of volumes likewise. */
export const oihw: Form = {
  name: 'oihw',
  from: (value, g) => {
    const rank = value.shape.length;
    return g.transpose(value.as(plain, g), [rank - 1, rank - 2, ...inner(value.shape).map((axis) => axis - 1)]);
  },
  toPlain: (ref, shape, g) => g.transpose(ref, [...inner(shape).map((axis) => axis + 1), 1, 0]),
};

/** All axes but the first and the last. */
const inner = (shape: Shape): number[] => shape.slice(2).map((_, i) => i + 1);

/** The real parts of complex numbers, as a tensor of their shape. */
export const realPart: Form = { name: 'real' };

/** The imaginary parts of complex numbers, as a tensor of their shape. */
export const imagPart: Form = { name: 'imag' };

/** Complex numbers as pairs of reals: `[…, 2]`. */
export const pairs: Form = {
  name: 'pairs',
  from: (value, g) => {
    const parts = [realPart, imagPart].map((part) => g.reshape(value.as(part, g), [...value.shape, 1]));
    return g.Concat(parts, { axis: value.shape.length });
  },
  to: new Map([
    [realPart, (ref: Ref, shape: Shape, g: GraphBuilder) => partOf(ref, 0, shape, g)],
    [imagPart, (ref: Ref, shape: Shape, g: GraphBuilder) => partOf(ref, 1, shape, g)],
  ]),
};

const partOf = (ref: Ref, part: number, shape: Shape, g: GraphBuilder): Ref =>
  g.reshape(g.Slice(ref, g.ints([part]), g.ints([part + 1]), g.ints([shape.length])), shape);

/** A value in tfjs's own format. */
export const plainValue = (shape: Shape, dtype: DataType, made: Ref | Emit): Value =>
  new Value(shape, dtype, plain, made);

/** The form of tensors of a dtype where they are inputs, outputs and constants of graphs. */
export const hostForm = (dtype: DataType): Form => (dtype === 'complex64' ? pairs : plain);

/** The shape of tensors as they are outside graphs. */
export const hostShape = (shape: Shape, dtype: DataType): Shape => (dtype === 'complex64' ? [...shape, 2] : shape);

/** A value as it is outside graphs. */
export const hostValue = (shape: Shape, dtype: DataType, made: Ref | Emit): Value =>
  new Value(shape, dtype, hostForm(dtype), made);

/**
 * The element type of a dtype; complex numbers are pairs of floats.
 * @throws Error for a dtype that graphs do not have
 */
export const elementType = (dtype: DataType): ElementType => {
  if (dtype === 'float32' || dtype === 'complex64') return 'float';
  if (dtype === 'int32' || dtype === 'bool') return dtype;
  const remedy = 'use float32, int32, bool or complex64';
  throw new Error(`tensors of type ${dtype} cannot be part of an ONNX graph made here; ${remedy}`);
};

/**
 * The tfjs dtype that stands for an element type.
 * @throws Error for double, which rules compute with and tfjs has no dtype for
 */
export const dataType = (type: ElementType): DataType => {
  if (type === 'double') throw new Error('a value is double, which tfjs has no dtype for; cast it to float');
  if (type === 'float') return 'float32';
  return type === 'bool' ? 'bool' : 'int32';
};

export const sum = (ref: Ref, axes: readonly number[], g: GraphBuilder): Ref =>
  g.ReduceSum(ref, g.ints(axes), { keepdims: 0 });
