import * as z from 'zod/mini';
import {
  classNames,
  conditional,
  count,
  digest,
  imageShape,
  images,
  metrics,
  nonNegative,
  numbers,
  pixelLoss,
  positive,
  share,
  spread,
} from './fields.ts';
import { outlierSection } from './outlier-section.ts';
import { preprocessing } from './preprocessing.ts';

/** The version of card.json; raised when an older program could not read a newer card. */
export const CARD_FORMAT = 2;

/** The file of the training step. */
export const TRAIN_STEP_FILE = 'train-step.onnx';

const scalar = z.tuple([]);
const shape = z.array(positive).check(z.maxLength(8));
/** Number of elements of a tensor. */
export const volume = (shape: readonly number[]) => shape.reduce((size, side) => size * side, 1);

/** Adds the issue that some field is not as expected. */
const expected = (context: z.core.$RefinementCtx, path: string[], message: string) =>
  context.addIssue({ code: 'custom', message: `expected ${message}`, path });

/** A weight inside one of the model's files, as float32 in little-endian order. */
const weight = z
  .object({
    /** The name in `state`. */
    variable: z.string(),
    /** Shape of the variable. */
    shape,
    file: z.enum(['encoder.onnx', 'decoder.onnx']),
    /** Position and length in the file. */
    offset: count,
    bytes: positive,
    /** The variable's axes in the order of the file. */
    permutation: z.array(count),
  })
  .check(
    z.superRefine(({ shape, bytes, permutation }, context) => {
      const size = 4 * volume(shape);
      if (bytes !== size) expected(context, ['bytes'], `${size} bytes, got ${bytes}`);
      if (permutation.length !== shape.length || shape.some((_, axis) => !permutation.includes(axis))) {
        expected(context, ['permutation'], `the numbers from 0 to ${shape.length - 1} in some order`);
      }
    }),
  );

/** The card's section on `train-step.onnx`: one training step as a graph, and its first state. */
export const trainStepSchema = z
  .object({
    file: z.literal(TRAIN_STEP_FILE),
    sha256: digest,
    bytes: positive,
    batchSize: positive,
    /** Inputs besides the state, by name, with their shapes. */
    inputs: z.object({
      /** uint8 */
      image: shape,
      /** int32 class indices */
      label: z.optional(shape),
      /** float32, standard normal */
      noise: z.optional(shape),
      /** float32: the learning rate divided by the recipe's */
      rate: scalar,
      /** float32: the weight of the KL divergence in the loss */
      klWeight: z.optional(scalar),
    }),
    /** Carried from one step to the next, float32: inputs by name, and the outputs that hold their next values. */
    state: z.array(
      z.object({
        name: z.string(),
        next: z.string(),
        shape,
        /** The number that fills it at first, or `weights` for one of the weights. */
        initial: z.union([z.literal('weights'), z.number()]),
      }),
    ),
    /** Every occurrence of each weight in the model's files; a weight may occur more than once. */
    weights: z.array(weight),
    /** Scalar outputs; training minimises `loss`. */
    losses: z.array(z.string()).check(
      z.maxLength(16),
      z.refine((losses) => losses.includes('loss'), 'expected loss among them'),
    ),
  })
  .check(
    z.superRefine(({ state, weights }, context) => {
      const shapes = new Map(weights.map(({ variable, shape }) => [variable, shape.join()]));
      for (const { name, shape, initial } of state) {
        if (shapes.get(name) === (initial === 'weights' ? shape.join() : undefined)) continue;
        const message = `weights to have ${name}, in its shape, exactly if its initial value is weights`;
        expected(context, ['weights'], message);
      }
    }),
  );

const latent = z
  .object({
    size: positive,
    /** Statistics of the latents of one split. */
    statistics: z.object({ over: z.enum(['train', 'val', 'test']), images: positive, ...spread }),
    /** Normal distributions fitted to latents, for sampling; absent where latents are too long for that. */
    mixture: z.optional(
      z.object({
        /** The split whose latents they were fitted to; of a variational model, one sample for each image. */
        over: z.literal('train'),
        /** Number of those latents. */
        codes: positive,
        /** Mean over those latents of the log density, in nats. */
        logLikelihood: z.number(),
        /** Of the components; they sum to 1. */
        weights: numbers.check(z.minLength(1)),
        /** A row for each component. */
        means: z.array(numbers),
        /** For each component, the lower Cholesky factor of its covariance: rows without the zeros above the diagonal. */
        factors: z.array(numbers),
      }),
    ),
  })
  .check(
    z.superRefine(({ size, statistics, mixture }, context) => {
      for (const name of ['mean', 'std', 'min', 'max'] as const) {
        if (statistics[name].length === size) continue;
        const message = `${size} numbers, one per latent dimension, got ${statistics[name].length}`;
        expected(context, ['statistics', name], message);
      }
      if (!mixture) return;
      const components = mixture.weights.length;
      const lengths = { means: size, factors: (size * (size + 1)) / 2 };
      for (const name of ['means', 'factors'] as const) {
        const [rows, length] = [mixture[name], lengths[name]];
        if (rows.length === components && rows.every((row) => row.length === length)) continue;
        expected(context, ['mixture', name], `${length} numbers for each of ${components} components`);
      }
    }),
  );

const file = z.object({ sha256: digest, bytes: positive });

