import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from './builder.ts';
import { elementType, hostShape, hostValue, nchw, plainValue, Value } from './forms.ts';
import type { Shape } from './ir.ts';
import { complex } from './kernels/complex.ts';
import { numbers } from './kernels/elementwise.ts';
import { filled } from './kernels/shape.ts';
import { type TapeValue, UNNAMED } from './tape.ts';

/** An input of the tape as an input of the graph. */
export function inputValue(g: GraphBuilder, { shape, dtype, source }: TapeValue<'input'>): Value {
  const { name, storage, layout } = source;
  if (layout === 'nchw') {
    const ref = g.input(
      name,
      storage ?? elementType(dtype),
      NCHW_AXES.map((axis) => shape[axis] ?? 1),
    );
    return new Value(shape, dtype, nchw, storage ? g.cast(ref, 'int32') : ref);
  }
  const ref = g.input(name, storage ?? elementType(dtype), hostShape(shape, dtype));
  return hostValue(shape, dtype, storage ? g.cast(ref, 'int32') : ref);
}

/** The axes of `[N, H, W, C]` in the order `[N, C, H, W]`. */
const NCHW_AXES = [0, 3, 1, 2];

/** A constant of the tape; nothing is added to a graph before it is used. */
export function constantValue({ shape, dtype }: TapeValue, source: TapeValue<'constant'>['source']): Value {
  const { name, values } = source;
  if (dtype === 'complex64') {
    const { real, imag } = backend_util.splitRealAndImagArrays(values as Float32Array);
    return complex(realConstant(shape, real), realConstant(shape, imag));
  }
  const first = values[0];
  const named = name !== UNNAMED;
  // Weights stay tensors, even if they are still all zeros.
  if (!named && first !== undefined && values.length > 1 && values.every((value) => Object.is(value, first))) {
    return filled(shape, first, dtype);
  }
  const weight = named && !source.derived && { name, shape, permutation: shape.map((_, axis) => axis) };
  return plainValue(shape, dtype, (g) => numbers(g, values, shape, dtype, weight || undefined, name));
}

const realConstant = (shape: Shape, values: Float32Array): Value => {
  const source = { kind: 'constant', name: UNNAMED, values } as const;
  return constantValue({ shape, dtype: 'float32', source }, source);
};
