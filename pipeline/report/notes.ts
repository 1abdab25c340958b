import { FEATURES } from '../analyse/classifier/network.ts';
import type { Card } from '../artifacts/card.ts';
import { errorUnits } from '../artifacts/fields.ts';
import type { Report } from '../artifacts/report.ts';
import { type DatasetSplits, heldOut } from '../data/dataset.ts';
import type { Leakage } from '../neighbors/leakage.ts';
import { integer } from './figures.ts';
import type { DenseLabels } from './measure.ts';
import type { Picture } from './pictures.ts';

interface Evaluated {
  readonly card: Card;
  readonly splits: DatasetSplits;
  readonly quick: boolean;
  readonly variational: boolean;
  /** A reason where there are none. */
  readonly labels: DenseLabels | string;
  readonly leakage: Leakage;
  readonly representations: Report['representations'];
  readonly generation: Report['generation'];
  readonly pictures: readonly Picture[];
  /** Whether the test images are others than those that were held out when the model was trained. */
  readonly othersHeldOut: boolean;
}

/** What readers of a report should know: what was left out, and why, and where figures mislead. */
export function notesOf({
  card,
  splits,
  quick,
  variational,
  labels,
  leakage,
  representations,
  generation,
  pictures,
  othersHeldOut,
}: Evaluated): string[] {
  const labelled = typeof labels !== 'string';
  return [
    quick && 'Evaluated with --quick: some measures use fewer images than usual and are less accurate.',
    !splits.test &&
      'The data has no test part: the images called test images here are its validation images, by which the best epoch was chosen.',
    othersHeldOut &&
      'The test images are not those that were held out when the model was trained. Where it was trained on some of them, errors come out too low and accuracies too high.',
    leakageNote(leakage, heldOut(splits).length),
    !labelled &&
      `Measures by class (10-NN, linear probe, clustering${card.conditional.decoder ? ', judged samples' : ''}) are missing: ${labels}.`,
    labelled && labelledNote(splits, labels),
    labelled &&
      card.conditional.decoder &&
      generation === null &&
      'Samples are not judged by class: a classifier needs training images of several classes, and at least two test images.',
    generation !== null && judgedNote(card, splits),
    generation !== null && frechetNote(generation),
    representations !== null && convergenceNote(representations),
    representations !== null && comparisonNote(card, representations),
    variational &&
      card.model.error !== 'binary cross-entropy' &&
      `There is no likelihood in nats: the model was trained on ${errorUnits[card.model.error]}, for which there is none here.`,
    !pictures.some(({ file }) => /^(losses|training)\./.test(file)) &&
      'Losses and pictures by epoch are missing: the exported model has none. Export the run again to add them.',
  ].filter((note) => note !== false);
}

/** Share of test images that may be copies without a note: a few digits are alike by chance. */
const FEW_COPIES = 0.001;

/** Says how many test images are copies of training images. */
function leakageNote({ exact, near }: Leakage, images: number): string | false {
  if (exact + near <= FEW_COPIES * images) return false;
  return `Of ${integer(images)} test images, ${integer(exact)} equal a training image and ${integer(near)} nearly equal one: errors and accuracies come out too good. \`convae duplicates\` lists the pairs.`;
}

/** Says how many images the measures by class use, where some have no label. */
function labelledNote(splits: DatasetSplits, { train, test }: DenseLabels): string | false {
  const [all, held] = [splits.train.length, heldOut(splits).length];
  if (train.rows.length === all && test.rows.length === held) return false;
  const share = (part: { rows: Uint32Array }, of: number) => `${integer(part.rows.length)} of ${integer(of)}`;
  return `Measures by class use the images that have a label: ${share(train, all)} training and ${share(test, held)} test images.`;
}

/** Says which samples are judged, where the training images are not of all classes of the model. */
function judgedNote({ classes }: Card, { train }: DatasetSplits): string | false {
  const [known, all] = [new Set(train.labels).size, classes?.length ?? 0];
  if (known >= all) return false;
  return `Samples of ${known} of the ${all} classes of the model are judged: there are no training images of the others, which a classifier needs.`;
}

/** Says that few test images make the Fréchet distance too large: their features have no full covariance. */
function frechetNote({ classifier: { images } }: NonNullable<Report['generation']>): string | false {
  if (images >= FEATURES) return false;
  return `The Fréchet distance comes out too large: ${integer(images)} test images are fewer than the ${FEATURES} features that it compares.`;
}

const NAMES = { codes: 'latents', PCA: 'principal components', pixels: 'raw pixels' } as const;

/** Says which linear probes might have become better. */
function convergenceNote(representations: NonNullable<Report['representations']>): string | false {
  const ended = representations.filter(({ probe }) => !probe.converged).map(({ name }) => NAMES[name]);
  if (ended.length === 0) return false;
  return `The linear probe of ${ended.join(' and ')} ended before it converged: its accuracy may be a little too low.`;
}

/** By how many points 10-NN may be worse on latents than on raw pixels without a note. */
const WORSE = 1;

/** Says where classes are harder to tell by the latents than by the pixels; a decoder that is given the class excuses it. */
function comparisonNote(
  { conditional }: Card,
  representations: NonNullable<Report['representations']>,
): string | false {
  const of = (wanted: string) => representations.find(({ name }) => name === wanted)?.neighbours.accuracy ?? 0;
  const points = 100 * (of('pixels') - of('codes'));
  if (conditional.decoder || points <= WORSE) return false;
  return `10-NN classifies latents ${points.toFixed(1)} points worse than raw pixels: the latents lose class information. A larger latent (--latent) or longer training may keep more.`;
}
