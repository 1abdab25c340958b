import type * as tf from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';

/** tfjs's inputs of a kernel, with tensors replaced by the values that they are lowered to. */
export type Values<Inputs> = Inputs extends readonly tf.TensorInfo[]
  ? readonly Value[]
  : { readonly [P in keyof Inputs]: tf.TensorInfo extends Exclude<Inputs[P], undefined> ? Value : Inputs[P] };

/**
 * Writes a kernel call in ONNX. Calling a rule gives shapes and dtypes and refuses calls that cannot be lowered; nodes
 * are added when a graph asks for a value.
 */
export type Rule<Inputs, Attrs> = (inputs: Values<Inputs>, attrs: Attrs) => Value | readonly Value[];

/** A rule with tfjs's own types of a kernel's inputs and attributes. */
export const rule = <Inputs, Attrs = unknown>(body: Rule<Inputs, Attrs>): Rule<Inputs, Attrs> => body;

/** Names of tfjs's kernels: the strings that tfjs-core exports under their own name. */
type TfjsKernel = { [Name in keyof typeof tf]: (typeof tf)[Name] extends Name ? Name : never }[keyof typeof tf];

/** Rules by the names of kernels; another name does not compile. */
export type Family = { readonly [Name in TfjsKernel]?: Rule<never, never> };
