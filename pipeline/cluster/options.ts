import type { ClusterMethod } from '../artifacts/clusters.ts';
import type { Split } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import type { ExportedModel } from '../inference/exported.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { InputError } from '../io/errors.ts';
import type { StageProgress } from '../io/stages.ts';

export interface ClusterOptions extends ComputeOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes. */
  readonly data: string;
  readonly dataOptions?: DataOptions | undefined;
  readonly split: Split;
  /** The folder to write. */
  readonly out: string;
  /** By default that of the model, where it has clusters, else `umap-gmm`. */
  readonly method?: ClusterMethod | undefined;
  /** Number of clusters; chosen where it is `auto`. By default the model's, or 10. */
  readonly k?: number | 'auto' | undefined;
  readonly seed: number;
  /** Number of seeds to compare, from `seed` on. */
  readonly seeds: number;
  /** Whether to add an output `cluster` to the exported encoder. */
  readonly into: boolean;
  readonly progress?: StageProgress | undefined;
}

/**
 * The method to use.
 * @throws InputError where the method, its options and the model do not suit each other
 */
export function methodOf({ folder, card }: ExportedModel, { method, k, into }: ClusterOptions): ClusterMethod {
  const learned = card.clusters?.method === 'dcec' ? card.clusters.count : undefined;
  const chosen = method ?? (learned === undefined ? 'umap-gmm' : 'dcec');
  if (chosen === 'dcec') {
    if (learned === undefined) {
      throw new InputError(
        `--method dcec: ${folder} has no clusters of its own; train them with \`convae train dcec --init RUN\`, RUN being a run of conv-ae, export that run and give it here, or choose another --method`,
      );
    }
    if (k !== undefined && k !== learned) {
      throw new InputError(
        `--k ${k}: ${folder} was trained with ${learned} clusters; leave --k out, or train with \`convae train dcec --clusters N\``,
      );
    }
    if (into) throw new InputError(`--into: the encoder of ${folder} has the output cluster already; leave it out`);
  }
  if (into && (chosen === 'umap-gmm' || chosen === 'spectral')) {
    const what = chosen === 'spectral' ? 'eigenvectors of the graph of neighbours' : 'a map by UMAP';
    throw new InputError(`--into: ${what} cannot be computed for new images; choose --method gmm or kmeans`);
  }
  if (k === 'auto' && chosen === 'spectral') {
    throw new InputError(
      '--k auto: spectral clustering takes a number of clusters; give one, or choose --method umap-gmm, gmm or kmeans',
    );
  }
  if (into && learned !== undefined) {
    throw new InputError(
      `--into: the encoder of ${folder} has an output cluster that it was trained with, which would be lost; leave it out`,
    );
  }
  return chosen;
}
