import { join } from 'node:path';
import { spreadOf } from '../analyse/moments.ts';
import type { Card } from '../artifacts/card.ts';
import { readTraining } from '../artifacts/exported.ts';
import { samePixels } from '../artifacts/fields.ts';
import { REPORT_FORMAT, type Report, reportSchema } from '../artifacts/report.ts';
import { closeSplits, type DatasetSplits, heldOut, partsOf } from '../data/dataset.ts';
import { openTrainingSplits } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { range } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { checkFits, openExported, optionsFor, trainingOptionsFor } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { type LatentSet, withSessions } from '../inference/sessions.ts';
import { version } from '../io/installation.ts';
import { publishFolder } from '../io/publish.ts';
import { createStages, type StageProgress, type Stages, type Tick } from '../io/stages.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import { writeFiles, writeReport } from './folder.ts';
import {
  canJudge,
  denseLabels,
  effortOf,
  encodeAll,
  evaluationPlan,
  measureClasses,
  measureLeakage,
  measureModel,
  type OpenModel,
} from './measure.ts';
import { notesOf } from './notes.ts';
import { reportPage, reportText } from './page.ts';
import type { Picture } from './pictures.ts';

export interface EvaluateOptions extends ComputeOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes; the data that the model was trained on when not given. */
  readonly data?: string | undefined;
  /** How to read the data, except for what the model decides. */
  readonly dataOptions?: DataOptions | undefined;
  /** Output folder; in the model's folder when not given: `report`, or `pictures` for pictures only. */
  readonly out?: string | undefined;
  readonly seed: number;
  /** Whether to use fewer images, for a first look. */
  readonly quick: boolean;
  readonly progress?: StageProgress | undefined;
}

export interface Evaluation {
  /** The report's folder. */
  readonly out: string;
  readonly report: Report;
}

export interface DrawnPictures {
  /** The pictures' folder. */
  readonly out: string;
  readonly pictures: readonly { readonly title: string; readonly files: readonly string[] }[];
  readonly seconds: number;
}

const EARLIER_REPORT: EarlierOutput = { names: /^(report\.\w+$|pictures($|\/))/, file: 'report.json' };
const EARLIER_PICTURES: EarlierOutput = { names: /\.(png|svg|webp)$/, file: 'reconstructions.png', listed: true };

/**
 * Measures an exported model on a data set and writes a report: `report.json`, `report.md`, `report.html` and
 * `pictures/`. The folder appears complete or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { exported, out = join(exported, 'report'), seed, quick, signal, progress } = options;
  await checkTarget('folder', out, EARLIER_REPORT);
  return withModel({ ...options, out }, async (open) => {
    const { model, splits, sessions } = open;
    const { card } = model;
    const { variational } = sessions;
    const labels = denseLabels(splits);
    const labelled = typeof labels !== 'string';
    const judged = labelled && canJudge(card, splits);
    const stages = createStages(evaluationPlan(card, variational, labelled, judged), signal, progress);
    const effort = effortOf(splits.train.shape, quick);
    const measuring = { ...options, model, splits, sessions, effort, stages };
    const encoded = await encodeAll(measuring);
    const ofModel = await measureModel(measuring, encoded);
    const leakage = await measureLeakage(measuring, encoded);
    const ofClasses = labelled
      ? await measureClasses(measuring, encoded, labels)
      : { representations: null, clusters: null };
    const generation = judged
      ? await (await import('./generation.ts')).measureGeneration(measuring) // loads all of tfjs
      : null;
    const pictures = await draw(open, encoded.test, options, stages);
    const report = reportSchema.parse({
      format: REPORT_FORMAT,
      convae: version,
      model: {
        name: card.model.name,
        summary: card.model.summary,
        latent: card.latent.size,
        variational,
        conditional: card.conditional,
        encoder: card.files['encoder.onnx'].sha256,
        epochs: card.metrics.epoch,
        images: card.dataset.train.images,
        seed: card.training.seed,
      },
      data: {
        name: splits.name,
        image: card.image,
        train: splits.train.length,
        test: heldOut(splits).length,
        classes: classNames(card, splits)?.slice() ?? null,
      },
      settings: { seed, quick },
      ...ofModel,
      spread: spreadOf(encoded.test.latents, card.latent.size),
      leakage,
      ...ofClasses,
      generation,
      pictures: pictures.map(({ data: _, svg: __, ...note }) => note),
      notes: notesOf({
        ...{ card, splits, quick, variational, labels, leakage, generation, pictures, ...ofClasses },
        othersHeldOut: !(await isHeldOut(card, splits)),
      }),
      seconds: { total: stages.elapsed, stages: { ...stages.seconds } },
    });
    const documents = { pictures, page: reportPage(report, pictures), text: reportText(report) };
    const write = (folder: string) => writeReport(folder, 'report.json', report, documents);
    await publishFolder(out, write, { signal, earlier: EARLIER_REPORT });
    return { out, report };
  });
}

/**
 * Draws the pictures of a report, as PNG and SVG. The folder appears complete or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function drawPictures(options: EvaluateOptions): Promise<DrawnPictures> {
  const { exported, out = join(exported, 'pictures'), signal, progress } = options;
  await checkTarget('folder', out, EARLIER_PICTURES);
  return withModel({ ...options, out }, async (open) => {
    const { model, splits, sessions } = open;
    const stages = createStages(Object.entries({ encoding: 2, pictures: 18 }), signal, progress);
    const test = heldOut(splits);
    const encode = (tick: Tick) => latentsOf(model, test, { ...options, sessions, errors: false, tick });
    const latents = await stages.run('encoding', encode, test.length);
    const pictures = await draw(open, latents, options, stages);
    const write = (folder: string) => writeFiles(folder, Object.assign({}, ...pictures.map(filesOf)));
    await publishFolder(out, write, { signal, earlier: EARLIER_PICTURES });
    const files = pictures.map((picture) => ({ title: picture.title, files: Object.keys(filesOf(picture)) }));
    return { out, pictures: files, seconds: stages.elapsed };
  });
}

/** Contents of a picture's files by name. */
const filesOf = ({ file, data, svg }: Picture): Record<string, string | Uint8Array> =>
  svg === undefined ? { [file]: data } : { [file]: data, [file.replace(/\.\w+$/, '.svg')]: svg };

