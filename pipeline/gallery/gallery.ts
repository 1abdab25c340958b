import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { models } from '../../models/index.ts';
import { suitRecipe, type TrainingImages } from '../../models/kit/suit.ts';
import type { Card } from '../artifacts/card.ts';
import { readCard } from '../artifacts/exported.ts';
import { type Report, reportSchema } from '../artifacts/report.ts';
import type { RunState } from '../artifacts/run.ts';
import { readChosen, readRun } from '../artifacts/run-folder.ts';
import { closeSplits, heldOut, labelledRows, partsOf } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { exportRun, metricsOf } from '../export/export.ts';
import { openExported } from '../inference/exported.ts';
import { InputError } from '../io/errors.ts';
import type { Progress } from '../io/progress.ts';
import { createStages, type StageProgress, type Tick } from '../io/stages.ts';
import { findDamage } from '../io/sums.ts';
import { evaluate } from '../report/evaluate.ts';
import { type FoundModel, findModel } from '../train/find-model.ts';
import type { TrainOptions } from '../train/options.ts';
import { type DataChoice, openData, planFor, train } from '../train/train.ts';

/** Epochs of models whose recipes take hours. */
const EPOCHS: Readonly<Record<string, number>> = { 'conv-ae': 20 };
/** Seconds on two cores of a training image, a training step, an export and an evaluation; only the ratios matter. */
const SECONDS = { image: 3.2e-4, step: 4e-3, export: 2, evaluate: 100, quick: 25 };

/** Training options apply to every model. */
export interface GalleryOptions
  extends Pick<TrainOptions, 'epochs' | 'seed' | 'limitTrain' | 'limitTest' | 'engine' | 'device'> {
  /** What `--data` takes. */
  readonly data: string;
  readonly dataOptions?: DataOptions | undefined;
  /** Names or files of models; when not given, all models of convae that start from no other. */
  readonly models?: readonly string[] | undefined;
  /** Folders for runs and for exported models, each in a folder with the model's name. */
  readonly runs: string;
  readonly out: string;
  /** Whether to evaluate on fewer images. */
  readonly quick: boolean;
  /** Whether only warnings are printed. */
  readonly quiet?: boolean;
  readonly signal: AbortSignal;
  /** Prints a line. */
  note(line: string): void;
  readonly progress: StageProgress;
}

/** A finished model of the gallery. */
export interface GalleryEntry {
  readonly model: string;
  /** The exported folder, its report in `report/`. */
  readonly exported: string;
  readonly card: Card;
  readonly report: Report;
}

/**
 * Trains, exports and evaluates models one after another. Skips what is already done, so that it resumes after an
 * interruption.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function gallery(options: GalleryOptions): Promise<GalleryEntry[]> {
  const { data, signal, note } = options;
  for (const folder of [options.runs, options.out]) await checkOutside(data, folder);
  const found: FoundModel[] = [];
  const all = Object.keys(models).filter((name) => models[name]?.startsFrom === undefined);
  for (const name of options.models ?? all) {
    const one = await findModel(name);
    const { startsFrom } = one.model;
    if (startsFrom !== undefined) {
      const remedy = `train it by \`convae train ${name} --init RUN\`, and evaluate what it exports`;
      throw new InputError(`${name}: it starts from a run of ${startsFrom}, which a gallery does not have; ${remedy}`);
    }
    if (found.some(({ model }) => model.name === one.model.name)) {
      throw new InputError(`--models ${options.models}: two of them are named ${one.model.name}; leave one out`);
    }
    found.push(one);
  }
  const splits = await openSplits(data, options.dataOptions);
  const { train: images } = splits;
  const unlabelled = partsOf(splits).reduce((sum, part) => sum + part.length - labelledRows(part).length, 0);
  const shape = { ...images.shape, images: images.length };
  const count = Math.min(images.length, options.limitTrain ?? images.length);
  const about = { name: splits.name, train: images.length, test: heldOut(splits).length };
  await closeSplits(splits);

  const plans: Awaited<ReturnType<typeof planOf>>[] = [];
  for (const one of found) {
    const { encoder, decoder } = one.model.conditional;
    if (unlabelled === 0 || !(encoder || decoder)) plans.push(await planOf(one, { shape, count, about }, options));
    else note(`skipping ${one.model.name}: it needs labels, and ${unlabelled} images of ${data} have none`);
  }
  const weights = plans.flatMap(({ steps }) => steps.map(({ name, seconds }) => [name, seconds] as const));
  const stages = createStages(weights, signal, options.progress);
  const entries: GalleryEntry[] = [];
  for (const { model, exported, steps } of plans) {
    for (const { name, work } of steps) await stages.run<unknown>(name, work);
    const [card, report] = [await readCard(exported), await readReport(exported)];
    if (!report) throw new Error(`${exported} has no report`);
    entries.push({ model, exported, card, report });
  }
  return entries;
}

interface Images {
  readonly shape: TrainingImages;
  /** Number of images to train on. */
  readonly count: number;
  /** As a report of these images describes them. */
  readonly about: Pick<Report['data'], 'name' | 'train' | 'test'>;
}

