import { join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import type { Labelling } from '../artifacts/encoding-plan.ts';
import { readCard, verifyFiles } from '../artifacts/exported.ts';
import { type ImageDataset, labelledRows } from '../data/dataset.ts';
import { type DataOptions, optionsLike } from '../data/options.ts';
import { InputError, withFileErrors } from '../io/errors.ts';
import { statsOf } from '../io/folders.ts';
import { checkGraphs } from './check-graphs.ts';
import type { RunnableModel } from './sessions.ts';

/** An exported folder whose files are those that its card describes. */
export interface ExportedModel extends RunnableModel {
  readonly folder: string;
  readonly card: Card;
}

/**
 * Opens an exported model and checks its files.
 * @param without a file that is not needed, and not looked at
 * @throws InputError when the folder is no exported model, is damaged, or has other models than its card says
 */
export async function openExported(folder: string, without?: 'decoder.onnx'): Promise<ExportedModel> {
  const card = await readCard(folder);
  await verifyFiles(folder, card, without);
  await checkGraphs(folder, card, without);
  return { folder, card, encoder: join(folder, 'encoder.onnx'), decoder: join(folder, 'decoder.onnx') };
}

/**
 * Opens an exported model whose encoder is enough. A decoder may be missing; where there is one, it is checked.
 * @throws InputError as `openExported`
 */
export async function openEncoder(folder: string): Promise<ExportedModel & { readonly hasDecoder: boolean }> {
  const path = join(folder, 'decoder.onnx');
  const found = await withFileErrors(`cannot read ${path}`, async () => statsOf(path));
  const model = await openExported(folder, found ? undefined : 'decoder.onnx');
  return { ...model, hasDecoder: found !== undefined };
}

/** Options that open data for a model: prepared as the images that it was trained on, and split as they were. */
export const optionsFor = (card: Card, options?: DataOptions): DataOptions => ({
  ...optionsLike({ ...card, label: card.dataset.label }, options),
  valSplit: card.dataset.valSplit,
});

/** Options that open the data that a model was trained on: as `optionsFor`, and restricted to the classes that it was trained on. */
export const trainingOptionsFor = (card: Card, options?: DataOptions): DataOptions => ({
  ...optionsFor(card, options),
  onlyClass: card.dataset.onlyClass,
});

/**
 * Checks the labels of images that are not opened as a data set, as `checkFits` does.
 * @param name of the data
 * @throws InputError
 */
export function checkLabelling(
  { conditional, model, classes: known }: Card,
  name: string,
  { labelled, classes }: Labelling,
  errors: boolean,
): void {
  if (!conditional.encoder && !(conditional.decoder && errors)) return;
  const needs = `the model ${model.name} needs the class of each image`;
  if (labelled !== 'all')
    throw new InputError(`${name}: images without a label, and ${needs}; label them or leave them out`);
  const unknown = known ? (classes ?? []).filter((one) => !known.includes(one)) : [];
  if (unknown.length > 0) {
    throw new InputError(
      `${name}: its classes ${listed(unknown)} are not among those of the model ${model.name}, ${listed(known ?? [])}; leave them out or rename them`,
    );
  }
}

/** Classes that a message names. */
const MOST_NAMED = 5;

/**
 * Checks the labels of images that were opened with `optionsFor`; only conditional models need them.
 * @param errors whether reconstruction errors are computed too
 * @throws InputError when the model needs labels and some are missing, or are of classes that it does not know
 */
export function checkFits(card: Card, dataset: ImageDataset, errors: boolean): void {
  const { encoder, decoder } = card.conditional;
  if (!encoder && !(decoder && errors)) return;
  const { name, labels, length } = dataset;
  const needs = `the model ${card.model.name} needs the class of each image`;
  if (!labels) throw new InputError(`${name}: it has no labels, and ${needs}; give labelled data`);
  const unlabelled = length - labelledRows(dataset).length;
  if (unlabelled > 0) {
    const first = dataset.id(labels.findIndex((label) => label < 0));
    throw new InputError(
      `${name}: ${unlabelled} of its ${length} images have no label (the first is ${first}), and ${needs}; label them or leave them out`,
    );
  }
  const known = card.classes;
  const unknown = known ? (dataset.classes ?? []).filter((one) => !known.includes(one)) : [];
  if (known && unknown.length > 0) {
    throw new InputError(
      `${name}: its classes ${listed(unknown)} are not among those of the model ${card.model.name}, ${listed(known)}; leave them out or rename them`,
    );
  }
  const classes = known?.length ?? Number.POSITIVE_INFINITY;
  const beyond = labels.findIndex((label) => label >= classes);
  if (beyond >= 0) {
    throw new InputError(
      `${name}: image ${dataset.id(beyond)} has label ${labels[beyond]}, the model ${card.model.name} knows labels 0 to ${classes - 1}`,
    );
  }
}

const listed = (names: readonly string[]): string =>
  [...names.slice(0, MOST_NAMED), ...(names.length > MOST_NAMED ? [`… (${names.length})`] : [])].join(', ');
