import type { Target } from '../targets/target.ts';
import { HeldLayouts } from './held.ts';
import { isLight } from './host.ts';
import { LoadedGraph } from './loaded-graph.ts';
import type { Threads } from './ort.ts';
import { Recent } from './recent.ts';
import type { Structure } from './structure.ts';

/** How many light graphs are kept for each other one: a model that suppresses boxes by class has hundreds. */
const LIGHT_PER_OTHER = 16;

/** Graphs by structure; those that were used last are kept. */
export class GraphCache {
  readonly #graphs: Recent<LoadedGraph>;
  readonly #light: Recent<LoadedGraph>;
  readonly #layouts = new HeldLayouts();
  readonly #target: () => Target;
  readonly #threads: Threads;

  /** @param most how many graphs are kept */
  constructor({ target, threads, most }: { target: () => Target; threads: Threads; most: number }) {
    this.#target = target;
    this.#threads = threads;
    this.#graphs = new Recent(most);
    this.#light = new Recent(LIGHT_PER_OTHER * most);
  }

  has({ key }: Structure): boolean {
    return this.#graphs.has(key) || this.#light.has(key);
  }

  /** Computes a structure's outputs and updates. */
  run(structure: Structure): LoadedGraph {
    const { key, calls } = structure;
    const light = this.#light.has(key) || (!this.#graphs.has(key) && isLight(calls));
    const graph = (light ? this.#light : this.#graphs).get(key, () => {
      // Each session has threads of its own, which take longer to start than such a graph to run.
      const threads = light ? 1 : this.#threads;
      return new LoadedGraph(structure, { target: this.#target(), threads }, this.#layouts);
    });
    graph.run(structure);
    return graph;
  }

  dispose(): void {
    this.#graphs.dispose();
    this.#light.dispose();
    this.#layouts.dispose();
  }
}
