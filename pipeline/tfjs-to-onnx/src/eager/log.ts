import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A graph that had to be built. */
export interface Miss {
  /** The line of the program that asked for it: `file:line:column`. */
  readonly line: string;
  /** How many kernel calls the graph has, and how many nodes they became. */
  readonly calls: number;
  readonly nodes: number;
  readonly ms: number;
}

/** What the backend has done so far. */
export interface Explanation {
  /** How many graphs were built. */
  readonly graphs: number;
  /** How often a graph was there already. */
  readonly hits: number;
  readonly misses: readonly Miss[];
  /** How often each kernel ran on tfjs's `cpu` backend because it could not be part of a graph. */
  readonly onCpu: Readonly<Record<string, number>>;
  /** Of pieces of a few numbers: how many kernel calls were computed at once, without a graph. */
  readonly small: number;
}

/** The most misses that are remembered one by one. */
const MOST_MISSES = 1_000;

export class Log {
  graphs = 0;
  hits = 0;
  small = 0;
  readonly #misses: Miss[] = [];
  readonly #onCpu = new Map<string, number>();

  miss(miss: Miss): void {
    this.graphs++;
    if (this.#misses.length < MOST_MISSES) this.#misses.push(miss);
  }

  /** @returns whether it is the kernel's first time */
  ranOnCpu(kernel: string): boolean {
    const times = this.#onCpu.get(kernel) ?? 0;
    this.#onCpu.set(kernel, times + 1);
    return times === 0;
  }

  explain(): Explanation {
    const { graphs, hits, small } = this;
    return { graphs, hits, misses: [...this.#misses], onCpu: Object.fromEntries(this.#onCpu), small };
  }
}

/** With source maps, tfjs's files have the paths of its own repository. */
const LIBRARIES = /node_modules|\btfjs-[a-z-]+\/src\/|node:|\(<anonymous>\)/;
const HERE = dirname(dirname(fileURLToPath(import.meta.url)));

/** The line of the program that is running: the innermost that is neither tfjs's nor this package's. */
export function programLine(): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  const lines = new Error().stack?.split('\n').slice(1) ?? [];
  Error.stackTraceLimit = stackTraceLimit;
  const own = lines.find((line) => !line.includes(HERE) && !LIBRARIES.test(line));
  return own?.replace(/^\s*at (?:.*\()?(?:file:\/\/)?(.*?)\)?$/, '$1');
}
