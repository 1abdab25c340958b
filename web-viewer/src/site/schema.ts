import * as z from 'zod/mini';
import * as card from '../../../pipeline/artifacts/card.ts';
import * as site from '../../../pipeline/artifacts/site.ts';
import { FileProblem } from './problem.ts';

/*
 * The schemas that `convae export` and `convae site` write by, with limits: the page opens files from anywhere, such as a
 * dropped folder, so every field is checked.
 */

/** Characters of a text. */
const MOST_TEXT = 1000;
/** Pixels of an image's side, and numbers of an image. */
const MOST_SIDE = 4096;
const MOST_IMAGE = 1 << 22;
const MOST_LATENT = 1 << 14;
const MOST_CLASSES = 10_000;
const MOST_IMAGES = 5_000_000;
const MOST_COLUMNS = 1000;
/** Of a training step: numbers of a tensor and of the state, number of variables, images of a batch. */
const MOST_TENSOR = 1 << 24;
const MOST_STATE = 1 << 26;
const MOST_VARIABLES = 4096;
const MOST_BATCH = 1024;

/** A field, its size, and the largest size that a page can hold; no genuine file exceeds it. */
type Size = readonly [path: string, size: number, most: number];

/** Adds limits to a schema: those of `sizesOf`, and one on every text. */
const limited = <T extends z.ZodMiniType>(schema: T, sizesOf: (value: z.infer<T>) => readonly Size[]) =>
  schema.check(
    z.superRefine((value, context) => {
      for (const [path, size, most] of [...sizesOf(value), ...textSizes(value, '')]) {
        if (size <= most) continue;
        const message = `too large: ${size}, at most ${most} expected`;
        context.addIssue({ code: 'custom', message, path: path.split('.') });
      }
    }),
  );

function textSizes(value: unknown, path: string): Size[] {
  if (typeof value === 'string') return [[path, value.length, MOST_TEXT]];
  if (typeof value !== 'object' || value === null || (Array.isArray(value) && value.every(Number.isFinite))) return [];
  return Object.entries(value).flatMap(([key, inner]) => textSizes(inner, path ? `${path}.${key}` : key));
}

function trainStepSizes({ batchSize, inputs, state, weights }: card.TrainStepSection): Size[] {
  const shapes = [...Object.values(inputs), ...state.map(({ shape }) => shape), ...weights.map(({ shape }) => shape)];
  return [
    ['trainStep.batchSize', batchSize, MOST_BATCH],
    ['trainStep.state', state.length, MOST_VARIABLES],
    ['trainStep.weights', weights.length, MOST_VARIABLES],
    ['trainStep', Math.max(...shapes.map((shape) => card.volume(shape ?? []))), MOST_TENSOR],
    ['trainStep.state', state.reduce((sum, { shape }) => sum + card.volume(shape), 0), MOST_STATE],
  ];
}

export const cardSchema = limited(card.cardSchema, ({ image, latent, classes, trainStep }) => [
  ['image.height', image.height, MOST_SIDE],
  ['image.width', image.width, MOST_SIDE],
  ['image', card.volume(Object.values(image)), MOST_IMAGE],
  ['latent.size', latent.size, MOST_LATENT],
  ['classes', classes?.length ?? 0, MOST_CLASSES],
  ...(trainStep ? trainStepSizes(trainStep) : []),
]);
export const indexSchema = site.siteIndexSchema;
export const setSchema = limited(site.imageSetSchema, ({ height, width, images, classes, sheets }) => [
  ['height', height, MOST_SIDE],
  ['width', width, MOST_SIDE],
  ['images', images, MOST_IMAGES],
  ['classes', classes?.length ?? 0, MOST_CLASSES],
  ...sheets.map(({ columns }, i): Size => [`sheets.${i}.columns`, columns, MOST_COLUMNS]),
]);
export const manifestSchema = limited(site.manifestSchema, ({ points, columns }) => [
  ['points.count', points?.count ?? 0, MOST_IMAGES],
  ['columns', columns.length, MOST_COLUMNS],
  ...columns.map(({ categories }, i): Size => [`columns.${i}.categories`, categories?.length ?? 0, MOST_CLASSES]),
]);
/** The part of an exported model's `viewer/manifest.json` that the page reads. */
export const pointsCacheSchema = z.pick(site.pointsSchema, {
  card: true,
  fingerprint: true,
  pixels: true,
  method: true,
  perplexity: true,
  others: true,
  dimensions: true,
});

export { type Card, heldOutOf, type TrainStepSection as TrainStep } from '../../../pipeline/artifacts/card.ts';
export { samePixels } from '../../../pipeline/artifacts/fields.ts';
export type { Preprocessing } from '../../../pipeline/artifacts/preprocessing.ts';
export type { ImageSetFile, Manifest, MapMethod, SiteIndex } from '../../../pipeline/artifacts/site.ts';

/**
 * Checks a JSON file's content.
 * @throws FileProblem that names the file and its first wrong field
 */
export function parseFile<T>(schema: z.ZodMiniType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const issue = issues.find(({ path }) => path.length > 0) ?? issues[0];
  const place = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  throw new FileProblem(`${file} is not what convae writes${place}: ${issue?.message ?? 'it cannot be read'}`);
}
