import { z } from 'zod';

/** The file of the training step. */
export const TRAIN_STEP_FILE = 'train-step.onnx';

const positive = z.int().min(1);
const shape = z.array(positive);
const scalar = z.tuple([]);

/** A weight inside one of the model's files, as float32 in little-endian order. */
const weight = z
  .object({
    /** The name in `state`. */
    variable: z.string(),
    /** The variable's. */
    shape,
    file: z.enum(['encoder.onnx', 'decoder.onnx']),
    /** Where in the file its numbers begin, and how many bytes they are. */
    offset: z.int().min(0),
    bytes: positive,
    /** The axes of the variable in the order in which the file has them. */
    permutation: z.array(z.int().min(0)),
  })
  .superRefine(({ shape, bytes, permutation }, context) => {
    const expected = shape.reduce((size, d) => size * d, 4);
    if (bytes !== expected) {
      context.addIssue({ code: 'custom', message: `expected ${expected} bytes, got ${bytes}`, path: ['bytes'] });
    }
    if ([...permutation].sort((a, b) => a - b).some((axis, i) => axis !== i) || permutation.length !== shape.length) {
      const message = `expected the numbers from 0 to ${shape.length - 1} in some order`;
      context.addIssue({ code: 'custom', message, path: ['permutation'] });
    }
  });

/** The card's section on `train-step.onnx`: one step of training as a graph, and how to begin with the model's weights. */
export const trainStepSchema = z
  .object({
    file: z.literal(TRAIN_STEP_FILE),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: positive,
    /** The number of images that a step takes. */
    batchSize: positive,
    /** Inputs besides the state, by name, with their shapes. */
    inputs: z.object({
      /** uint8 */
      image: shape,
      /** int32 class indices */
      label: shape.optional(),
      /** float32, standard normal */
      noise: shape.optional(),
      /** float32: the learning rate as a share of the recipe's */
      rate: scalar,
      /** float32: the weight of the KL divergence in the loss */
      klWeight: scalar.optional(),
    }),
    /** What goes from one step to the next, float32: inputs by name, and the outputs that are the next step's. */
    state: z.array(
      z.object({
        name: z.string(),
        next: z.string(),
        shape,
        /** The number that all of it begins with; or it is one of `weights`. */
        initial: z.union([z.literal('weights'), z.number()]),
      }),
    ),
    /** Every place in the model's files where a weight is: one has several where the files have it several times. */
    weights: z.array(weight),
    /** Scalar outputs; `loss` is what the step minimises. */
    losses: z.array(z.string()),
  })
  .superRefine(({ state, weights }, context) => {
    const placed = new Set(weights.map(({ variable }) => variable));
    for (const { name, initial } of state) {
      if ((initial === 'weights') === placed.has(name)) continue;
      const message = `expected weights to have ${name} exactly if it begins with weights`;
      context.addIssue({ code: 'custom', message, path: ['weights'] });
    }
  });

export type TrainStepSection = z.infer<typeof trainStepSchema>;
