import * as z from 'zod/mini';
import { classNames, count, digest, fingerprint, imageShape, numbers, positive } from './fields.ts';

/** A relative path that stays inside its folder. */
const path = z.string().check(z.regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\\:?#]+$/));
/** How latents are projected to a plane; `codes`: they are two-dimensional themselves. */
const mapMethods = ['codes', 't-SNE', 'UMAP', 'PCA'] as const;
const method = z.enum(mapMethods);
/** The map that is shown first, and others. Files of float32 `[count, 2]`. */
const map = {
  method,
  perplexity: z.nullable(z.number()),
  others: z._default(z.array(z.object({ method, file: path })), []),
};
/** A number (float64, at first float32; NaN for none) or a category (int32, −1 for none) of each image. */
const column = z.object({
  name: z.string(),
  kind: z.enum(['number', 'category']),
  file: path,
  categories: z.optional(z.array(z.string())),
});
/** Mean KL divergence in nats (null where the model is not variational) and variance, by latent dimension. */
const dimensions = z.object({ kl: z.nullable(numbers), variance: numbers });

/** `models/index.json`: the models of a site. */
export const siteIndexSchema = z.object({
  format: z.literal(1),
  models: z.array(z.object({ name: z.string(), folder: path })),
});

/** `set.json` of an image set. Labels and ids are files of its folder. */
export const imageSetSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  split: z.string(),
  images: positive,
  ...imageShape,
  classes: classNames,
  /** A colour `#rrggbb` for each class. */
  colours: z.nullable(z.array(z.string().check(z.regex(/^#[0-9a-f]{6}$/)))),
  labels: z.nullable(path),
  ids: z.nullable(path),
  /** Images `first` to `first + count - 1`, as tiles of one PNG, `columns` in a row; its size, which older sites do not have. */
  sheets: z.array(
    z.object({ file: path, first: count, count: positive, columns: positive, bytes: z.optional(positive) }),
  ),
});

/** `manifest.json` of a model in a site: every file that the page may request, with its size in bytes. */
export const manifestSchema = z.object({
  format: z.literal(1),
  files: z.record(z.string(), count),
  /** SHA-256 of the card.json that the points belong to; older sites do not have it. */
  card: z.optional(digest),
  /** Folder of the image set, from the site's root, and the fingerprint of its pixels, which older sites do not have. */
  set: z.nullable(path),
  pixels: z.optional(fingerprint),
  points: z.nullable(z.object({ count: positive, latents: path, errors: path, map: path, ...map })),
  columns: z._default(z.array(column), []),
  dimensions,
  training: z.nullable(z.object({ metrics: path, pictures: z.array(z.object({ epoch: count, file: path })) })),
  report: z.nullable(path),
});

/** The format of an exported model's folder `viewer`; raised when equal inputs would give other points. */
export const POINTS_FORMAT = 1;

/** `viewer/manifest.json`, which `convae site` leaves in an exported model's folder next to the points it computed. */
export const pointsSchema = z.object({
  format: z.literal(POINTS_FORMAT),
  /** SHA-256 of the card, the split and its fingerprint: what the points belong to. */
  card: digest,
  split: z.string(),
  fingerprint: z.string(),
  /** That of the pixels without labels; older folders do not have it. */
  pixels: z.optional(fingerprint),
  ...map,
  dimensions,
  /** SHA-256 of each array's file, by the file's name without `.npy`: latents, errors, map, and those of `others`. */
  files: z.record(z.string(), digest),
});

export type MapMethod = (typeof mapMethods)[number];
export type SiteIndex = z.infer<typeof siteIndexSchema>;
export type ImageSetFile = z.infer<typeof imageSetSchema>;
export type Manifest = z.infer<typeof manifestSchema>;
