import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { fileError, InputError } from '../io/errors.ts';
import { trainStepSchema } from './train-step.ts';

/** The version of card.json; raised when an older program could not read a newer card. */
export const CARD_FORMAT = 1;

/** The files of an exported model besides its card. */
const MODEL_FILES = ['encoder.onnx', 'decoder.onnx'] as const;
export type ModelFile = (typeof MODEL_FILES)[number];

const count = z.int().min(0);
const positive = z.int().min(1);
const numbers = z.array(z.number());
const metrics = z.record(z.string(), z.number());
const images = z.object({ images: positive, fingerprint: z.string().regex(/^sha256:[0-9a-f]{64}$/) });
const file = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: positive });

/** The fields of `GaussianMixture`, but for its size, and what it was fitted on. */
const mixture = z.object({
  /** Codes of that part of the data, evenly spread; of a variational model one draw from each image's distribution. */
  over: z.literal('train'),
  codes: positive,
  /** Mean over those codes of the log density, in nats. */
  logLikelihood: z.number(),
  /** Of the components; they sum to 1. */
  weights: numbers.min(1),
  /** A row for each component. */
  means: z.array(numbers),
  /** Lower Cholesky factors of the covariances, row by row without the zeros above the diagonal, one for each component. */
  factors: z.array(numbers),
});

const latent = z
  .object({
    size: positive,
    /** Over the codes of that part of the data, one number per dimension; `std` divides by the number of images. */
    statistics: z.object({
      over: z.enum(['train', 'test']),
      images: positive,
      mean: numbers,
      std: numbers,
      min: numbers,
      max: numbers,
    }),
    /** Normal distributions fitted on codes, to draw codes from; absent where codes are too long for that. */
    mixture: mixture.optional(),
  })
  .superRefine(({ size, statistics, mixture }, context) => {
    for (const name of ['mean', 'std', 'min', 'max'] as const) {
      if (statistics[name].length === size) continue;
      const message = `expected ${size} numbers, one per latent dimension, got ${statistics[name].length}`;
      context.addIssue({ code: 'custom', message, path: ['statistics', name] });
    }
    const components = mixture?.weights.length;
    for (const [name, length] of [
      ['means', size],
      ['factors', (size * (size + 1)) / 2],
    ] as const) {
      if (!mixture || (mixture[name].length === components && mixture[name].every((row) => row.length === length)))
        continue;
      const message = `expected ${length} numbers for each of ${components} components`;
      context.addIssue({ code: 'custom', message, path: ['mixture', name] });
    }
  });

/** All of card.json: what an exported model is, what it was made from and how well it does. */
export const cardSchema = z.object({
  format: z.literal(CARD_FORMAT),
  /** The version of convae that wrote it. */
  convae: z.string(),
  model: z.object({
    name: z.string(),
    summary: z.string(),
    /** What the model's reconstruction loss is, and so the `error` of an image. */
    error: z.enum(['binary cross-entropy', 'mean squared error']).default('binary cross-entropy'),
    /** Whether an image's code is a normal distribution near N(0, I): encoder.onnx has an output `logvar` then. */
    variational: z.boolean().default(false),
  }),
  dataset: z.object({ name: z.string(), train: images, test: images }),
  image: z.object({ height: positive, width: positive, channels: positive }),
  latent,
  /** Class names by index, or null where the data has no classes. */
  classes: z.array(z.string()).nullable(),
  /** Whether encoder and decoder have an input `label`. */
  conditional: z.object({ encoder: z.boolean(), decoder: z.boolean() }),
  files: z.object({ 'encoder.onnx': file, 'decoder.onnx': file }),
  opset: positive,
  /** Of the exported checkpoint: losses per pixel, `reconstruction` among them. */
  metrics: z.object({ epoch: count, step: count, train: metrics.nullable(), test: metrics }),
  /** tfjs against ONNX Runtime on real images: the largest absolute differences, and what is allowed. */
  parity: z.object({
    images: positive,
    latent: z.number().min(0),
    image: z.number().min(0),
    tolerance: z.number().positive(),
  }),
  training: z.object({
    recipe: z.object({
      epochs: positive,
      batchSize: positive,
      optimizer: z.looseObject({ name: z.string(), learningRate: z.number() }),
      schedule: z.string().optional(),
      beta: z.number().optional(),
      klWarmUp: z.number().optional(),
    }),
    seed: z.int(),
    /** Epochs that were completed. */
    epochs: count,
    /** The engine's name, or null where the run does not say. */
    engine: z.string().nullable(),
  }),
  /** Where the model was exported with its training step. */
  trainStep: trainStepSchema.optional(),
});

