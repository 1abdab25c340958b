import type { OpenModel } from './store.ts';

/** Whether a model's file belongs to the record of its training. */
export const isOfTraining = (path: string): boolean => path.startsWith('training/');

/** Larger records are not prefetched. */
const MOST_BYTES = 2e6;

/**
 * Prefetches the record of the model's training once everything else has loaded, so that it opens immediately and offline.
 * Files that fail are read when they are needed.
 */
export async function readAhead({ manifest, source, given }: OpenModel, isWanted: () => boolean): Promise<void> {
  const { connection } = navigator as Navigator & { connection?: { readonly saveData?: boolean } };
  if (!manifest.training || given || connection?.saveData) return;
  const { metrics, pictures } = manifest.training;
  const files = [metrics, ...pictures.map(({ file }) => file)];
  if (files.reduce((sum, file) => sum + (manifest.files[file] ?? 0), 0) > MOST_BYTES) return;
  try {
    for (const file of files) {
      if (!isWanted()) return;
      await source.read(file);
    }
  } catch {
    // Nothing needs it yet.
  }
}
