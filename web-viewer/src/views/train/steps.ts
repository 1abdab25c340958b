import { batch, signal } from '@preact/signals';
import type { Trainer } from '../../engine/trainer.ts';
import type { TrainStep } from '../../site/schema.ts';
import { type OpenModel, tab } from '../../state/store.ts';
import { batchOf } from './batches.ts';
import type { TrainImages } from './images.ts';
import type { Progress } from './progress.ts';
import type { WeightsInUse } from './weights-in-use.ts';

/** Seed of the training: the same for everyone, so that a restarted training is identical. */
const SEED = 1;
/** Milliseconds between two reads of the weights during training, and that interval as a multiple of a read's duration. */
const READ = { every: 1000, times: 10 } as const;
/** Milliseconds between updates of the numbers on the page. */
const UPDATE_INTERVAL = 100;
/** Smoothing factor of the step duration. */
const SMOOTHING = 0.9;

const DIVERGED =
  'The loss is no longer a number: training diverged, probably because the learning rate is too high. Reset, and train with a lower rate.';

/** A run of a started training. */
interface Run {
  readonly exported: OpenModel;
  readonly step: TrainStep;
  readonly trainer: Trainer;
  /** Whether it has not been reset, and its model is still open. */
  isCurrent(): boolean;
}

/** The steps of trainings, with the images and the learning rate of the moment. */
export function createSteps(progress: Progress, images: TrainImages, weights: WeightsInUse) {
  const { phase, steps, speed, message, trained, history, stopWith } = progress;
  /** The learning rate as a share of the recipe's. */
  const rate = signal(10 ** -0.5);
  let pendingRead: Promise<void> | null = null;
  /** When the weights are read next. */
  let nextRead = 0;

  /** Takes steps until the visitor pauses or a step fails. @throws Error */
  async function take(run: Run): Promise<void> {
    const { exported, step, trainer, isCurrent } = run;
    const losses = history.value;
    let shown = 0;
    let mean: number | null = null;
    const show = () => {
      shown = performance.now();
      batch(() => {
        steps.value = losses.steps;
        if (mean !== null) speed.value = (1000 * step.batchSize) / mean;
      });
    };
    while (phase.value === 'running' && images.all.value.length > 0) {
      const began = performance.now();
      const how = { seed: SEED, at: losses.steps, rate: rate.value };
      const found = await trainer.train(batchOf(exported.card, step, images.all.value, how));
      if (!isCurrent()) return;
      const now = performance.now();
      mean = mean === null ? now - began : SMOOTHING * mean + (1 - SMOOTHING) * (now - began);
      losses.add(found);
      if (!found.every(Number.isFinite)) {
        show();
        stopWith('broken', DIVERGED);
        return;
      }
      if (now > shown + UPDATE_INTERVAL) show();
      if (now > nextRead && (tab.value === 'train' || weights.everywhere.value)) void readWeights(run);
    }
    show();
    phase.value = 'pausing';
    await pendingRead;
    if (isCurrent()) await readWeights(run);
    if (!isCurrent()) return;
    phase.value = 'paused';
    if (images.all.value.length === 0) message.value = 'There are no images left to train on: add some.';
  }

  /** Reads the current weights, for the pictures and, where wanted, for the whole page. */
  function readWeights({ exported, trainer, isCurrent }: Run): Promise<void> {
    const began = performance.now();
    const read = async () => {
      const files = await trainer.files().catch(() => null);
      if (!files || !isCurrent()) return;
      trained.value = files;
      if (weights.everywhere.value) await weights.apply(exported, files, phase.value !== 'running');
      const now = performance.now();
      nextRead = now + Math.max(READ.every, READ.times * (now - began));
    };
    pendingRead ??= read().finally(() => {
      pendingRead = null;
    });
    return pendingRead;
  }

  return { rate, take };
}
