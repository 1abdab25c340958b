import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spreadOf } from '../analyse/moments.ts';
import type { Card } from '../artifacts/card.ts';
import { checkReport, REPORT_FORMAT, type Report } from '../artifacts/report.ts';
import { readTraining } from '../artifacts/training.ts';
import type { DatasetSplits } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import type { Device } from '../devices/device.ts';
import { Decoder } from '../inference/decoder.ts';
import { checkFits, Encoder, openExported } from '../inference/encoder.ts';
import { version } from '../io/installation.ts';
import { publishFolder } from '../io/publish.ts';
import { type StageProgress, Stages } from '../io/stages.ts';
import { effortOf } from './effort.ts';
import type { GenerationOptions } from './generation.ts';
import { encodeAll, generationPlan, type Measuring, measureClasses, measureModel, measuringPlan } from './measure.ts';
import { reportPage } from './page.ts';
import type { Picture } from './picture.ts';
import { classNames, rankedLabels } from './subject.ts';
import { reportText } from './text.ts';

export interface EvaluateOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes. */
  readonly data: string;
  /** The folder that the report is written to; `report` in the model's when not given. */
  readonly out?: string | undefined;
  readonly seed: number;
  /** Whether to measure and draw less, for a first look. */
  readonly quick: boolean;
  /** Images in a batch; when not given, as many as suit their size. */
  readonly batchSize?: number | undefined;
  readonly device: Device;
  /** Threads that compute; the number of cores (at most 16) when not given. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: StageProgress | undefined;
}

export interface Evaluation {
  /** The report's folder. */
  readonly out: string;
  readonly report: Report;
}

/**
 * Measures an exported model on a data set and writes a report: `report.json`, `report.md`, `report.html` and
 * `pictures/`. The folder appears whole or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { exported, data, signal } = options;
  const { out = join(exported, 'report') } = options;
  const card = await openExported(exported);
  const splits = await openSplits(data);
  try {
    checkFits(card, splits.train, true);
    checkFits(card, splits.test, true);
    const { report, pictures } = await measure(card, splits, options);
    await publishFolder(out, (folder) => writeReport(folder, report, pictures), { signal });
    return { out, report };
  } finally {
    await Promise.all([splits.train.close(), splits.test.close()]);
  }
}

async function writeReport(folder: string, report: Report, pictures: readonly Picture[]): Promise<void> {
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, 'report.md'), reportText(report));
  await writeFile(join(folder, 'report.html'), reportPage(report, pictures));
  await mkdir(join(folder, 'pictures'));
  for (const { file, data } of pictures) await writeFile(join(folder, 'pictures', file), data);
}

async function measure(
  card: Card,
  splits: DatasetSplits,
  options: EvaluateOptions,
): Promise<{ report: Report; pictures: readonly Picture[] }> {
  const { exported, seed, quick, signal, progress } = options;
  const { train, test } = splits;
  const encoder = await Encoder.start(card, { ...options, errors: true, images: train.length + test.length });
  const decoder = await Decoder.start(card, { ...options, images: test.length }).catch(async (error: unknown) => {
    await encoder.close();
    throw error;
  });
  try {
    const labels = rankedLabels(splits);
    const { variational } = encoder;
    const judged = card.conditional.decoder && typeof labels !== 'string';
    const plan = [
      ...measuringPlan(card, variational, typeof labels !== 'string'),
      ...(judged ? generationPlan : []),
      ['pictures', 8] as const,
    ];
    const stages = new Stages(plan, signal, progress);
    const effort = effortOf(test.shape, quick);
    const measuring: Measuring = { card, splits, encoder, effort, seed, stages, signal };
    const codes = await encodeAll(measuring);
    const ofModel = await measureModel(measuring, codes);
    const ofClasses =
      typeof labels === 'string'
        ? { representations: null, clusters: null }
        : await measureClasses(measuring, codes, labels);
    const generation = judged
      ? await generationOf({ ...options, card, splits, decoder, samples: effort.generated, stages })
      : null;
    const training = await readTraining(exported);
    const { drawPictures } = await import('./draw-pictures.ts'); // what draws takes a while to load
    const pictures = await stages.run('pictures', (tick) =>
      drawPictures(
        {
          card,
          test,
          classes: classNames(card, splits),
          latents: codes.test.latents,
          dimensions: ofModel.variational ? dimensionsOf(ofModel.variational) : undefined,
          decode: (latents, classes) => decoder.decode({ latents, labels: classes }, { signal }),
          training,
          seed,
          effort,
        },
        tick,
      ),
    );
    const notes = notesOf(card, { labels, variational, trained: training !== undefined, quick });
    const report = checkReport({
      ...aboutOf(card, splits, variational),
      settings: { seed, quick },
      ...ofModel,
      spread: spreadOf(codes.test.latents, card.latent.size),
      ...ofClasses,
      generation,
      pictures: pictures.map(({ data: _, svg: __, ...note }) => note),
      notes,
      seconds: { total: stages.elapsed, stages: { ...stages.seconds } },
    });
    return { report, pictures };
  } finally {
    await Promise.all([encoder.close(), decoder.close()]);
  }
}

async function generationOf(options: GenerationOptions) {
  const { measureGeneration } = await import('./generation.ts'); // with all of tfjs
  return measureGeneration(options);
}

const dimensionsOf = ({ klByDimension, varianceByDimension, activeThreshold }: NonNullable<Report['variational']>) => ({
  kl: klByDimension,
  active: varianceByDimension.map((variance) => variance > activeThreshold),
});

function aboutOf(card: Card, splits: DatasetSplits, variational: boolean) {
  const { train, test } = splits;
  const { height, width, channels } = test.shape;
  return {
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
      seed: card.training.seed,
    },
    data: {
      name: splits.name,
      image: { height, width, channels },
      train: train.length,
      test: test.length,
      classes: classNames(card, splits)?.slice() ?? null,
    },
  } satisfies Partial<Report>;
}

/** What is left out, and why. */
function notesOf(
  card: Card,
  {
    labels,
    variational,
    trained,
    quick,
  }: { labels: ReturnType<typeof rankedLabels>; variational: boolean; trained: boolean; quick: boolean },
): string[] {
  const notes: string[] = [];
  if (quick) notes.push('A quick look (--quick): some figures are of fewer images than usual, and so less certain.');
  if (typeof labels === 'string') {
    notes.push(`What tells classes apart (nearest neighbours, probe, clusters) was not measured: ${labels}.`);
  }
  if (variational && card.model.error !== 'binary cross-entropy') {
    notes.push(
      'There is no likelihood in nats: the model was trained on squared error, which has no scale of its own.',
    );
  }
  if (!trained) {
    notes.push('No losses and pictures by epoch: the exported model carries none. Export the run again to have them.');
  }
  return notes;
}
