import * as z from 'zod/mini';
import { imageShape } from './fields.ts';
import { fits } from './fits.ts';

/** How numbers of one type become pixels: `from` becomes 0 and 255, what is outside is clipped. */
export const scaling = z.strictObject({
  /** numpy's name: uint8, bool, uint16, float32. */
  type: z.string(),
  from: z.readonly(z.tuple([z.number(), z.number()])),
  /** Why, for people: `12 bits in 16`. */
  rule: z.string(),
});

/** What is done to any image before a model sees it: upright, scaled to 8 bits, on the background, fitted, gray or RGB. */
export const preprocessing = z.strictObject({
  ...imageShape,
  fit: z.enum(fits),
  /** Behind transparent pixels and around contained images, `#rrggbb`. */
  background: z.string().check(z.regex(/^#[0-9a-f]{6}$/)),
  /** One for each type of number in the training data, unless all are 8-bit pixels. */
  scalings: z.array(scaling),
});

export type Scaling = z.infer<typeof scaling>;
export type Preprocessing = z.infer<typeof preprocessing>;
