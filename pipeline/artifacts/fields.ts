import * as z from 'zod/mini';

/*
 * The schemas of this folder use zod/mini and import no code that needs Node or tfjs, so that the page stays small when it
 * imports them. The page, which opens anybody's files, adds upper bounds. Issues have English messages where `zod` is
 * loaded too, as in every reader and writer.
 */

export const count = z.int().check(z.nonnegative());
export const positive = z.int().check(z.positive());
export const share = z.number().check(z.minimum(0), z.maximum(1));
export const nonNegative = z.number().check(z.nonnegative());
export const numbers = z.array(z.number());
export const metrics = z.record(z.string(), z.number());
/** SHA-256 as hexadecimal digits. */
export const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
export const fingerprint = z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/));
/** Number of images of a split, the data set's fingerprint, and that of its pixels without labels, absent from older files. */
export const images = { images: positive, fingerprint, pixels: z.optional(fingerprint) };

/** What images are recognized by; older files have no `pixels`. */
export interface Fingerprints {
  readonly fingerprint: string;
  readonly pixels?: string | undefined;
}

/** Whether images are the same, whatever their labels; without `pixels`, labels count, too. */
export const samePixels = (a: Fingerprints, b: Fingerprints): boolean =>
  a.fingerprint === b.fingerprint || (a.pixels !== undefined && a.pixels === b.pixels);

export const pixelLoss = z.enum(['binary cross-entropy', 'mean squared error', 'mean absolute error']);
export type PixelLoss = z.infer<typeof pixelLoss>;
/** The unit of each. */
export const errorUnits = {
  'binary cross-entropy': 'nats',
  'mean squared error': 'squared error',
  'mean absolute error': 'absolute error',
} as const satisfies Record<PixelLoss, string>;
/** Whether encoder and decoder have an input `label`. */
export const conditional = z.object({ encoder: z.boolean(), decoder: z.boolean() });
/** One number for each latent dimension; `std` divides by the number of images. */
export const spread = { mean: numbers, std: numbers, min: numbers, max: numbers };

/** Class names by index, or null where the data has no classes. */
export const classNames = z.nullable(z.array(z.string()).check(z.minLength(1)));
/** Height, width and channels of images. */
export const imageShape = {
  height: positive,
  width: positive,
  channels: z.int().check(z.refine((channels) => channels === 1 || channels === 3, 'expected 1 or 3')),
};
