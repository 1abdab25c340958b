import * as z from 'zod/mini';
import { FileProblem } from './problem.ts';

/*
 * What a site's JSON files hold, as far as the page reads it. They may come from anywhere (a folder that somebody drops), so
 * every field is checked. `convae site` and `convae export` write them.
 */

/** More than this a page cannot hold, and no honest file says. */
const MOST = { side: 4096, values: 1 << 22, code: 1 << 14, classes: 10_000, images: 5_000_000 } as const;
/** The same of what is trained: numbers of a weight and of the whole state, how many weights, and images of a batch. */
const TRAINED = { weight: 1 << 24, state: 1 << 26, variables: 4096, batch: 1024 } as const;

const count = z.int().check(z.nonnegative());
const positive = z.int().check(z.positive());
const upTo = (most: number) => z.int().check(z.positive(), z.maximum(most));
const numbers = z.array(z.number());
const text = z.string().check(z.maxLength(1000));
const optional = z.optional;
const side = upTo(MOST.side);
const channels = z.int().check(z.refine((count) => count === 1 || count === 3, 'expected 1 or 3'));
const classNames = z.nullable(z.array(text).check(z.minLength(1), z.maxLength(MOST.classes)));
const image = z
  .object({ height: side, width: side, channels })
  .check(z.refine((image) => image.height * image.width * image.channels <= MOST.values, 'the image is too large'));