/** Whether the test images are those that were held out in training, or, after `--limit-test`, begin with them. */
async function isHeldOut({ dataset }: Card, splits: DatasetSplits): Promise<boolean> {
  const part = heldOut(splits);
  const known = splits.test ? dataset.test : dataset.val;
  if (!known || part.length < known.images) return false;
  const held = part.length > known.images ? subset(part, part.name, range(0, known.images)) : part;
  return samePixels(await held.fingerprints(), known);
}

/** Opens the exported model and its data, and closes them after the work. */
async function withModel<T>(
  options: EvaluateOptions & { readonly out: string },
  work: (open: OpenModel) => Promise<T>,
): Promise<T> {
  const model = await openExported(options.exported);
  const { card } = model;
  await checkOutside(options.data ?? card.dataset.name, options.out);
  const dataOptions = (options.data === undefined ? trainingOptionsFor : optionsFor)(card, options.dataOptions);
  const splits = await openTrainingSplits(card.dataset.name, options.data, dataOptions);
  try {
    for (const part of partsOf(splits)) checkFits(card, part, true);
    const graphs = ['encoder', 'decoder', 'error'] as const;
    const images = splits.train.length + heldOut(splits).length;
    return await withSessions(model, { ...options, graphs, images }, (sessions) => work({ model, splits, sessions }));
  } finally {
    await closeSplits(splits);
  }
}

/** Draws all pictures of the model, in a stage. */
async function draw(
  { model: { card }, splits, sessions }: OpenModel,
  { latents, logvars }: LatentSet,
  { exported, seed, quick, signal }: EvaluateOptions,
  stages: Stages,
): Promise<readonly Picture[]> {
  const { picturesOf } = await import('./pictures.ts'); // loads the drawing libraries
  const test = heldOut(splits);
  const training = await readTraining(exported);
  const { scatter } = effortOf(test.shape, quick);
  const decode = (latents: Float32Array, labels: Int32Array | undefined) =>
    sessions.decodeAll({ latents, labels }, { signal });
  const input = { card, test, classes: classNames(card, splits), latents, logvars, decode, training, seed, scatter };
  return stages.run('pictures', (tick) => picturesOf(input, tick));
}

/** Class names: the model's if it is conditional, else the data's, else the model's. */
function classNames(card: Card, splits: DatasetSplits): readonly string[] | undefined {
  const test = heldOut(splits);
  const ofModel = card.classes ?? undefined;
  if (card.conditional.encoder || card.conditional.decoder) return ofModel;
  return test.classes ?? (test.labels ? ofModel : undefined);
}
