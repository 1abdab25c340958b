import { join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import { readCard, verifyFiles } from '../artifacts/exported.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { InputError } from '../io/errors.ts';
import type { RunnableModel } from './sessions.ts';

/** An exported folder whose files are those that its card describes. */
export interface ExportedModel extends RunnableModel {
  readonly folder: string;
  readonly card: Card;
}

/**
 * Opens an exported model and checks its files.
 * @throws InputError when the folder is no exported model, or is damaged
 */
export async function openExported(folder: string): Promise<ExportedModel> {
  const card = await readCard(folder);
  await verifyFiles(folder, card);
  return { folder, card, encoder: join(folder, 'encoder.onnx'), decoder: join(folder, 'decoder.onnx') };
}

/**
 * @param errors whether reconstruction errors are computed too
 * @throws InputError when the model cannot encode these images: another shape, or labels that it needs are missing
 */
export function checkFits(card: Card, dataset: ImageDataset, errors: boolean): void {
  const [expected, found] = [card.image, dataset.shape].map(
    ({ height, width, channels }) => `${height}×${width}×${channels}`,
  );
  if (expected !== found) {
    throw new InputError(
      `${dataset.name}: its images are ${found} (height×width×channels), the model ${card.model.name} was trained on ${expected}; resize them or use another model`,
    );
  }
  const { encoder, decoder } = card.conditional;
  if (!encoder && !(decoder && errors)) return;
  if (!dataset.labels) {
    throw new InputError(
      `${dataset.name}: it has no labels, and the model ${card.model.name} needs the class of each image; give labelled data`,
    );
  }
  const classes = card.classes?.length ?? Number.POSITIVE_INFINITY;
  const unknown = dataset.labels.findIndex((label) => label < 0 || label >= classes);
  if (unknown >= 0) {
    throw new InputError(
      `${dataset.name}: image ${dataset.id(unknown)} has label ${dataset.labels[unknown]}, the model ${card.model.name} knows labels 0 to ${classes - 1}`,
    );
  }
}
