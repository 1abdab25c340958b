import type { DataType } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from './builder.ts';
import { type ElementType, product, type Ref, type Shape, sameShape } from './ir.ts';

/**
 * A physical memory format that a tensor can have in the graph. tfjs's own (`plain`) is channels-last; ONNX's
 * convolutions want channels first.
 */
export interface Form {
  readonly name: string;
  /** Makes this form, by way of the plain one. */
  from?(value: Value, g: GraphBuilder): Ref;
  /** Other forms that can be made from this one directly. */
  readonly to?: ReadonlyMap<Form, (ref: Ref, shape: Shape, g: GraphBuilder) => Ref>;
  /** Makes the plain form from this one. */
  toPlain?(ref: Ref, shape: Shape, g: GraphBuilder): Ref;
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

  constructor(shape: Shape, dtype: DataType, form: Form, made: Ref | Emit) {
    elementType(dtype);
    this.shape = shape;
    this.dtype = dtype;
    this.#forms = new Map([[form, made]]);
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
    const made = this.#forms.get(form) ?? this.#converted(form, g);
    const ref = typeof made === 'function' ? this.#checked(form, made(g)) : made;
    this.#forms.set(form, ref);
    return ref;
  }

  /** This value in whichever form it was given first. */
  first(g: GraphBuilder): Ref {
    return this.as(this.forms[0] ?? plain, g);
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
    const size = form === splat ? 1 : product(this.shape);
    const fits = form === plain ? sameShape(ref.shape, this.shape) : product(ref.shape) === size;
    if (fits && dataType(ref.type) === this.dtype) return ref;
    const expected = `${this.dtype}[${this.shape}] in form ${form.name}`;
    throw new Error(`${ref.name} is ${ref.type}[${ref.shape}], where ${expected} was expected`);
  }
}

/** Channels-last, as tfjs has it. */
export const plain: Form = {
  name: 'plain',
  channelSums: (ref, g) => sum(sum(ref, [1, 2], g), [0], g),
};

/** A tensor of equal numbers, held as that number: `ones`, `zeros`, gradients of means. */
export const splat: Form = {
  name: 'splat',
  toPlain: (ref, shape, g) => (shape.length === 0 ? ref : g.Expand(ref, g.ints(shape))),
};

/** Images with the channels first: `[N, H, W, C]` as `[N, C, H, W]`. */
export const nchw: Form = {
  name: 'nchw',
  from: (value, g) => g.transpose(value.as(plain, g), [0, 3, 1, 2]),
  toPlain: (ref, _, g) => g.transpose(ref, [0, 2, 3, 1]),
  withChannels: (ref, vector, combine, g) => combine(ref, g.reshape(vector, [...vector.shape, 1, 1])),
  channelSums: (ref, g) => sum(sum(ref, [2, 3], g), [0], g),
  pixelSums: (ref, g) => sum(ref, [2, 3], g),
};

/** Convolution kernels: `[kh, kw, I, O]` as `[O, I, kh, kw]`. */
export const oihw: Form = {
  name: 'oihw',
  from: (value, g) => g.transpose(value.as(plain, g), [3, 2, 0, 1]),
  toPlain: (ref, _, g) => g.transpose(ref, [2, 3, 1, 0]),
};

/** A value in tfjs's own format. */
export const plainValue = (shape: Shape, dtype: DataType, made: Ref | Emit): Value =>
  new Value(shape, dtype, plain, made);

/** @throws Error for a dtype that graphs do not have */
export const elementType = (dtype: DataType): ElementType => {
  if (dtype === 'float32') return 'float';
  if (dtype === 'int32' || dtype === 'bool') return dtype;
  throw new Error(`tensors of type ${dtype} cannot be part of an ONNX graph made here; use float32, int32 or bool`);
};

/** The tfjs dtype that stands for an element type. */
export const dataType = (type: ElementType): DataType => {
  if (type === 'float') return 'float32';
  return type === 'bool' ? 'bool' : 'int32';
};

export const sum = (ref: Ref, axes: readonly number[], g: GraphBuilder): Ref =>
  g.ReduceSum(ref, g.ints(axes), { keepdims: 0 });
