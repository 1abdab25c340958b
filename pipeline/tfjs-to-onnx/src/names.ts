import { type Graph, type Ref, rewired } from './ir.ts';

/** Names that are unique in a graph and all graphs inside it. */
export class Names {
  readonly #counts = new Map<string, number>();

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  /** A name that was not given before: this one, or one that begins with it. */
  unique(name: string): string {
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    return count === 0 ? name : this.unique(`${name}_${count}`);
  }
}

/**
 * The names of the finished graph: a value with an output's name gets another, and a constant derived from one that
 * is not in the graph gets the name of that one.
 */
export function withFinalNames(graph: Graph, given: Names, originOf: (constant: string) => string | undefined): Graph {
  const outputs = graph.outputs.map(({ name }) => name);
  const names = new Map(outputs.filter((name) => given.has(name)).map((name) => [name, given.unique(name)]));
  const taken = new Set([...outputs, ...[...graph.inputs, ...graph.constants].map((ref) => ref.name)]);
  for (const { name } of graph.constants) {
    const origin = originOf(name);
    if (origin === undefined || taken.has(origin)) continue;
    taken.add(origin);
    names.set(name, origin);
  }
  if (names.size === 0) return graph;
  const nameOf = (name: string) => names.get(name) ?? name;
  const renamed = (ref: Ref): Ref => (names.has(ref.name) ? { ...ref, name: nameOf(ref.name) } : ref);
  return {
    ...graph,
    outputs: graph.outputs.map(({ name, ref }) => ({ name, ref: renamed(ref) })),
    constants: graph.constants.map(renamed),
    nodes: graph.nodes.map((node) => rewired(node, renamed, nameOf)),
  };
}
