import * as z from 'zod/mini';
import { classNames, count, digest, imageShape, nonNegative, positive, share } from './fields.ts';
import { picture } from './report.ts';

/** The version of clusters.json; raised when an older program could not read a newer file. */
export const CLUSTERS_FORMAT = 1;

/** Ways to find clusters: on the latents, on their map by UMAP, on their graph of neighbours, or by the model itself. */
const method = z.enum(['kmeans', 'gmm', 'umap-gmm', 'spectral', 'dcec']);
export type ClusterMethod = z.infer<typeof method>;

/** How well clusters agree with classes, see `clusterAgreement`. */
const agreement = z.object({ accuracy: share, nmi: share, ari: z.number().check(z.minimum(-1), z.maximum(1)) });

const cluster = z.object({
  cluster: count,
  images: count,
  /** Mean over its images; null where it has none. */
  confidence: z.nullable(share),
  /** Ids of images near its centre, and of those that belong to it least clearly. */
  representative: z.array(z.string()),
  borderline: z.array(z.string()),
  /** Number of its images of each class; null without labels. */
  classes: z.nullable(z.array(count)),
});

/** All of clusters.json: what clusters were found in which images, and how well. */
export const clustersSchema = z.object({
  format: z.literal(CLUSTERS_FORMAT),
  /** The version of convae that wrote it. */
  convae: z.string(),
  model: z.object({ name: z.string(), latent: positive, /** SHA-256 of encoder.onnx. */ encoder: digest }),
  data: z.object({
    name: z.string(),
    split: z.enum(['train', 'val', 'test', 'all']),
    image: z.object(imageShape),
    images: positive,
    classes: classNames,
  }),
  method,
  k: positive,
  seed: z.int(),
  /** How k was chosen, on evenly spaced images; null where it was given. */
  choice: z.nullable(
    z.object({
      by: z.enum(['stability', 'BIC']),
      images: positive,
      curve: z.array(z.object({ k: positive, value: z.number() })),
    }),
  ),
  /** Mean silhouette of evenly spaced images, in the space where clusters were found; null where it is undefined. */
  silhouette: z.nullable(
    z.object({
      value: z.number().check(z.minimum(-1), z.maximum(1)),
      space: z.enum(['latents', 'map', 'eigenvectors']),
      images: positive,
    }),
  ),
  /** Adjusted Rand index of the clusters found with any two of several seeds; null where there is one clustering. */
  stability: z.nullable(z.object({ seeds: z.array(z.int()), mean: z.number(), least: z.number() })),
  /** Over the images that have a label; null where there are none, or all are of one class. */
  agreement: z.nullable(
    z.object({
      ...agreement.shape,
      images: positive,
      /** Of the clusters found with each seed, the first one's above. */
      seeds: z.array(z.object({ seed: z.int(), ...agreement.shape })),
    }),
  ),
  clusters: z.array(cluster),
  pictures: z.array(picture),
  /** What was omitted, and why. */
  notes: z.array(z.string()),
  seconds: nonNegative,
});

export type Clusters = z.infer<typeof clustersSchema>;
