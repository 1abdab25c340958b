import type { RunPlan } from '../artifacts/run.ts';

/** Hyperparameters that may change at every step. */
export type Controls = Readonly<ReturnType<typeof controlsAt>>;

/**
 * The values of a recipe's controls at a step.
 * @param step training steps done before
 * @param stepsPerEpoch steps of an epoch
 * @param halvings how often the schedule `plateau` has halved the learning rate
 */
export function controlsAt(recipe: RunPlan['recipe'], step: number, stepsPerEpoch: number, halvings = 0) {
  const { epochs, schedule = 'constant', beta = 1, klWarmUp = 0 } = recipe;
  const done = step / (epochs * stepsPerEpoch);
  const rates = { constant: 1, linear: 1 - done, cosine: (1 + Math.cos(Math.PI * done)) / 2, plateau: 0.5 ** halvings };
  const warm = klWarmUp > 0 ? Math.min(1, step / (klWarmUp * stepsPerEpoch)) : 1;
  return {
    /** The learning rate as a share of the recipe's. */
    rate: rates[schedule],
    /** The weight of the KL divergence in the loss. */
    klWeight: beta * warm,
  };
}
