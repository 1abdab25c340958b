import type { Target } from '../targets/target.ts';
import { HeldLayouts } from './held.ts';
import { LoadedGraph } from './loaded-graph.ts';
import type { Threads } from './ort.ts';
import type { Structure } from './structure.ts';

/** Graphs by structure; those that were used last are kept. */
export class GraphCache {
  readonly #graphs = new Map<string, LoadedGraph>();
  readonly #layouts = new HeldLayouts();
  readonly #target: () => Target;
  readonly #threads: Threads;
  readonly #most: number;

  /** @param most how many graphs are kept */
  constructor({ target, threads, most }: { target: () => Target; threads: Threads; most: number }) {
    this.#target = target;
    this.#threads = threads;
    this.#most = most;
  }

  has({ key }: Structure): boolean {
    return this.#graphs.has(key);
  }

  /** Computes a structure's outputs and updates. */
  run(structure: Structure): LoadedGraph {
    const { key } = structure;
    const graph = this.#graphs.get(key) ?? this.#load(structure);
    this.#graphs.delete(key); // the last in the map is the one used last
    this.#graphs.set(key, graph);
    graph.run(structure);
    return graph;
  }

  dispose(): void {
    for (const graph of this.#graphs.values()) graph.dispose();
    this.#graphs.clear();
    this.#layouts.dispose();
  }

  #load(structure: Structure): LoadedGraph {
    for (const [key, oldest] of this.#graphs) {
      if (this.#graphs.size < this.#most) break;
      this.#graphs.delete(key);
      oldest.dispose();
    }
    return new LoadedGraph(structure, { target: this.#target(), threads: this.#threads }, this.#layouts);
  }
}
