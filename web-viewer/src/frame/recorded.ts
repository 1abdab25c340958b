import { input, type OpenModel, recorded } from '../state/store.ts';
import { Pictures } from '../views/epochs/pictures.ts';

/**
 * Shows an image and its reconstruction from the last picture of a model's training, while the library that computes live
 * ones is on its way.
 */
export async function showRecorded({ source, manifest, card }: OpenModel): Promise<void> {
  const pictures = new Pictures(source, manifest.training?.pictures ?? [], card.image);
  const last = pictures.epochs.at(-1);
  // The picture does not name the class that a conditional model was given.
  if (last === undefined || card.conditional.encoder || card.conditional.decoder) return;
  const [pair] = (await pictures.get(last).catch(() => null))?.pairs ?? [];
  if (!pair || input.value) return;
  recorded.value = pair;
  input.value = { pixels: pair.original, origin: 'set', row: null, label: null };
}
