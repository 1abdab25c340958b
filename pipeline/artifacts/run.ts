import * as z from 'zod/mini';
import type { CentresMethod, ModelSize, OptimizerRecipe, PixelLossName, Schedule } from '../../models/kit/model.ts';
import { count, digest, images, metrics, positive, share } from './fields.ts';
import { preprocessing } from './preprocessing.ts';

/** The version of a checkpoint folder; raised when an older program could not read a newer folder. */
export const CHECKPOINT_FORMAT = 2;

const int32 = z.int().check(z.minimum(-(2 ** 31)), z.maximum(2 ** 31 - 1));
const scalar = z.union([z.string(), z.number()]);
const generatorState = z.readonly(z.tuple([int32, int32, int32, int32]));

const ofAnyOptimizer = {
  learningRate: z.number(),
  weightDecay: z.optional(z.number()),
  clipNorm: z.optional(z.number()),
};
const optimizer = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('adam'), ...ofAnyOptimizer, epsilon: z.number() }),
  z.strictObject({ name: z.literal('adamw'), ...ofAnyOptimizer, epsilon: z.number(), weightDecay: z.number() }),
  z.strictObject({ name: z.literal('momentum'), ...ofAnyOptimizer, momentum: z.number() }),
  z.strictObject({ name: z.literal('sgd'), ...ofAnyOptimizer }),
  z.strictObject({ name: z.literal('rmsprop'), ...ofAnyOptimizer, decay: z.number(), epsilon: z.number() }),
]) satisfies z.ZodMiniType<OptimizerRecipe>;

const size = z.strictObject({
  height: positive,
  width: positive,
  channels: positive,
  latent: positive,
  classes: count,
  seed: z.int(),
  /** Absent where they are the defaults. */
  filters: z.optional(positive),
  halvings: z.optional(positive),
  /** Of a model with clusters. */
  clusters: z.optional(positive),
}) satisfies z.ZodMiniType<ModelSize>;

/** What a run trains: the part of its state that changes only where a resumed run is given other options. */
export const runPlan = z
  .strictObject({
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
      schedule: z.optional(z.enum(['constant', 'cosine', 'linear', 'plateau']) satisfies z.ZodMiniType<Schedule>),
      beta: z.optional(z.number()),
      klWarmUp: z.optional(z.number()),
      /** Absent where the loss is the model's own. */
      pixelLoss: z.optional(z.enum(['bce', 'mse', 'l1']) satisfies z.ZodMiniType<PixelLossName>),
      ssim: z.optional(z.number()),
      colour: z.optional(z.number()),
      /** Absent from older runs with clusters, which started from k-means. */
      centres: z.optional(z.enum(['umap-gmm', 'kmeans']) satisfies z.ZodMiniType<CentresMethod>),
      /** Random changes of the training images, as `--augment` takes them; absent where there are none. */
      augment: z.optional(z.string()),
      /** Epochs without a lower validation loss after which training stops. */
      earlyStopping: z.optional(positive),
    }),
    data: z.strictObject({
      name: z.string(),
      /** Share of the training images that `val` was taken from. */
      valSplit: z.optional(z.number()),
      /** The column of a table that labels are from; absent where none was asked for. */
      label: z.optional(z.string()),
      /** The classes that all parts were restricted to; absent where they were not. */
      onlyClass: z.optional(z.array(z.string())),
      train: z.strictObject(images),
      /** At least one of `val` and `test` is there. */
      val: z.optional(z.strictObject(images)),
      test: z.optional(z.strictObject(images)),
      classes: z.nullable(z.array(z.string())),
      /** Absent from older runs: images of exactly the model's size, transparency on black. */
      preprocessing: z.optional(preprocessing),
    }),
    /**
     * Into how many slices a batch is divided at most where it is computed on a CPU: the last digits of the weights depend on
     * it. Absent from older runs.
     */
    slices: z.optional(positive),
    /** The checkpoint that the first weights were taken from: absolute path, training steps, SHA-256 of its `SHA256SUMS`. */
    init: z.optional(z.strictObject({ from: z.string(), step: count, sha256: digest })),
    /** What computes the steps: library, device, kernels. Absent from older runs. */
    engine: z.optional(z.string()),
    /** What was changed when the run was resumed, and after how many steps. */
    changes: z.optional(z.array(z.strictObject({ step: count, name: z.string(), from: scalar, to: scalar }))),
  })
  .check(
    z.refine(
      ({ size, data: { preprocessing: to } }) =>
        !to || (to.height === size.height && to.width === size.width && to.channels === size.channels),
      'its preprocessing is to another size than that of its images',
    ),
  );

const sums = z.strictObject({ images: count, sums: metrics });

/** How far a run has come. */
const runPosition = z.strictObject({
  /** Complete epochs, evaluation included. */
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
  metrics: z.nullable(z.strictObject({ train: metrics, val: z.optional(metrics), test: z.optional(metrics) })),
  /** The epoch with the lowest validation loss so far; in format 1, with the lowest test loss. */
  best: z.nullable(z.strictObject({ epoch: positive, step: positive, loss: z.number() })),
  /** Of the schedule `plateau`: how often the learning rate was halved, and the epoch after which it last was (0: never). */
  plateau: z.optional(z.strictObject({ halvings: count, epoch: count })),
  /**
   * Of a model with clusters: the share of the images that changed cluster until the targets were last made (1 for the first),
   * and whether it ever was so small that training ends.
   */
  clusters: z.optional(z.strictObject({ changed: share, settled: z.boolean() })),
  /** Lines of metrics.jsonl. */
  metricsLines: count,
});

/** All of `state.json`. */
export const runState = z.strictObject({
  format: z.int().check(z.minimum(1), z.maximum(CHECKPOINT_FORMAT)),
  plan: runPlan,
  position: runPosition,
});

export type RunPlan = z.infer<typeof runPlan>;
export type RunPosition = z.infer<typeof runPosition>;
export type RunState = z.infer<typeof runState>;
