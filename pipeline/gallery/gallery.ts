import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { type Card, readCard } from '../artifacts/card.ts';
import { type Report, reportSchema } from '../artifacts/report.ts';
import { readRun } from '../artifacts/run-folder.ts';
import { openSplits } from '../data/open.ts';
import { exportRun } from '../export/export.ts';
import { InputError } from '../io/errors.ts';
import type { Progress } from '../io/progress.ts';
import { type StageProgress, Stages } from '../io/stages.ts';
import { evaluate } from '../report/evaluate.ts';
import type { DeviceChoice, EngineChoice } from '../train/engines/index.ts';
import { train } from '../train/train.ts';

/** Epochs of models whose recipes take hours. */
const EPOCHS: Readonly<Record<string, number>> = { 'conv-ae': 20 };
/** What a step, an export and an evaluation take beside one another, in seconds of two cores; only shares matter. */
const SECONDS = { image: 3.2e-4, step: 4e-3, export: 2, evaluate: 100, quick: 25 };

export interface GalleryOptions {
  /** What `--data` takes. */
  readonly data: string;
  /** Names of models; all when not given. */
  readonly models?: readonly string[] | undefined;
  /** Folders that runs and exported models are put into, each under its model's name. */
  readonly runs: string;
  readonly out: string;
  /** Epochs of every model; the recipes' when not given. */
  readonly epochs?: number | undefined;
  readonly seed?: number | undefined;
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  readonly engine: EngineChoice;
  readonly device: DeviceChoice;
  /** Whether to measure and draw less. */
  readonly quick: boolean;
  readonly signal: AbortSignal;
  /** Says something in a line of its own. */
  note(line: string): void;
  readonly progress: StageProgress;
}

/** A model of the gallery. */
export interface Exhibit {
  readonly model: string;
  /** The exported folder, its report in `report/`. */
  readonly exported: string;
  readonly card: Card;
  readonly report: Report;
}

/**
 * Trains, exports, evaluates and draws models one after another. What is done already is not done again: begun again
 * after an interruption, it goes on where it stopped.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function gallery(options: GalleryOptions): Promise<Exhibit[]> {
  const { runs, out, data, seed, signal, note, quick } = options;
  const { train: images, test } = await openSplits(data);
  const labelled = images.labels !== undefined && test.labels !== undefined;
  const count = Math.min(images.length, options.limitTrain ?? images.length);
  await Promise.all([images.close(), test.close()]);

  const works: Work[] = [];
  for (const model of chosen(options.models)) {
    if ((model.conditional.encoder || model.conditional.decoder) && !labelled) {
      note(`${model.name} is left out: it learns from labels, and ${data} has none`);
      continue;
    }
    works.push(await workOf(model, count, options));
  }
  const stages = new Stages(
    works.flatMap(({ todo }) => todo),
    signal,
    options.progress,
  );
  const exhibits: Exhibit[] = [];
  for (const { model, todo, epochs } of works) {
    const [run, exported] = [join(runs, model.name), join(out, model.name)];
    const step = (kind: Kind, work: (tick: (share: number) => void) => Promise<unknown>) =>
      todo.some(([name]) => name === nameOf(kind, model)) ? stages.run(nameOf(kind, model), work) : undefined;
    await step('train', (tick) =>
      train(
        { ...options, model, run, epochs, seed, resume: true, threads: 0 },
        { signal, progress: trainingProgress(note, tick) },
      ),
    );
    await step('export', () => exportRun({ run, out: exported, which: 'best', signal }));
    await step('evaluate', (tick) =>
      evaluate({ exported, data, seed: 0, quick, device: 'auto', signal, progress: ({ total }) => tick(total) }),
    );
    const [card, report] = [await readCard(exported), await readReport(exported)];
    if (!report) throw new Error(`${exported} has no report`);
    exhibits.push({ model: model.name, exported, card, report });
  }
  return exhibits;
}

type Kind = 'train' | 'export' | 'evaluate';
const nameOf = (kind: Kind, model: ModelDefinition) => `${kind} ${model.name}`;

/** What is left to do for a model: the names of stages and their weights. */
interface Work {
  readonly model: ModelDefinition;
  readonly epochs: number;
  readonly todo: (readonly [name: string, seconds: number])[];
}

async function workOf(model: ModelDefinition, images: number, options: GalleryOptions): Promise<Work> {
  const { runs, out, quick } = options;
  const epochs = options.epochs ?? EPOCHS[model.name] ?? model.recipe.epochs;
  const latest = (await readRun(join(runs, model.name), 'latest'))?.state.position;
  const left = epochs - (latest?.epoch ?? 0);
  const steps = Math.ceil(images / model.recipe.batchSize);
  const card = await readCard(join(out, model.name)).catch(() => undefined);
  const report = card && (await readReport(join(out, model.name)));
  const isExported = left <= 0 && card !== undefined && card.metrics.step === latest?.best?.step;
  const isReported = isExported && report?.model.encoder.endsWith(card.files['encoder.onnx'].sha256);
  const todo: Work['todo'] = [];
  const add = (kind: Kind, seconds: number) => todo.push([nameOf(kind, model), seconds]);
  if (left > 0) add('train', left * (images * SECONDS.image + steps * SECONDS.step));
  if (!isExported) add('export', SECONDS.export);
  if (!isReported) add('evaluate', quick ? SECONDS.quick : SECONDS.evaluate);
  return { model, epochs, todo };
}

/** @throws InputError for a name that no model has */
function chosen(names: readonly string[] = Object.keys(models)): ModelDefinition[] {
  return names.map((name) => {
    const model = Object.hasOwn(models, name) ? models[name] : undefined;
    if (model) return model;
    throw new InputError(`there is no model '${name}'; there is ${Object.keys(models).join(', ')}`);
  });
}

async function readReport(exported: string): Promise<Report | undefined> {
  try {
    return reportSchema.parse(JSON.parse(await readFile(join(exported, 'report', 'report.json'), 'utf8')));
  } catch {
    return undefined; // none, or another version's
  }
}

/** Turns the training's own progress into a share of what it has still to do. */
function trainingProgress(note: (line: string) => void, tick: (share: number) => void): Progress {
  let [first, total] = [0, 1];
  return {
    note,
    start(images, done) {
      [first, total] = [done, images];
    },
    update: (done) => tick(total > first ? (done - first) / (total - first) : 1),
    stop() {},
  };
}