/** A relative path that stays inside its folder. */
const path = z.string().check(z.regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\\:?#]+$/));

export const indexSchema = z.object({
  format: z.literal(1),
  models: z.array(z.object({ name: z.string(), folder: path })),
});

export const setSchema = z.object({
  format: z.literal(1),
  name: text,
  split: text,
  images: upTo(MOST.images),
  height: side,
  width: side,
  channels,
  classes: classNames,
  /** A colour `#rrggbb` for each class. */
  colours: z.nullable(z.array(z.string().check(z.regex(/^#[0-9a-f]{6}$/)))),
  labels: z.nullable(path),
  ids: z.nullable(path),
  sheets: z.array(z.object({ file: path, first: count, count: positive, columns: upTo(1000) })),
});

export const manifestSchema = z.object({
  format: z.literal(1),
  files: z.record(z.string(), count),
  set: z.nullable(path),
  points: z.nullable(
    z.object({
      count: upTo(MOST.images),
      latents: path,
      errors: path,
      map: path,
      method: z.enum(['codes', 't-SNE', 'PCA']),
      perplexity: z.nullable(z.number()),
    }),
  ),
  dimensions: z.object({ kl: z.nullable(numbers), variance: numbers }),
  training: z.nullable(z.object({ metrics: path, pictures: z.array(z.object({ epoch: count, file: path })) })),
  report: z.nullable(path),
});

/** What `convae site` writes beside the points that it keeps in an export. */
export const pointsCacheSchema = z.object({
  fingerprint: text,
  method: z.enum(['codes', 't-SNE', 'PCA']),
  perplexity: z.nullable(z.number()),
  dimensions: z.object({ kl: z.nullable(numbers), variance: numbers }),
});

const volume = (shape: readonly number[]) => shape.reduce((size, side) => size * side, 1);
const shape = z
  .array(positive)
  .check(z.maxLength(8))
  .check(z.refine((sides) => volume(sides) <= TRAINED.weight, 'it is too large'));
const scalar = z.tuple([]);

/** Where a weight is in one of the model's files: float32, its axes in another order. */
const weight = z
  .object({
    variable: text,
    shape,
    file: z.enum(['encoder.onnx', 'decoder.onnx']),
    offset: count,
    bytes: positive,
    permutation: z.array(count),
  })
  .check(
    z.refine(({ shape, bytes }) => bytes === 4 * volume(shape), 'its bytes do not fit its shape'),
    z.refine(({ shape, permutation }) => {
      return permutation.length === shape.length && shape.every((_, axis) => permutation.includes(axis));
    }, 'its permutation is not one of its axes'),
  );

const trainStep = z
  .object({
    file: z.literal('train-step.onnx'),
    sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
    bytes: positive,
    batchSize: upTo(TRAINED.batch),
    inputs: z.object({
      image: shape,
      label: optional(shape),
      noise: optional(shape),
      rate: scalar,
      klWeight: optional(scalar),
    }),
    state: z
      .array(z.object({ name: text, next: text, shape, initial: z.union([z.literal('weights'), z.number()]) }))
      .check(z.maxLength(TRAINED.variables)),
    weights: z.array(weight).check(z.maxLength(TRAINED.variables)),
    losses: z.array(text).check(z.maxLength(16)),
  })
  .check(
    z.refine(({ losses }) => losses.includes('loss'), 'it has no loss'),
    z.refine(
      ({ state }) => state.reduce((sum, { shape }) => sum + volume(shape), 0) <= TRAINED.state,
      'it is too large',
    ),
    z.refine(({ state, weights }) => {
      const shapes = new Map(weights.map(({ variable, shape }) => [variable, shape.join()]));
      return state.every(({ name, shape, initial }) => {
        return initial === 'weights' ? shapes.get(name) === shape.join() : !shapes.has(name);
      });
    }, 'its weights are not those of its state'),
  );

const metrics = z.record(z.string(), z.number());

const whole = z.object({
  format: z.literal(1),
  convae: text,
  model: z.object({
    name: text,
    summary: text,
    error: z.enum(['binary cross-entropy', 'mean squared error']),
    variational: z.boolean(),
  }),
  dataset: z.object({
    name: text,
    train: z.object({ images: positive, fingerprint: text }),
    test: z.object({ images: positive, fingerprint: text }),
  }),
  image,
  latent: z
    .object({
      size: upTo(MOST.code),
      statistics: z.object({
        over: optional(text),
        images: positive,
        mean: numbers,
        std: numbers,
        min: numbers,
        max: numbers,
      }),
      mixture: optional(
        z.object({ codes: optional(count), weights: numbers, means: z.array(numbers), factors: z.array(numbers) }),
      ),
    })
    .check(
      z.refine(({ size, statistics: { mean, std, min, max } }) => {
        return [mean, std, min, max].every((row) => row.length === size);
      }, 'its statistics do not have a number for each latent dimension'),
      z.refine(({ size, mixture }) => {
        if (!mixture) return true;
        const { weights, means, factors } = mixture;
        const fits = (rows: number[][], length: number) =>
          rows.length === weights.length && rows.every((row) => row.length === length);
        return fits(means, size) && fits(factors, (size * (size + 1)) / 2);
      }, 'its mixture does not fit the latent size'),
    ),
  classes: classNames,
  conditional: z.object({ encoder: z.boolean(), decoder: z.boolean() }),
  files: z.record(z.string(), z.object({ sha256: text, bytes: positive })),
  opset: positive,
  metrics: z.object({ epoch: count, step: count, train: z.nullable(metrics), test: metrics }),
  parity: z.object({ images: positive, latent: z.number(), image: z.number(), tolerance: z.number() }),
  training: z.object({
    recipe: z.looseObject({
      epochs: positive,
      batchSize: positive,
      optimizer: z.looseObject({ name: z.string(), learningRate: z.number() }),
    }),
    seed: z.int(),
    epochs: count,
    engine: optional(z.nullable(text)),
  }),
  trainStep: optional(trainStep),
});

export const cardSchema = whole.check(
  z.refine(({ trainStep: step, image, latent, files }) => {
    if (!step) return true;
    const { batchSize, inputs, weights } = step;
    const fits = (found: readonly number[] | undefined, expected: readonly number[]) =>
      found === undefined || found.join() === expected.join();
    return (
      fits(inputs.image, [batchSize, image.height, image.width, image.channels]) &&
      fits(inputs.label, [batchSize]) &&
      fits(inputs.noise, [batchSize, latent.size]) &&
      weights.every(({ file, offset, bytes }) => offset + bytes <= (files[file]?.bytes ?? 0))
    );
  }, 'its training step does not fit the model'),
);

export type SiteIndex = z.infer<typeof indexSchema>;
export type ImageSetFile = z.infer<typeof setSchema>;
export type Manifest = z.infer<typeof manifestSchema>;
export type Card = z.infer<typeof cardSchema>;
export type TrainStep = z.infer<typeof trainStep>;

/**
 * Checks a JSON file's content.
 * @throws FileProblem that names the file and the first field which is not as it should be
 */
export function parseFile<T>(schema: z.ZodMiniType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  throw new FileProblem(`${file} is not what convae writes${place}: ${issue?.message ?? 'it cannot be read'}`);
}
