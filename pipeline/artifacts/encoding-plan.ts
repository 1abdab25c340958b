import { z } from 'zod';
import { classNames, count, digest, positive } from './fields.ts';
import { partNames } from './image-index.ts';

/** Raised when an older convae could not encode by the plan. */
export const ENCODING_PLAN_FORMAT = 4;

/** How many images have a label. */
const labelled = z.enum(['all', 'some', 'none']);
/** Class names by index, and how many images have a label. */
const labelling = z.strictObject({ classes: classNames, labelled });

/** Size of files, and their `sampleFiles` where the plan is not of an earlier version. */
const contents = { bytes: count, sample: z.optional(digest) };

/** What is put before the ids: `test/`, where data that come in parts are encoded together. */
const prefix = z.optional(z.string());

/**
 * A line of `inputs.jsonl`: some of the images, which can be read without the others. `file`: an image file, with its size, if it was there,
 * and its index among the classes; `tar`: an archive of a set of them, and its class, if its name says one; `parquet`: rows of a file, whose
 * first row has the id `first`, and its columns, where images are encoded; `rows`: images of a part of the data set by their position.
 */
const encodingInput = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file'),
    id: z.string(),
    path: z.string(),
    bytes: z.optional(count),
    label: z.optional(count),
    prefix,
  }),
  z.strictObject({ kind: z.literal('tar'), path: z.string(), label: z.optional(z.string()), ...contents, prefix }),
  z.strictObject({
    kind: z.literal('parquet'),
    path: z.string(),
    ...contents,
    first: count,
    from: count,
    to: count,
    planar: z.boolean(),
    columns: z.optional(z.strictObject({ image: z.string(), label: z.optional(z.string()) })),
    prefix,
  }),
  z.strictObject({
    kind: z.literal('rows'),
    part: z.enum(partNames),
    /** Of the files that hold the part; not of earlier versions. */
    bytes: z.optional(count),
    sample: z.optional(digest),
    from: count,
    to: count,
    prefix,
  }),
]);

/** `plan.json`: how the encoding of a data set is divided. */
export const encodingPlan = z.strictObject({
  /** 1: without checksums; 2: inputs by their size only; 3: without sizes of image files and columns. */
  format: z.literal([1, 2, 3, ENCODING_PLAN_FORMAT]),
  /** SHA-256 over what decides the rows. */
  fingerprint: digest,
  /** Absolute path of the exported model; it and `source` are not in the fingerprint. */
  exported: z.string(),
  /** SHA-256 of its files. */
  model: z.strictObject({ encoder: digest, decoder: digest, card: digest }),
  /** `--data` as it was typed, and with absolute paths. */
  data: z.string(),
  source: z.string(),
  split: z.enum(['train', 'val', 'test', 'all']),
  /** `--label`, where it was given. */
  label: z.optional(z.string()),
  /** Whether reconstruction errors are computed. */
  errors: z.boolean(),
  strict: z.boolean(),
  maxSkipped: z.number(),
  shards: positive,
  /** Images of a batch, of which shards have whole numbers where they can: some sums depend on it in their last digit. */
  batchSize: positive,
  /** Number of images; null where archives have to be read to count them. */
  images: z.nullable(count),
  /** SHA-256 of `inputs.jsonl`, which has the inputs of all shards in their order. */
  inputs: digest,
  /** Where the inputs of each shard begin in it, in bytes, and where the last ends. */
  offsets: z.array(count),
  /** Number of images before each shard, and of all; null where `images` is. */
  starts: z.nullable(z.array(count)),
  /** Null where the shards count labels themselves. */
  labelling: z.nullable(labelling),
  /** Class names that the format of the data knows. */
  named: classNames,
});

/** What the metadata of an encoded shard say of it, besides what every file of latents says. */
export const encodedShard = z.object({
  plan: digest,
  shard: count,
  labelling,
  /** Whether some labels are measures: then no image of the whole set is labelled. */
  measured: z.optional(z.boolean()),
  /** Rows with a label, and images without a row. */
  labelledRows: count,
  skippedImages: count,
  /** The largest number among 8-bit pixels, at most 2: a set of masks has no larger one than 1. */
  brightest: count,
  /** SHA-256 of the file before its metadata. */
  digest,
  /** convae's version. */
  version: z.optional(z.string()),
});

/** A file beside the shards of one that is being encoded, written again and again. */
export const runningShard = z.strictObject({
  shard: count,
  host: z.string(),
  images: count,
  total: count,
  seconds: z.number(),
});
/** Why a shard could not be encoded. */
export const failedShard = z.strictObject({ shard: count, host: z.string(), message: z.string(), exitCode: count });

export type Labelled = z.infer<typeof labelled>;
export type Labelling = z.infer<typeof labelling>;
export type EncodingInput = z.infer<typeof encodingInput>;
export type EncodingPlan = z.infer<typeof encodingPlan>;
export type EncodedShard = z.infer<typeof encodedShard>;
export type RunningShard = z.infer<typeof runningShard>;
export type FailedShard = z.infer<typeof failedShard>;
export { encodingInput };
