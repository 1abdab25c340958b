import { type Graph, product, type Shape, type Weight } from './ir.ts';
import { findInitializers, type Initializer } from './serialize.ts';

/** An occurrence of a weight in an ONNX file, as float32 in little-endian order. */
export interface WeightPlace extends Pick<Initializer, 'offset' | 'bytes'> {
  /** The weight's name and shape in the program that was converted. */
  readonly name: string;
  readonly shape: Shape;
  /** The weight's axes in the order in which the file has them, outermost first. */
  readonly permutation: readonly number[];
}

/**
 * Finds every occurrence of a program's weights in the file that was made of it. A weight occurs once for each order of
 * its axes that the graph needs.
 * @param graph the converted program
 * @param file what `serialize` made of the graph
 * @throws Error naming a weight that is stored in an order that is no permutation of its axes
 */
export function findWeights(graph: Graph, file: Uint8Array): WeightPlace[] {
  const initializers = new Map(findInitializers(file).map((initializer) => [initializer.name, initializer]));
  return graph.constants.flatMap(({ name: stored, weight }): WeightPlace[] => {
    if (!weight) return [];
    const { name, shape, permutation } = weight;
    const initializer = initializers.get(stored);
    if (!initializer) throw new Error(`weight ${name}: the file has no initializer ${stored}`);
    if (!permutation) {
      const reason = 'is not the weight with its axes in another order';
      throw new Error(`weight ${name} [${shape}]: initializer ${stored} ${reason}`);
    }
    return [{ name, shape, permutation, offset: initializer.offset, bytes: initializer.bytes }];
  });
}

/** What a weight becomes when the axes of a constant of this shape, which holds it, are permuted. */
export function transposedWeight(weight: Weight, shape: Shape, perm: readonly number[]): Weight {
  const groups = weight.permutation && axisGroups(weight.shape, weight.permutation, shape);
  return { ...weight, permutation: groups && perm.flatMap((axis) => groups[axis] ?? []) };
}

/** Which of the axes, of these sizes and in this order, make up each axis of a shape; undefined where one is split up. */
function axisGroups(sizes: Shape, order: readonly number[], shape: Shape): number[][] | undefined {
  const sizeOf = (axes: readonly number[]) => product(axes.map((axis) => sizes[axis] ?? 1));
  const left = [...order];
  const groups = shape.map((d) => {
    const reached = left.findIndex((_, i) => sizeOf(left.slice(0, i + 1)) >= d);
    // An axis of length 1 is none of the weight's, unless one of the weight's is next.
    const count = d === 1 && sizes[left[0] ?? -1] !== 1 ? 0 : reached + 1;
    return left.splice(0, count);
  });
  groups.at(-1)?.push(...left);
  return groups.every((group, i) => sizeOf(group) === shape[i]) ? groups : undefined;
}
