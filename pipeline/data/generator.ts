import { createHash } from 'node:crypto';
import { randomNormal } from 'd3-random';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** All that a generator remembers: four 32-bit integers, not all zero. */
export type GeneratorState = readonly [number, number, number, number];

/** Seeded randomness (xoroshiro128+) whose state can be saved at any time and taken up again. */
export class Generator {
  readonly #random: RandomGenerator;

  private constructor(random: RandomGenerator) {
    this.#random = random;
  }

  /** The generator of one purpose: streams of different names are independent though they share a seed. */
  static of(seed: number, stream: string): Generator {
    const digest = createHash('sha256').update(`${seed}/${stream}`).digest();
    return Generator.fromState([
      digest.readInt32LE(0),
      digest.readInt32LE(4),
      digest.readInt32LE(8),
      digest.readInt32LE(12),
    ]);
  }

  static fromState(state: GeneratorState): Generator {
    return new Generator(xoroshiro128plusFromState(state));
  }

  get state(): GeneratorState {
    return [...this.#random.getState()] as [number, number, number, number];
  }

  /** The numbers 0 … n − 1 in random order (Fisher–Yates). */
  shuffled(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = uniformInt(this.#random, 0, i);
      const other = order[j] as number;
      order[j] = order[i] as number;
      order[i] = other;
    }
    return order;
  }

  /** A number in [0, 1). */
  uniform(): number {
    return uniformFloat64(this.#random);
  }

  /** Fills `target` with standard-normal numbers. */
  fillNormal(target: Float32Array): void {
    // Normals are made in pairs: a new source for each call, so that no second half waits outside `state`.
    const normal = randomNormal.source(() => uniformFloat64(this.#random))();
    for (let i = 0; i < target.length; i++) target[i] = normal();
  }
}
