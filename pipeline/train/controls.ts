import type { RunPlan } from '../artifacts/run.ts';
import type { Control } from './program.ts';

type Recipe = RunPlan['recipe'];

/** The controls that a recipe changes from step to step, or sets to what they are not by themselves. */
export function controlsNeeded({ schedule = 'constant', beta = 1, klWarmUp = 0 }: Recipe): Control[] {
  return [
    ...(schedule === 'constant' ? [] : ['rate' as const]),
    ...(beta === 1 && !klWarmUp ? [] : ['klWeight' as const]),
  ];
}

/**
 * The values of a recipe's controls at a step.
 * @param step training steps done before
 * @param stepsPerEpoch steps of an epoch
 */
export function controlsAt(recipe: Recipe, step: number, stepsPerEpoch: number): Record<Control, number> {
  const { epochs, schedule = 'constant', beta = 1, klWarmUp = 0 } = recipe;
  const done = step / (epochs * stepsPerEpoch);
  const rates = { constant: 1, linear: 1 - done, cosine: (1 + Math.cos(Math.PI * done)) / 2 };
  const warm = klWarmUp > 0 ? Math.min(1, step / (klWarmUp * stepsPerEpoch)) : 1;
  return { rate: rates[schedule], klWeight: beta * warm };
}
