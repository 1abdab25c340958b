import { totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import type { Target } from '../targets/target.ts';
import { GraphCache } from './graphs.ts';
import type { Held } from './held.ts';
import { isLight } from './host.ts';
import { currentLine } from './layers.ts';
import { Log } from './log.ts';
import { computeOnCpu, isOnCpu } from './on-cpu.ts';
import { fastestTarget } from './probe.ts';
import { type Structure, structureOf, type VariableUpdate } from './structure.ts';
import type { Call, EagerValue } from './value.ts';

export interface ExecutorOptions {
  /** What graphs are lowered for; by default the fastest that this machine computes correctly. */
  readonly target?: Target;
  /** Threads of an operator; by default ONNX Runtime decides. */
  readonly threads?: number;
  /** How many graphs are kept, 64 by default, beside 16 times as many light ones. */
  readonly graphs?: number;
  /**
   * Whether tfjs's `cpu` backend computes what graphs do not have, and what ONNX Runtime fails at; true by default.
   * Otherwise calls are refused, those on strings aside, and graphs that fail are errors.
   */
  readonly cpuFallback?: boolean;
  /**
   * For tests: whatever can be part of a graph is, however little, and a graph that fails is an error. By default tfjs's
   * `cpu` backend computes what is not worth a graph.
   */
  readonly onlyGraphs?: boolean;
  /** How many bytes may be pending before they are computed; a quarter of the memory by default. */
  readonly pendingBytes?: number;
}

/** The most values that may be pending: ONNX Runtime's loading of larger graphs takes seconds. */
const MOST_PENDING = 10_000;

/** Knows which values wait to be computed, and computes them together. */
export class Executor {
  readonly log = new Log();
  /** Whether what is pending has to run before the next call. */
  isDue = false;
  readonly #pending = new Set<EagerValue>();
  readonly #graphs: GraphCache;
  readonly #onlyGraphs: boolean;
  readonly #failsOnCpu: boolean;
  readonly #mostBytes: number;
  #bytes = 0;
  #recorded = 0;
  /** The value of each variable when it was last looked at. */
  readonly #seen = new WeakMap<tf.Variable, EagerValue>();
  /** Structures that were computed call by call. */
  readonly #once = new Set<string>();
  readonly #unused = new Set<Held>();

  constructor(options: ExecutorOptions) {
    const { target, threads = 0, graphs = 64, pendingBytes = totalmem() / 4 } = options;
    const { cpuFallback = true, onlyGraphs = false } = options;
    this.#graphs = new GraphCache({ target: () => target ?? fastestTarget(), threads, most: graphs });
    this.#mostBytes = pendingBytes;
    this.#onlyGraphs = onlyGraphs;
    this.#failsOnCpu = cpuFallback && !onlyGraphs;
  }

  get isPending(): boolean {
    return this.#pending.size > 0;
  }

  /** A tensor refers to a value. */
  acquire(value: EagerValue): void {
    value.acquire();
    if (!value.pending) return;
    this.#pending.add(value);
    this.#recorded++;
    this.#bytes += 4 * value.size;
    if (this.#recorded > MOST_PENDING || this.#bytes > this.#mostBytes) this.isDue = true;
  }

  /** A tensor no longer refers to a value. */
  release(value: EagerValue): void {
    const unused = value.release();
    if (unused) this.#unused.add(unused);
    if (value.isUnused) this.#pending.delete(value);
  }

  /** Variables stay inside graphs from their first value on. */
  variableMade(variable: tf.Variable, value: EagerValue): void {
    const { call } = value;
    const isFilling = call && (call.kernel === 'Fill' || call.kernel === 'ZerosLike');
    // An optimizer starts from zeros. Made here, they let its first step be the same graph as the later ones.
    if (isFilling && Object.values(call.inputs).every(({ pending }) => !pending)) {
      computeOnCpu([call]);
      this.#pending.delete(value);
    }
    value.ofVariable = true;
    this.#seen.set(variable, value);
  }

  /**
   * Computes what is pending. Reading what could not be computed throws.
   * @param variables of the program with their values
   */
  flush(variables: Iterable<readonly [tf.Variable, EagerValue]>): void {
    this.isDue = false;
    this.#bytes = 0;
    this.#recorded = 0;
    const current = [...variables];
    const pending = [...this.#pending];
    this.#pending.clear();
    try {
      if (pending.length > 0) this.#run(structureOf(pending, this.#changes(current)));
    } finally {
      for (const [variable, value] of current) {
        value.ofVariable = true;
        this.#seen.set(variable, value);
      }
      for (const held of this.#unused) held.recycle();
      this.#unused.clear();
    }
  }

  /** The variables that have pending values. */
  #changes(variables: readonly (readonly [tf.Variable, EagerValue])[]): VariableUpdate[] {
    const changes = new Map<EagerValue, EagerValue>();
    const taken = new Set<EagerValue>();
    for (const [variable, after] of variables) {
      const before = this.#seen.get(variable);
      if (!before || before.pending || !after.pending || taken.has(after) || after.dtype !== 'float32') continue;
      if (!changes.has(before)) changes.set(before, after);
      taken.add(after);
    }
    return [...changes].map(([before, after]) => ({ before, after }));
  }

  #run(structure: Structure): void {
    const isKnown = this.#graphs.has(structure);
    if (!isKnown && !this.#onlyGraphs && this.#isFirstAndLittle(structure)) {
      this.log.small += structure.calls.length;
      computeOnCpu(structure.calls);
      return;
    }
    const start = performance.now();
    try {
      const { nodes } = this.#graphs.run(structure);
      if (isKnown) this.log.hits++;
      else {
        const ms = performance.now() - start;
        this.log.miss({ line: currentLine(), calls: structure.calls.length, nodes, ms });
      }
    } catch (error) {
      this.#graphFailed(structure, error);
    }
  }

  #graphFailed({ calls }: Structure, error: unknown): void {
    if (this.#failsOnCpu) {
      this.tellOnCpu(calls.map(({ kernel }) => kernel).join(', '), error);
      computeOnCpu(calls);
      return;
    }
    const failure = new Error(`ONNX Runtime could not compute ${describe(calls)}: ${reasonOf(error)}`, {
      cause: error,
    });
    for (const { outputs } of calls) for (const output of outputs) output.fail(failure);
  }

  /** A session takes milliseconds to make, so what may never come again is computed without one. */
  #isFirstAndLittle({ key, calls }: Structure): boolean {
    if (this.#once.has(key) || calls.length > 100) return false;
    if (calls.some(({ kernel }) => kernel === 'Complex' || !isOnCpu(kernel))) return false;
    if (this.#once.size > 1_000) this.#once.clear();
    this.#once.add(key);
    return isLight(calls);
  }

  /** Counts what ran on tfjs's `cpu` backend, and says so the first time. */
  tellOnCpu(kernel: string, reason?: unknown): void {
    if (!this.log.ranOnCpu(kernel)) return;
    const because = reason instanceof Error ? `: ${reason.message}` : '';
    tf.backend_util.warn(`The backend "onnx" runs ${kernel} on tfjs's cpu backend${because}`);
  }

  dispose(): void {
    this.#pending.clear();
    this.#graphs.dispose();
  }
}

/** The calls that may have caused a failure. */
function describe(calls: readonly Call[]): string {
  const names = calls.map(({ kernel, scope }) => (scope ? `${kernel} of layer ${scope}` : kernel));
  return [...new Set(names)].slice(0, 20).join(', ');
}

/** ONNX Runtime's reason, without its codes and files. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, node, reason] = /running (\w+) node\..*Status Message: (.*)/s.exec(message) ?? [];
  return node ? `${node}: ${reason}` : message;
}
