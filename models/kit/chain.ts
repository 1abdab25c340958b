import type { input } from '@tensorflow/tfjs-layers';
import type { Layer } from './layers.ts';

/** A tensor of a model that is being built. */
export type Symbolic = ReturnType<typeof input>;

/** A layer, or several that do not form a chain. */
export type Step = Layer | ((x: Symbolic) => Symbolic);

/** Applies steps one after the other. */
export const chain = (start: Symbolic, steps: readonly Step[]): Symbolic =>
  steps.reduce((x, step) => (typeof step === 'function' ? step(x) : (step.apply(x) as Symbolic)), start);
