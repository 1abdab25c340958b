import { join } from 'node:path';
import { fitTails, scoresOf, thresholdOf } from '../analyse/outlier-score.ts';
import { isExtrapolated } from '../analyse/tail.ts';
import type { Encoded } from '../analyse/unusual.ts';
import type { DistanceKind } from '../artifacts/distances.ts';
import { OUTLIERS_FORMAT, type Outliers, outliersSchema } from '../artifacts/outliers.ts';
import type { ImageDataset } from '../data/dataset.ts';
import type { Split } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { unreadNote } from '../data/unread.ts';
import { checkFits, type ExportedModel, openEncoder } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import { type ComputeOptions, encodingGraphs } from '../inference/plan.ts';
import { type Sessions, withSessions } from '../inference/sessions.ts';
import { InputError } from '../io/errors.ts';
import { version } from '../io/installation.ts';
import { counted } from '../io/printable.ts';
import { publishFolder } from '../io/publish.ts';
import { createStages, type StageProgress, type Stages, type Tick } from '../io/stages.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import { digestsOf } from '../neighbors/copies.ts';
import { writeReport } from '../report/folder.ts';
import { findNormal, kindsOf, type NormalImages, onlyNormal, openScored, sharesClasses, unnamedNote } from './data.ts';
import { learn } from './distances.ts';
import { addToCard } from './into.ts';
import { type Masks, masksOf, openMasks, pixelMeasures } from './masks.ts';
import { measuresOf } from './measures.ts';
import { type PictureInput, picturesOf } from './pictures.ts';
import { outliersPage, outliersText } from './report.ts';
import { type Scored, writeTable } from './table.ts';

export interface OutlierOptions extends ComputeOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes: the images to score. */
  readonly data: string;
  readonly split?: Split | undefined;
  readonly dataOptions?: DataOptions | undefined;
  /** What `--data` takes: normal images, where the training data have moved or others are wanted. */
  readonly reference?: string | undefined;
  /** Names of the classes that are normal. */
  readonly normal?: readonly string[] | undefined;
  readonly distance: DistanceKind;
  /** Percentile of the reference images above which images are flagged. */
  readonly flagAbove: number;
  /** The folder to write. */
  readonly out: string;
  /** Number of images to show. */
  readonly top: number;
  /** Whether to write what is normal into the card. */
  readonly into: boolean;
  readonly progress?: StageProgress | undefined;
}

export interface FoundOutliers {
  readonly out: string;
  readonly report: Outliers;
}

/** Training images that a measure is learned from, at most; reference images, at least; longest latents that a card takes. */
const MOST_TRAINING = 20_000;
const LEAST_REFERENCE = 10;
const LONGEST_IN_CARD = 512;

const EARLIER: EarlierOutput = { names: /^((outliers|report)\.\w+$|pictures($|\/))/, file: 'outliers.json' };

interface Opened extends NormalImages {
  readonly model: ExportedModel;
  /** Whether the model was trained on `train`. */
  readonly own: boolean;
  readonly data: ImageDataset;
  /** Masks of defects, where images have some. */
  readonly masks: Masks | undefined;
  readonly normal: readonly string[] | null;
  readonly labels: readonly number[];
  readonly notes: readonly string[];
  /** Whether there is a decoder, and so errors. */
  readonly errors: boolean;
}

