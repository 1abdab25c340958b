import type { DataType } from '@tensorflow/tfjs-core';
import type { ElementType, GraphBuilder, Ref } from './graph.ts';

/**
 * A physical layout that a tensor can have in the graph. tfjs's own (`plain`) is channels-last; ONNX's convolutions
 * want channels first.
 */
export interface Form {
  readonly name: string;
  /** Makes this form, by way of the plain one. */
  from(value: Value, g: GraphBuilder): Ref;
  /** Other forms that can be made from this one directly. */
  readonly to?: ReadonlyMap<Form, (ref: Ref, shape: readonly number[], g: GraphBuilder) => Ref>;
  /** Makes the plain form from this one. */
  toPlain(ref: Ref, shape: readonly number[], g: GraphBuilder): Ref;
  /**
   * Combines a tensor in this form, elementwise, with one number per channel.
   * @param vector the numbers, `[C]`
   */
  withChannels?(ref: Ref, vector: Ref, combine: (ref: Ref, vector: Ref) => Ref, g: GraphBuilder): Ref;
  /** Sums over images and pixels: `[C]`. Twice `ReduceSum` (pixels, then images) is several times faster than once. */
  channelSums?(ref: Ref, g: GraphBuilder): Ref;
}

/** A tensor while it is lowered: one logical shape, tfjs's, and any number of forms, each made when first asked for. */
export class Value {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly forms = new Map<Form, Ref>();

  constructor(shape: readonly number[], dtype: DataType, form: Form, ref: Ref) {
    this.shape = shape;
    this.dtype = dtype;
    this.forms.set(form, ref);
  }

  /** This value in a form. */
  as(form: Form, g: GraphBuilder): Ref {
    const made = this.forms.get(form) ?? this.#direct(form, g) ?? form.from(this, g);
    this.forms.set(form, made);
    return made;
  }

  #direct(form: Form, g: GraphBuilder): Ref | undefined {
    for (const [have, ref] of this.forms) {
      const made = have.to?.get(form)?.(ref, this.shape, g);
      if (made) return made;
    }
    return undefined;
  }
}

/** Channels-last, as tfjs has it. */
export const plain: Form = {
  name: 'plain',
  from(value, g) {
    for (const [form, ref] of value.forms) return form.toPlain(ref, value.shape, g);
    throw new Error('a value without any form');
  },
  toPlain: (ref) => ref,
  channelSums: (ref, g) => sum(sum(ref, [1, 2], g), [0], g),
};

/** One number that stands for a whole tensor of it: what `ones`, `zeros` and gradients of means are. */
export const splat: Form = {
  name: 'splat',
  from: () => {
    throw new Error('a tensor of many numbers has no splat form');
  },
  toPlain: (ref, shape, g) => (shape.length === 0 ? ref : g.op('Expand', [ref, g.ints(shape)])),
};

/** Images with the channels first: `[N, H, W, C]` as `[N, C, H, W]`. */
export const nchw: Form = {
  name: 'nchw',
  from: (value, g) => g.transpose(value.as(plain, g), [0, 3, 1, 2]),
  toPlain: (ref, _, g) => g.transpose(ref, [0, 2, 3, 1]),
  withChannels: (ref, vector, combine, g) => combine(ref, g.reshape(vector, [vector.shape[0] ?? 1, 1, 1])),
  channelSums: (ref, g) => sum(sum(ref, [2, 3], g), [0], g),
};

/** Convolution kernels: `[kh, kw, I, O]` as `[O, I, kh, kw]`. */
export const oihw: Form = {
  name: 'oihw',
  from: (value, g) => g.transpose(value.as(plain, g), [3, 2, 0, 1]),
  toPlain: (ref, _, g) => g.transpose(ref, [2, 3, 1, 0]),
};

/** A value in tfjs's own layout. */
export const plainValue = (ref: Ref): Value => new Value(ref.shape, dataType(ref.type), plain, ref);

export const elementType = (dtype: DataType): ElementType => {
  if (dtype === 'float32') return 'float';
  if (dtype === 'int32' || dtype === 'bool') return dtype;
  throw new Error(`tensors of type ${dtype} cannot be part of an ONNX graph made here; use float32, int32 or bool`);
};

export const dataType = (type: ElementType): DataType => {
  if (type === 'float') return 'float32';
  return type === 'bool' ? 'bool' : 'int32';
};

const sum = (ref: Ref, axes: readonly number[], g: GraphBuilder): Ref =>
  g.op('ReduceSum', [ref, g.ints(axes)], { keepdims: 0 });
