import { createHash } from 'node:crypto';
import { randomNormal } from 'd3-random';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { range } from './rows.ts';

/** State of a random generator: four 32-bit integers, not all zero. */
export type GeneratorState = readonly [number, number, number, number];

/** A seeded random generator (xoroshiro128+) whose state can be saved and restored at any time. */
export class Generator {
  readonly #random: RandomGenerator;

  constructor(state: GeneratorState) {
    this.#random = xoroshiro128plusFromState(state);
  }

  /** A generator for one purpose: streams of different names are independent even with the same seed. */
  static of(seed: number, stream: string): Generator {
    const digest = createHash('sha256').update(`${seed}/${stream}`).digest();
    const state = [0, 4, 8, 12].map((offset) => digest.readInt32LE(offset));
    return new Generator(state as unknown as GeneratorState);
  }

  get state(): GeneratorState {
    return [...this.#random.getState()] as [number, number, number, number];
  }

  /** The integers 0 … n − 1 in random order (Fisher–Yates). */
  shuffled(n: number): Uint32Array {
    const order = range(0, n);
    for (let i = n - 1; i > 0; i--) {
      const j = uniformInt(this.#random, 0, i);
      [order[i], order[j]] = [order[j] as number, order[i] as number];
    }
    return order;
  }

  /** A number in [0, 1). */
  uniform(): number {
    return uniformFloat64(this.#random);
  }

  /** Fills `target` with standard-normal numbers. */
  fillNormal(target: Float32Array): void {
    // Normals are drawn in pairs. A new source for each call keeps no second half that `state` would not include.
    const normal = randomNormal.source(() => uniformFloat64(this.#random))();
    for (let i = 0; i < target.length; i++) target[i] = normal();
  }
}
