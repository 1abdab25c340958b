import * as z from 'zod/mini';

/*
 * The schemas of this folder use zod/mini and import no code that needs Node or tfjs, so that the page stays small when it
 * imports them. Issues have English messages where `zod` is loaded too, as in every reader and writer.
 */

/** Upper bounds of what a file may contain; none where absent. The page, which opens anybody's files, sets them all. */
export interface Limits {
  /** Characters of a text. */
  readonly text?: number;
  /** Pixels of an image's side, and numbers of an image. */
  readonly side?: number;
  readonly imageSize?: number;
  readonly latentSize?: number;
  readonly classes?: number;
  readonly images?: number;
  /** Of a training step: numbers of a variable and of the state, number of variables, images of a batch. */
  readonly variableSize?: number;
  readonly stateSize?: number;
  readonly variables?: number;
  readonly batchSize?: number;
}

export const count = z.int().check(z.nonnegative());
export const positive = z.int().check(z.positive());
export const share = z.number().check(z.minimum(0), z.maximum(1));
export const nonNegative = z.number().check(z.nonnegative());
export const numbers = z.array(z.number());
export const metrics = z.record(z.string(), z.number());
/** SHA-256 as hexadecimal digits. */
export const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** Number of images of a split, and the data set's fingerprint. */
export const images = { images: positive, fingerprint: z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/)) };
export const pixelLoss = z.enum(['binary cross-entropy', 'mean squared error']);
/** Whether encoder and decoder have an input `label`. */
export const conditional = z.object({ encoder: z.boolean(), decoder: z.boolean() });
/** One number for each latent dimension; `std` divides by the number of images. */
export const spread = { mean: numbers, std: numbers, min: numbers, max: numbers };

export const atMost = (most = Number.POSITIVE_INFINITY) => z.int().check(z.positive(), z.maximum(most));
export const listUpTo = <T extends z.ZodMiniType>(item: T, most = Number.POSITIVE_INFINITY) =>
  z.array(item).check(z.maxLength(most));
export const textUpTo = (most = Number.POSITIVE_INFINITY) => z.string().check(z.maxLength(most));
/** Class names by index, or null where the data has no classes. */
export const classNames = ({ text, classes }: Limits) =>
  z.nullable(listUpTo(textUpTo(text), classes).check(z.minLength(1)));

/** Height, width and channels (1 or 3) of images. */
export const imageShape = ({ side }: Limits = {}) => ({
  height: atMost(side),
  width: atMost(side),
  channels: z.int().check(z.refine((channels) => channels === 1 || channels === 3, 'expected 1 or 3')),
});
