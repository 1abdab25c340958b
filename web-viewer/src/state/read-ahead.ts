import type { OpenModel } from './store.ts';

/** Whether a file belongs to the record of a model's training. */
export const isTrainingFile = (path: string): boolean => path.startsWith('training/');

/** Larger records are not prefetched. */
const MAX_BYTES = 2e6;

/**
 * Prefetches the record of the model's training once everything else has loaded, so that it opens immediately and offline.
 * Files that fail are read when they are needed.
 */
export async function prefetchTraining(
  { manifest, source, fromVisitor }: OpenModel,
  isWanted: () => boolean,
): Promise<void> {
  const { connection } = navigator as Navigator & { connection?: { readonly saveData?: boolean } };
  if (!manifest.training || fromVisitor || connection?.saveData) return;
  const { metrics, pictures } = manifest.training;
  const files = [metrics, ...pictures.map(({ file }) => file)];
  if (files.reduce((sum, file) => sum + (manifest.files[file] ?? 0), 0) > MAX_BYTES) return;
  try {
    for (const file of files) {
      if (!isWanted()) return;
      await source.read(file);
    }
  } catch {
    // Not needed yet; it is fetched again when it is.
  }
}
