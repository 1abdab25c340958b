import { findInitializers, type Initializer } from 'tfjs-to-onnx';
import type { TrainStepSection } from '../artifacts/card.ts';
import type { NamedVariable } from '../train/program.ts';
import type { OnnxModels } from './trace-model.ts';

/** Where a weight is in the exported files. */
export type WeightPlace = TrainStepSection['weights'][number];

/**
 * Finds every weight in the converted models and how its axes are ordered there, comparing all of its numbers.
 * @throws Error naming a weight that neither file has, or that one of them has otherwise than transposed
 */
export function placeWeights(weights: readonly NamedVariable[], models: OnnxModels): WeightPlace[] {
  const places = (['encoder', 'decoder'] as const).flatMap((part) => {
    const bytes = models[part];
    return findInitializers(bytes).flatMap((initializer): WeightPlace[] => {
      const weight = weightOf(initializer.name, weights);
      return weight ? [{ ...place(weight, initializer, bytes), file: `${part}.onnx` }] : [];
    });
  });
  const missing = weights.find(({ name }) => !places.some(({ variable }) => variable === name));
  if (missing) throw new Error(`weight ${missing.name} is in neither encoder.onnx nor decoder.onnx`);
  return places;
}

/** An initializer has its weight's name, and a number behind it where another form of the weight has that name too. */
const weightOf = (initializer: string, weights: readonly NamedVariable[]): NamedVariable | undefined =>
  weights.find(({ name }) => name === initializer) ??
  weights.find(({ name }) => name === initializer.replace(/_\d+$/, ''));

function place(
  { name, variable }: NamedVariable,
  { name: initializer, shape: target, offset, bytes }: Initializer,
  file: Uint8Array,
): Omit<WeightPlace, 'file'> {
  const { shape } = variable;
  const raw = new Float32Array(file.slice(offset, offset + bytes).buffer);
  const values = variable.dataSync() as Float32Array;
  const found =
    raw.length === values.length
      ? permutations(shape.map((_, axis) => axis)).filter((axes) => isTransposed(raw, values, shape, axes))
      : [];
  // Axes of length 1 may stand anywhere: they do not move a number.
  const [moves] = new Set(found.map((axes) => `${axes.filter((axis) => shape[axis] !== 1)}`));
  const [permutation] = found.toSorted((a, b) => mismatch(a) - mismatch(b));
  if (!permutation || moves === undefined) {
    throw new Error(`initializer ${initializer} is not weight ${name} [${shape}] with its axes in another order`);
  }
  if (found.some((axes) => `${axes.filter((axis) => shape[axis] !== 1)}` !== moves)) {
    throw new Error(`the order of axes of weight ${name} cannot be told: too many of its numbers are equal`);
  }
  return { variable: name, shape, offset, bytes, permutation };

  function mismatch(axes: readonly number[]): number {
    return axes.filter((axis, i) => shape[axis] !== target[i]).length;
  }
}

function permutations(axes: readonly number[]): number[][] {
  if (axes.length === 0) return [[]];
  return axes.flatMap((first) => permutations(axes.filter((axis) => axis !== first)).map((rest) => [first, ...rest]));
}

/** Whether numbers are those of a tensor with its axes in another order. */
function isTransposed(
  transposed: Float32Array,
  values: Float32Array,
  shape: readonly number[],
  axes: readonly number[],
): boolean {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const [sizes, steps] = [axes.map((axis) => shape[axis] ?? 0), axes.map((axis) => strides[axis] ?? 0)];
  const index = axes.map(() => 0);
  let from = 0;
  for (const value of transposed) {
    if (value !== values[from]) return false;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const [step, size, next] = [steps[axis] ?? 0, sizes[axis] ?? 0, (index[axis] ?? 0) + 1];
      from += step;
      index[axis] = next;
      if (next < size) break;
      from -= step * size;
      index[axis] = 0;
    }
  }
  return true;
}
