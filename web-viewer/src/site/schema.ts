import * as z from 'zod/mini';
import { cardWithin } from '../../../pipeline/artifacts/card.ts';
import type { Limits } from '../../../pipeline/artifacts/fields.ts';
import { imageSetWithin, manifestWithin, pointsSchema, siteIndexSchema } from '../../../pipeline/artifacts/site.ts';
import { FileProblem } from './problem.ts';

/*
 * The schemas that `convae export` and `convae site` write by, with limits: the page opens files from anywhere, such as a
 * dropped folder, so every field is checked.
 */

/** A page cannot hold more than this, and no genuine file contains it. */
const LIMITS: Required<Limits> = {
  text: 1000,
  side: 4096,
  imageSize: 1 << 22,
  latentSize: 1 << 14,
  classes: 10_000,
  images: 5_000_000,
  variableSize: 1 << 24,
  stateSize: 1 << 26,
  variables: 4096,
  batchSize: 1024,
};

export const cardSchema = cardWithin(LIMITS);
export const indexSchema = siteIndexSchema;
export const setSchema = imageSetWithin(LIMITS);
export const manifestSchema = manifestWithin(LIMITS);
/** The part of an exported model's `viewer/manifest.json` that the page reads. */
export const pointsCacheSchema = z.pick(pointsSchema, {
  fingerprint: true,
  method: true,
  perplexity: true,
  dimensions: true,
});

export type { Card, TrainStepSection as TrainStep } from '../../../pipeline/artifacts/card.ts';
export type { ImageSetFile, Manifest, SiteIndex } from '../../../pipeline/artifacts/site.ts';

/**
 * Checks a JSON file's content.
 * @throws FileProblem that names the file and its first wrong field
 */
export function parseFile<T>(schema: z.ZodMiniType<T>, value: unknown, file: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  throw new FileProblem(`${file} is not what convae writes${place}: ${issue?.message ?? 'it cannot be read'}`);
}
