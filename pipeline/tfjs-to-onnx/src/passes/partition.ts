import { type Graph, type Node, product, type Ref, readsOf } from '../ir.ts';

/**
 * A graph as at most `count` graphs, each with some of its outputs, of about equal numbers of elements. Outputs that need
 * the same tensors stay together; a single number may be computed in several.
 */
export function partition(graph: Graph, count: number): Graph[] {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  let groups: { readonly names: string[]; readonly needed: ReadonlyMap<string, Ref>; readonly size: number }[] = [];
  for (const { name, ref } of graph.outputs) {
    const needed = neededFor(ref, makers);
    const shares = (group: (typeof groups)[number]) =>
      [...needed.values()].some(({ name, shape }) => product(shape) > 1 && group.needed.has(name));
    const joined = groups.filter(shares);
    const all = [...joined, { names: [name], needed, size: product(ref.shape) }];
    groups = groups.filter((group) => !joined.includes(group));
    groups.push({
      names: all.flatMap(({ names }) => names),
      needed: new Map(all.flatMap(({ needed }) => [...needed])),
      size: all.reduce((sum, { size }) => sum + size, 0),
    });
  }
  const parts = Array.from({ length: Math.min(count, groups.length) }, () => ({ size: 0, names: new Set<string>() }));
  for (const { names, size } of groups.sort((a, b) => b.size - a.size)) {
    const least = parts.reduce((least, part) => (part.size < least.size ? part : least));
    least.size += size;
    for (const name of names) least.names.add(name);
  }
  return parts.map(({ names }) => {
    const outputs = graph.outputs.filter(({ name }) => names.has(name));
    const needed = new Set(outputs.flatMap(({ ref }) => [...neededFor(ref, makers).keys()]));
    const nodes = graph.nodes.filter((node) => node.outputs.some((output) => needed.has(output)));
    const read = new Set(nodes.flatMap((node) => readsOf(node).map(({ name }) => name)));
    return { ...graph, outputs, nodes, constants: graph.constants.filter(({ name }) => read.has(name)) };
  });
}

/** The results of nodes that a value is made of, itself included, by name. */
function neededFor(result: Ref, makers: ReadonlyMap<string, Node>): Map<string, Ref> {
  const needed = new Map<string, Ref>();
  const visit = (ref: Ref): void => {
    const maker = makers.get(ref.name);
    if (!maker || needed.has(ref.name)) return;
    needed.set(ref.name, ref);
    readsOf(maker).forEach(visit);
  };
  visit(result);
  return needed;
}
