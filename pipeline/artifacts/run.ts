import { z } from 'zod';
import { type ModelSize, type OptimizerRecipe, schedules } from '../../models/kit/model.ts';
import { Generator, type GeneratorState } from '../data/generator.ts';
import { noSums } from './metrics.ts';

/** The version of the checkpoint folder's layout; raised when an older program could not read a newer folder. */
export const CHECKPOINT_FORMAT = 1;

const count = z.int().min(0);
const positive = z.int().min(1);
const int32 = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);
const generatorState = z.tuple([int32, int32, int32, int32]).readonly() satisfies z.ZodType<GeneratorState>;
const metrics = z.record(z.string(), z.number());

const optimizer = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('adam'), learningRate: z.number(), epsilon: z.number() }),
  z.strictObject({ name: z.literal('momentum'), learningRate: z.number(), momentum: z.number() }),
  z.strictObject({ name: z.literal('sgd'), learningRate: z.number() }),
]) satisfies z.ZodType<OptimizerRecipe>;

const size = z.strictObject({
  height: positive,
  width: positive,
  channels: positive,
  latent: positive,
  classes: count,
  seed: z.int(),
}) satisfies z.ZodType<ModelSize>;

const images = z.strictObject({
  images: positive,
  fingerprint: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});

/** What a run trains: the part of its state that never changes, the number of epochs aside. */
const runPlan = z.strictObject({
  model: z.string(),
  /** Absolute path of the file that defines the model, where it is not one of convae's own. */
  modelFile: z.string().optional(),
  /** `size.seed` decides initial weights, data order and noise. */
  size,
  recipe: z.strictObject({
    epochs: positive,
    batchSize: positive,
    optimizer,
    /** As in the model's `Recipe`; runs from before these could be chosen have none of them. */
    schedule: z.enum(schedules).optional(),
    beta: z.number().optional(),
    klWarmUp: z.number().optional(),
  }),
  data: z.strictObject({
    name: z.string(),
    train: images,
    test: images,
    classes: z.array(z.string()).nullable(),
  }),
});

const sums = z.strictObject({ images: count, sums: metrics });

/** Where a run stands. */
const runPosition = z.strictObject({
  /** Epochs that are complete, test evaluation included. */
  epoch: count,
  /** Batches of the epoch under way that have been trained on. */
  batches: count,
  /** Training steps since the beginning. */
  step: count,
  /** The order generator as it was when the epoch under way began. */
  order: generatorState,
  noise: generatorState,
  /** Sums over the epoch under way, and since the last line of step metrics. */
  epochSums: sums,
  windowSums: sums,
  /** Of the last complete epoch. */
  metrics: z.strictObject({ train: metrics, test: metrics }).nullable(),
  /** The epoch with the lowest test loss so far. */
  best: z.strictObject({ epoch: positive, step: positive, loss: z.number() }).nullable(),
  /** Lines of metrics.jsonl. */
  metricsLines: count,
});

/** All of `state.json`. */
export const runState = z.strictObject({
  format: z.literal(CHECKPOINT_FORMAT),
  plan: runPlan,
  position: runPosition,
});

export type RunPlan = z.infer<typeof runPlan>;
export type RunPosition = z.infer<typeof runPosition>;
export type RunState = z.infer<typeof runState>;

/** Where a run of that seed begins. */
export const beginning = (seed: number): RunPosition => ({
  epoch: 0,
  batches: 0,
  step: 0,
  order: Generator.of(seed, 'order').state,
  noise: Generator.of(seed, 'noise').state,
  epochSums: noSums,
  windowSums: noSums,
  metrics: null,
  best: null,
  metricsLines: 0,
});