/**
 * Scores images by how unusual they are for an exported model, and writes `outliers.parquet`, `outliers.json`, `report.md`,
 * `report.html` and `pictures/`. The folder appears complete or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function findOutliers(options: OutlierOptions): Promise<FoundOutliers> {
  const { exported, distance, into, out, signal } = options;
  const model = await openEncoder(exported);
  const errors = model.hasDecoder;
  if (into && distance === 'knn') {
    throw new InputError(
      '--into: neighbours are among all training latents, which a card cannot hold; choose --distance mixture or mahalanobis',
    );
  }
  if (into && model.card.latent.size > LONGEST_IN_CARD) {
    throw new InputError(
      `--into: latents of ${model.card.latent.size} numbers are too long for a card, which takes ${LONGEST_IN_CARD}; leave it out`,
    );
  }
  for (const images of [options.data, options.reference ?? model.card.dataset.name]) await checkOutside(images, out);
  await checkTarget('folder', out, EARLIER);
  if (into) await checkTarget('folder', exported);
  const closing: (() => Promise<void>)[] = [];
  try {
    const opened = await open(model, errors, options, closing);
    const { data, train, reference } = opened;
    const stages = createStages(
      [
        ['encoding', 10],
        ...(opened.own ? [['copies', 1] as const] : []),
        ['distances', distance === 'knn' ? 10 : 3],
        ...(opened.masks ? [['masks', 3] as const] : []),
        ['pictures', 2],
      ],
      signal,
      options.progress,
    );
    const images = data.length + train.length + reference.length;
    const work = (sessions: Sessions) => scoreAll(opened, sessions, options, stages);
    return await withSessions(model, { ...options, graphs: encodingGraphs(errors), images }, work);
  } finally {
    await Promise.all(closing.map((close) => close()));
  }
}

/** Opens images to score and normal images. @throws InputError where there are too few, or labels are missing */
async function open(
  model: ExportedModel,
  errors: boolean,
  { data: spec, split, reference: given, normal: asked, dataOptions }: OutlierOptions,
  closing: (() => Promise<void>)[],
): Promise<Opened> {
  const { card } = model;
  const data = await openScored(card, spec, split, dataOptions, closing);
  const opened = errors ? await openMasks(spec, card, dataOptions) : undefined;
  if (opened) closing.push(() => opened.close());
  const masks = opened && masksOf(data, opened);
  const found = await findNormal(card, given, dataOptions, closing);
  const shared = await sharesClasses(card, spec, data, dataOptions, closing);
  const { normal, labels } = kindsOf(data, found, asked, shared);
  const parts = (['train', 'reference'] as const).map((name) => {
    const named = shared || !found.own[name];
    const note = unnamedNote(found[name], normal, named);
    return { images: onlyNormal(found[name], named ? normal : null), note };
  });
  const [train, reference] = parts.map(({ images }) => images) as [ImageDataset, ImageDataset];
  for (const part of [data, train, reference]) checkFits(card, part, errors);
  if (data.length === 0)
    throw new InputError(`${spec}: the model was trained on all of its images; give others, or --split`);
  if (reference.length < LEAST_REFERENCE) {
    throw new InputError(
      `${reference.name}: only ${counted(reference.length, 'normal image')} held out, at least ${LEAST_REFERENCE} are needed; give more with --reference`,
    );
  }
  const same = (await onlyNormal(data, normal).fingerprint()) === (await reference.fingerprint());
  const notes = [
    unreadNote(data),
    found.note,
    ...parts.map(({ note }) => note),
    !errors && `${model.folder} has no decoder: there are no errors, and the score is that of the distance.`,
    masks?.of.size === 0 &&
      `No image has one of the ${counted(masks.images.length, 'mask')} in ${masks.images.name}: the mask of test/CLASS/NAME.png is ground_truth/CLASS/NAME_mask.png.`,
    same &&
      'The normal images are the reference images themselves: about as many are flagged as the percentile says; give others with --reference, or train with --val-split.',
  ].filter((note) => typeof note === 'string');
  return {
    model,
    data,
    masks: masks && masks.of.size > 0 ? masks : undefined,
    own: found.own.train,
    train,
    reference,
    normal,
    labels,
    notes,
    errors,
  };
}

/** Says how many images equal some that the model was trained on: it rebuilds these better than others. */
async function trainedNotes(
  trained: ImageDataset,
  { data, reference }: Pick<Opened, 'data' | 'reference'>,
  tick: Tick,
): Promise<string[]> {
  const known = new Set(await digestsOf(trained, (share) => tick(share / 3)));
  const seen = async (part: ImageDataset, from: number) =>
    (await digestsOf(part, (share) => tick((from + share) / 3))).filter((digest) => known.has(digest)).length;
  const [ofData, ofReference] = [await seen(data, 1), await seen(reference, 2)];
  const trainedOn = (count: number, part: ImageDataset, kind = '') =>
    `At least ${counted(count, `${kind}image`)} of ${part.name} equal some that the model was trained on`;
  return [
    ofData > 0 && `${trainedOn(ofData, data)}: new images like them have higher scores.`,
    ofReference > 0 &&
      `${trainedOn(ofReference, reference, 'reference ')}: this raises the scores; give others with --reference.`,
  ].filter((note) => typeof note === 'string');
}