/** Clusters that the encoder assigns images to: encoder.onnx has an output `cluster`, the probability of each, `[N, K]`. */
const clusters = z.object({
  count: positive,
  /** `dcec`: learned with the model; else fitted to the latents of images. */
  method: z.enum(['dcec', 'kmeans', 'gmm']),
  /** Largest absolute difference of that output from what tfjs computes or, of fitted clusters, from float64. */
  parity: nonNegative,
});

/** All of card.json: what an exported model is, how it was made and how well it performs. */
export const cardSchema = z
  .object({
    format: z.int().check(z.minimum(1), z.maximum(CARD_FORMAT)),
    /** The version of convae that wrote it. */
    convae: z.string(),
    model: z.object({
      name: z.string(),
      summary: z.string(),
      /** The model's reconstruction loss, which is also the reconstruction error of an image. */
      error: z._default(pixelLoss, 'binary cross-entropy'),
      /** Whether the encoder predicts a normal distribution near N(0, I): encoder.onnx has an output `logvar` then. */
      variational: z._default(z.boolean(), false),
    }),
    dataset: z.object({
      name: z.string(),
      /** Share of the training images that `val` was taken from. */
      valSplit: z.optional(share),
      /** The column of a table that labels are from; absent where none was asked for. */
      label: z.optional(z.string()),
      /** The classes that all parts were restricted to; absent where they were not. */
      onlyClass: z.optional(z.array(z.string()).check(z.minLength(1))),
      train: z.object(images),
      /** Images that the epoch to export was chosen by. */
      val: z.optional(z.object(images)),
      /** Absent where the data has only validation images besides the training images. */
      test: z.optional(z.object(images)),
    }),
    image: z.object(imageShape),
    /** Absent from older cards: images of exactly the model's size, transparency on black. */
    preprocessing: z.optional(preprocessing),
    latent,
    classes: classNames,
    conditional,
    clusters: z.optional(clusters),
    files: z.object({ 'encoder.onnx': file, 'decoder.onnx': file }),
    opset: positive,
    /** Of the exported checkpoint: losses per pixel, `reconstruction` among them. */
    metrics: z.object({
      epoch: count,
      /** Of the exported weights. */
      step: count,
      /** Of the losses, where the weights are of later, within an epoch. */
      measuredAtStep: z.optional(count),
      train: z.nullable(metrics),
      val: z.optional(metrics),
      test: z.optional(metrics),
    }),
    /** tfjs compared with ONNX Runtime on real images: the largest absolute differences, and the allowed one. */
    parity: z.object({
      images: positive,
      latent: nonNegative,
      image: nonNegative,
      tolerance: z.number().check(z.positive()),
    }),
    training: z.object({
      recipe: z.object({
        epochs: positive,
        batchSize: positive,
        optimizer: z.looseObject({ name: z.string(), learningRate: z.number() }),
        schedule: z.optional(z.string()),
        beta: z.optional(z.number()),
        klWarmUp: z.optional(z.number()),
        earlyStopping: z.optional(positive),
        pixelLoss: z.optional(z.string()),
        ssim: z.optional(z.number()),
        colour: z.optional(z.number()),
        augment: z.optional(z.string()),
      }),
      seed: z.int(),
      /** Completed epochs. */
      epochs: count,
      /** The engine's name, or null where the run does not record it. */
      engine: z.nullable(z.string()),
    }),
    /** Present where the model was exported with its training step. */
    trainStep: z.optional(trainStepSchema),
    /** Present where `convae outliers --into` has said what is normal. */
    outliers: z.optional(outlierSection),
  })
  .check(
    z.refine(
      ({ dataset, metrics }) => (dataset.test && metrics.test) || (dataset.val && metrics.val),
      'expected dataset and metrics to have test or val',
    ),
    z.refine(
      ({ preprocessing: to, image }) =>
        !to || (to.height === image.height && to.width === image.width && to.channels === image.channels),
      'its preprocessing is to another size than that of its images',
    ),
    z.refine(({ outliers, latent: { size } }) => {
      if (!outliers) return true;
      const { usual, tails } = outliers;
      const columns = tails.error ? size + 1 : size;
      const fits = (rows: readonly (readonly number[])[], length: number) =>
        rows.length === usual.weights.length && rows.every((row) => row.length === length);
      const sizes = fits(usual.means, columns) && fits(usual.factors, (columns * (columns + 1)) / 2);
      return sizes && !tails.error === !tails.surprise;
    }, 'what it says of outliers was measured with another model; run `convae outliers --into` again'),
    z.refine(({ trainStep: step, image, latent, files }) => {
      if (!step) return true;
      const { batchSize, inputs, weights } = step;
      const fits = (found: readonly number[] | undefined, expected: readonly number[]) =>
        found === undefined || found.join() === expected.join();
      return (
        fits(inputs.image, [batchSize, image.height, image.width, image.channels]) &&
        fits(inputs.label, [batchSize]) &&
        fits(inputs.noise, [batchSize, latent.size]) &&
        weights.every(({ file, offset, bytes }) => offset + bytes <= files[file].bytes)
      );
    }, 'its training step does not fit the model'),
  );

export type Card = z.infer<typeof cardSchema>;

/** The images that the card's latents and parity are measured on, and their losses: the test part, else the validation part. */
export function heldOutOf({ dataset, metrics }: Pick<Card, 'dataset' | 'metrics'>) {
  const split = dataset.test && metrics.test ? 'test' : 'val';
  const [part, losses] = [dataset[split], metrics[split]];
  if (!part || !losses) throw new Error('the card has neither test nor validation images'); // the schema refuses it
  return { split, ...part, losses } as const;
}

export type TrainStepSection = z.infer<typeof trainStepSchema>;