export type Card = z.infer<typeof cardSchema>;

/**
 * Writes card.json into the folder.
 * @returns the card as `readCard` will give it, defaults filled in
 * @throws Error when the card does not fit its schema: a fault of the program
 */
export async function writeCard(folder: string, card: z.input<typeof cardSchema>): Promise<Card> {
  const parsed = cardSchema.safeParse(card);
  if (!parsed.success) throw new Error(`the card does not fit its schema: ${oneLine(parsed.error)}`);
  await writeFile(join(folder, 'card.json'), `${layOut(parsed.data)}\n`);
  return parsed.data;
}

/** JSON on many lines, but with each list of numbers on one. */
const layOut = (card: Card): string =>
  JSON.stringify(card, null, 2).replace(/\[\n\s+-?\d[^[\]{}"]*\]/g, (list) =>
    list.replace(/\n\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  );

/**
 * Reads the card of an exported model.
 * @throws InputError when there is no such folder, no card in it, or the card is damaged or of a newer version
 */
export async function readCard(folder: string): Promise<Card> {
  const path = join(folder, 'card.json');
  const value = parseJson(await readText(folder, path), path);
  const version = z.object({ format: z.number() }).safeParse(value);
  if (version.success && version.data.format > CARD_FORMAT) {
    throw new InputError(
      `${path}: card format ${version.data.format} is newer than this version of convae, which reads format ${CARD_FORMAT}; update convae`,
    );
  }
  const parsed = cardSchema.safeParse(value);
  if (!parsed.success) throw new InputError(`${path}: ${oneLine(parsed.error)}; export the model again`);
  return parsed.data;
}

/**
 * Checks that the model's files are those that the card was written for.
 * @throws InputError when one is missing or its SHA-256 differs
 */
export async function verifyFiles(folder: string, card: Card): Promise<void> {
  const { files, trainStep } = card;
  for (const [name, expected] of Object.entries({ ...files, ...(trainStep && { [trainStep.file]: trainStep }) })) {
    const path = join(folder, name);
    const found = await fileDigest(path).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) throw new InputError(`${path}: the file is missing; export the model again`);
      throw fileError(error, `cannot read ${path}`);
    });
    if (found.sha256 === expected.sha256) continue;
    const sizes = found.bytes === expected.bytes ? '' : ` (${found.bytes} bytes where ${expected.bytes} were expected)`;
    throw new InputError(`${path}: its SHA-256 is not the one in card.json${sizes}; export the model again`);
  }
}

/** Size and SHA-256 of a file, as the card has them. */
export async function fileDigest(path: string): Promise<Card['files'][ModelFile]> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { sha256: hash.digest('hex'), bytes };
}

async function readText(folder: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'ENOTDIR')) throw fileError(error, `cannot read ${path}`);
    const found = await stat(folder).catch(() => undefined);
    if (!found) throw new InputError(`${folder}: there is no such folder; make it with \`convae export RUN\``);
    const what = found.isDirectory() ? 'it has no card.json, so it is not an exported model' : 'it is not a folder';
    throw new InputError(`${folder}: ${what}; give a folder that \`convae export RUN\` made`);
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${path}: it is not JSON (${reason.replace(/\s+/g, ' ')}); export the model again`);
  }
}

const hasCode = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code;

/** zod's list of issues, which has two lines for each, in one line. */
const oneLine = (error: z.ZodError) =>
  z
    .prettifyError(error)
    .replace(/\s*\n\s*→ at /g, ' at ')
    .replace(/^✖ /, '')
    .replace(/\n✖ /g, '; ');
