import * as z from 'zod/mini';
import type { ModelSize, OptimizerRecipe, Schedule } from '../../models/kit/model.ts';
import { count, images, metrics, positive } from './fields.ts';

/** The version of a checkpoint folder; raised when an older program could not read a newer folder. */
export const CHECKPOINT_FORMAT = 1;

const int32 = z.int().check(z.minimum(-(2 ** 31)), z.maximum(2 ** 31 - 1));
const generatorState = z.readonly(z.tuple([int32, int32, int32, int32]));

const optimizer = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('adam'), learningRate: z.number(), epsilon: z.number() }),
  z.strictObject({ name: z.literal('momentum'), learningRate: z.number(), momentum: z.number() }),
  z.strictObject({ name: z.literal('sgd'), learningRate: z.number() }),
]) satisfies z.ZodMiniType<OptimizerRecipe>;

const size = z.strictObject({
  height: positive,
  width: positive,
  channels: positive,
  latent: positive,
  classes: count,
  seed: z.int(),
}) satisfies z.ZodMiniType<ModelSize>;

/** What a run trains: the part of its state that never changes, except for the number of epochs. */
const runPlan = z.strictObject({
  model: z.string(),
  /** Absolute path of the file that defines the model, unless it is one of convae's own. */
  modelFile: z.optional(z.string()),
  /** `size.seed` decides initial weights, data order and noise. */
  size,
  recipe: z.strictObject({
    epochs: positive,
    batchSize: positive,
    optimizer,
    /** As in the model's `Recipe`; absent from runs that are older than these options. */
    schedule: z.optional(z.enum(['constant', 'cosine', 'linear']) satisfies z.ZodMiniType<Schedule>),
    beta: z.optional(z.number()),
    klWarmUp: z.optional(z.number()),
  }),
  data: z.strictObject({
    name: z.string(),
    train: z.strictObject(images),
    test: z.strictObject(images),
    classes: z.nullable(z.array(z.string())),
  }),
});

const sums = z.strictObject({ images: count, sums: metrics });

/** How far a run has come. */
const runPosition = z.strictObject({
  /** Complete epochs, test evaluation included. */
  epoch: count,
  /** Batches of the current epoch that have been trained on. */
  batches: count,
  /** Training steps since the start. */
  step: count,
  /** State of the random generator of the data order at the start of the current epoch. */
  order: generatorState,
  noise: generatorState,
  /** Sums over the current epoch, and since the last line of step metrics. */
  epochSums: sums,
  windowSums: sums,
  /** Of the last complete epoch. */
  metrics: z.nullable(z.strictObject({ train: metrics, test: metrics })),
  /** The epoch with the lowest test loss so far. */
  best: z.nullable(z.strictObject({ epoch: positive, step: positive, loss: z.number() })),
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