/** Finds the steps that are left for a model, and their seconds. */
async function planOf({ model, file }: FoundModel, { shape, count: images, about }: Images, options: GalleryOptions) {
  const { data, dataOptions = {}, quick, quiet, signal, note } = options;
  const { maxSkipped, strict, cache } = dataOptions;
  const reading = { maxSkipped, strict, cache, signal };
  const { name } = model;
  const { recipe } = file === undefined ? suitRecipe(model, shape) : model;
  const [run, exported] = [join(options.runs, name), join(options.out, name)];
  const epochs = options.epochs ?? EPOCHS[name] ?? recipe.epochs;
  const wanted = { ...options, model, modelFile: file, run, epochs, resume: true, threads: 0 };
  const state = (await readRun(run, 'latest'))?.state;
  const left = epochs - (state?.position.epoch ?? 0);
  if (state) await assertSameRun(wanted, state);
  const chosen = (await readChosen(run))?.checkpoint.state.position;
  const card = await openExported(exported).then(
    (found) => found.card,
    () => undefined, // there is none, or it is damaged
  );
  const isExported = left <= 0 && card && chosen && isDeepStrictEqual(card.metrics, metricsOf(chosen));
  const report = isExported ? await readReport(exported) : undefined;
  const isReported =
    report?.model.encoder === card?.files['encoder.onnx'].sha256 &&
    isDeepStrictEqual({ ...report?.data, ...about }, report?.data) &&
    (quick || !report?.settings.quick);
  const steps = [
    {
      name: `train ${name}`,
      seconds: left * (images * SECONDS.image + Math.ceil(images / recipe.batchSize) * SECONDS.step),
      done: left <= 0,
      work: (tick: Tick) => train(wanted, { signal, progress: trainingProgress(note, tick, signal, quiet) }),
    },
    {
      name: `export ${name}`,
      seconds: SECONDS.export,
      done: isExported,
      work: async () => {
        const named = (await readRun(run, 'latest'))?.state.plan.modelFile;
        return exportRun({ run, out: exported, dataOptions: reading, trust: named === file, signal });
      },
    },
    {
      name: `evaluate ${name}`,
      seconds: quick ? SECONDS.quick : SECONDS.evaluate,
      done: report !== undefined && isReported,
      work: (tick: Tick) =>
        evaluate({
          ...{ exported, data, dataOptions: reading, seed: 0, quick, device: 'auto', signal },
          progress: ({ total }) => tick(total),
        }),
    },
  ];
  return { model: name, exported, steps: steps.filter(({ done }) => !done) };
}

/** @throws InputError when a run is of other images or options than those that are asked for */
async function assertSameRun(options: TrainOptions & DataChoice, state: RunState): Promise<void> {
  const splits = await openData(options, state.plan);
  try {
    await planFor(splits, options, state);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(error.message.replace(/--run$/, '--runs'), { cause: error });
  } finally {
    await closeSplits(splits);
  }
}

async function readReport(exported: string): Promise<Report | undefined> {
  try {
    const folder = join(exported, 'report');
    if (await findDamage(folder)) return undefined;
    return reportSchema.parse(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')));
  } catch {
    return undefined; // no report, a damaged one, or one of another version
  }
}

/**
 * Converts the progress of a training into the finished share of its remaining images.
 * @param signal once it is aborted there are no ticks, which would end the training before it has saved
 */
export function trainingProgress(
  warn: (line: string) => void,
  tick: Tick,
  signal: AbortSignal,
  quiet = false,
): Progress {
  let [first, total] = [0, 1];
  return {
    note: quiet ? () => {} : warn,
    warn,
    stage() {},
    reading() {},
    start(images, done) {
      [first, total] = [done, images];
    },
    update(done) {
      if (!signal.aborted) tick(total > first ? (done - first) / (total - first) : 1);
    },
    stop() {},
  };
}
