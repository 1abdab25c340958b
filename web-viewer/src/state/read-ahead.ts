import type { OpenModel } from './store.ts';

/** Whether a file of a model is a record of its training. */
export const isOfTraining = (path: string): boolean => path.startsWith('training/');

/** More is not read before it is asked for. */
const MOST_BYTES = 2e6;

/**
 * Reads what the model's training has recorded once all else is there, so that it can be looked at at once, and without the
 * network. What cannot be read now is read when it is asked for.
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
    // Nobody has asked for it yet.
  }
}
