import { type MetricSums, meansOf, noSums } from '../artifacts/metrics.ts';
import type { RunPlan, RunPosition } from '../artifacts/run.ts';

/** Epochs without a lower validation loss after which the schedule `plateau` halves the learning rate. */
const PLATEAU_EPOCHS = 3;

/** Losses over the parts of the data that are not trained on. */
export type Evaluations = { readonly [split in 'val' | 'test']?: MetricSums | undefined };

/**
 * The position after an epoch. Only validation decides: without it, `best` stays empty and the learning rate follows the steps
 * alone.
 */
export function afterEpoch(recipe: RunPlan['recipe'], at: RunPosition, { val, test }: Evaluations): RunPosition {
  const epoch = at.epoch + 1;
  const metrics = {
    train: meansOf(at.epochSums),
    ...(val && { val: meansOf(val) }),
    ...(test && { test: meansOf(test) }),
  };
  const next = { ...at, epoch, batches: 0, epochSums: noSums, metrics };
  const loss = metrics.val?.loss;
  if (loss === undefined) return next;
  const best = at.best && at.best.loss <= loss ? at.best : { epoch, step: at.step, loss };
  if (recipe.schedule !== 'plateau') return { ...next, best };
  const { plateau = { halvings: 0, epoch: 0 } } = at;
  const waited = epoch - Math.max(best.epoch, plateau.epoch);
  return { ...next, best, plateau: waited < PLATEAU_EPOCHS ? plateau : { halvings: plateau.halvings + 1, epoch } };
}

/** Whether nothing is left to train. */
export const hasEnded = (recipe: RunPlan['recipe'], at: RunPosition): boolean =>
  at.epoch >= recipe.epochs || stoppedEarly(recipe, at);

/** Whether training has ended before its last epoch: by early stopping, or with an epoch in which clusters settled. */
export const stoppedEarly = ({ earlyStopping }: RunPlan['recipe'], at: RunPosition): boolean =>
  (at.clusters?.settled && at.batches === 0) ||
  (earlyStopping !== undefined && at.best !== null && at.epoch - at.best.epoch >= earlyStopping);

/** How many times the training error the error on images held out may be without a note. */
const MUCH_HIGHER = 2;

/** A sentence on a model that rebuilds images held out much worse than those that it was trained on; undefined otherwise. */
export function overfitted({ train, val, test }: NonNullable<RunPosition['metrics']>): string | undefined {
  const held = (test ?? val)?.reconstruction ?? Number.NaN;
  const times = held / (train.reconstruction ?? Number.NaN);
  if (!(times > MUCH_HIGHER)) return undefined;
  return `the error is ${times.toFixed(1)} times as high on images held out: the model has learned its images by heart; more images help most, then --augment flip,shift=0.1,zoom=0.1, a smaller --latent, or --val-split 0.1 with --early-stopping 10`;
}