async function scoreAll(
  opened: Opened,
  sessions: Sessions,
  options: OutlierOptions,
  stages: Stages,
): Promise<FoundOutliers> {
  const { model, data, reference, errors } = opened;
  const { out, signal, flagAbove, into } = options;
  const { card } = model;
  const train = subset(opened.train, opened.train.name, spreadRows(opened.train.length, MOST_TRAINING));
  const parts = [train, reference, data];
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  const encode = async (tick: (share: number) => void) => {
    const encoded: Encoded[] = [];
    let done = 0;
    for (const part of parts) {
      const before = done;
      const { latents, errors: own } = await latentsOf(model, part, {
        ...options,
        ...{ sessions, errors },
        tick: (share) => tick((before + share * part.length) / total),
      });
      encoded.push({ latents, errors: own });
      done += part.length;
    }
    return encoded as [Encoded, Encoded, Encoded];
  };
  const [ofTrain, ofReference, ofData] = await stages.run('encoding', encode, total);
  const told = opened.own ? await stages.run('copies', (tick) => trainedNotes(train, opened, tick)) : [];
  const { measure, tails, measured } = await stages.run('distances', async (tick) => {
    const measure = await learn(options.distance, ofTrain, card.latent.size, card.training.seed, (share) =>
      tick(share / 2),
    );
    const half = (from: number) => (share: number) => tick(from + share / 4);
    const referred = await measure.unusual(ofReference, half(0.5));
    const tails = fitTails({ ...referred, errors: ofReference.errors });
    return { measure, tails, measured: { ...(await measure.unusual(ofData, half(0.75))), errors: ofData.errors } };
  });
  const scores = scoresOf(tails, measured);
  const threshold = thresholdOf(flagAbove);
  const flags = Array.from(scores.score, (score) => score > threshold);
  const components = options.distance === 'mixture' ? measure.usual?.weights.length : undefined;
  const base = await reportOf({ ...opened, notes: [...opened.notes, ...told] }, options, {
    tails,
    threshold,
    flags,
    scores,
    measured,
    components,
  });
  const top = Uint32Array.from(base.order.subarray(0, Math.min(options.top, data.length)));
  const isNormal = new Set(opened.labels);
  const { masks } = opened;
  const normalAt = (row: number) => isNormal.has(data.labels?.[row] ?? -1);
  const ofMasks = { card, data, latents: ofData.latents, isNormal: normalAt, sessions };
  const pixels =
    masks && (await stages.run('masks', (tick) => pixelMeasures({ ...ofMasks, masks }, tick), data.length));
  const pictureInput: PictureInput = {
    ...{ card, data, latents: ofData.latents, scores: scores.score, threshold, percentile: flagAbove, top },
    abnormal: base.report.measures ? abnormalOf(data, isNormal) : undefined,
    sessions: errors ? sessions : undefined,
  };
  const pictures = await stages.run('pictures', () => picturesOf(pictureInput));
  const report = outliersSchema.parse({
    ...base.report,
    measures: base.report.measures && { ...base.report.measures, pixels },
    notes: [
      ...base.report.notes,
      ...(masks && !pixels ? ['There are no measures by pixel: the masks mark all pixels or none.'] : []),
    ],
    pictures: pictures.map(({ data: _, svg: __, ...note }) => note),
    seconds: stages.elapsed,
  });
  await publishFolder(
    out,
    async (folder) => {
      await writeTable(join(folder, 'outliers.parquet'), card, data, report, { scores, measured, flags });
      const documents = { pictures, page: outliersPage(report, pictures), text: outliersText(report) };
      await writeReport(folder, 'outliers.json', report, documents);
    },
    { signal, earlier: EARLIER },
  );
  if (into) await addToCard(model, measure.usual, report, signal);
  return { out, report };
}

/** The report without pictures, and the images by score, the highest first. */
async function reportOf(
  { model: { card }, data, reference, normal, labels, notes }: Opened,
  { distance, flagAbove, top }: OutlierOptions,
  {
    tails,
    threshold,
    scores,
    measured,
    flags,
    components,
  }: Scored & Pick<Outliers, 'tails' | 'threshold'> & { readonly components: number | undefined },
) {
  const { score } = scores;
  const order = Uint32Array.from(score.keys()).sort((a, b) => (score[b] as number) - (score[a] as number) || a - b);
  const measures = normal ? measuresOf(data, labels, scores, flags) : null;
  const about = async (part: ImageDataset) => ({
    name: part.name,
    images: part.length,
    fingerprint: await part.fingerprint(),
  });
  const report: Omit<Outliers, 'pictures' | 'seconds'> = {
    format: OUTLIERS_FORMAT,
    convae: version,
    model: { name: card.model.name, encoder: card.files['encoder.onnx'].sha256, error: card.model.error },
    data: await about(data),
    reference: await about(reference),
    ...{ normal: normal && [...normal], distance, tails, flagAbove, threshold },
    flagged: flags.filter(Boolean).length,
    measures,
    top: Array.from(order.subarray(0, top), (row) => ({
      id: data.id(row),
      class: data.classes?.[data.labels?.[row] ?? -1] ?? null,
      error: measured.errors?.[row] ?? null,
      distance: measured.distances[row] as number,
      score: score[row] as number,
    })),
    notes: [
      ...notes,
      ...(components === 1
        ? [
            `For a mixture of latents of ${card.latent.size} numbers there are too few training images, or it would take too long: distances are from one normal distribution, as by --distance mahalanobis.`,
          ]
        : []),
      ...(isExtrapolated(flagAbove, reference.length)
        ? [`The percentile ${flagAbove} is extrapolated: ${reference.length} reference images are few for it.`]
        : []),
      ...(measures ? [] : [`There are no AUROC, AP and F1: ${whyUnmeasured(data, normal)}.`]),
    ],
  };
  return { report, order };
}

/** Which images are abnormal; undefined where an image has no label. @param normal labels */
export const abnormalOf = ({ labels = new Int32Array() }: Pick<ImageDataset, 'labels'>, normal: ReadonlySet<number>) =>
  Array.from(labels, (label) => (label < 0 ? undefined : !normal.has(label)));

function whyUnmeasured({ labels }: ImageDataset, normal: Opened['normal']): string {
  if (!labels) return 'the images have no labels';
  if (!normal) return 'it is not known which of the classes are normal; name these with --normal';
  return 'of the images that have a label, all are normal or none is';
}
