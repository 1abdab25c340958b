import { batch, computed, effect, signal } from '@preact/signals';
import type { Provider, WeightFiles } from '../../engine/protocol.ts';
import { Trainer } from '../../engine/trainer.ts';
import { readJson } from '../../site/files.ts';
import type { TrainStep } from '../../site/schema.ts';
import { engine, model, type OpenModel, tab } from '../../state/store.ts';
import { batchOf } from './batches.ts';
import { History } from './history.ts';
import { images } from './images.ts';
import { applyTrained, restoreExported, usedEverywhere } from './weights-in-use.ts';

/*
 * The training of the open model. It continues while other views are shown, and ends when another model is opened.
 */

/** Seed of the training: the same for everyone, so that a restarted training is identical. */
const SEED = 1;
/** Milliseconds between two reads of the weights during training, and that interval as a multiple of a read's duration. */
const READ = { every: 1000, times: 10 } as const;
/** Milliseconds between updates of the numbers on the page. */
const UPDATE_INTERVAL = 100;
/** Smoothing factor of the step duration. */
const SMOOTHING = 0.9;

/** `pausing` until the last step has finished and its weights have been read. */
export type Phase = 'ready' | 'starting' | 'running' | 'pausing' | 'paused' | 'broken';

export const phase = signal<Phase>('ready');
/** The learning rate as a share of the recipe's. */
export const rate = signal(10 ** -0.5);
/** Steps so far, and images per second. */
export const steps = signal(0);
export const speed = signal<number | null>(null);
/** A message for the visitor. */
export const message = signal<string | null>(null);
/** The model's files with the weights last read; null before the first step. */
export const trained = signal<WeightFiles | null>(null);
/** How the training is computed, once it has started. */
export const computing = signal<{ readonly provider: Provider; readonly threads: number } | null>(null);
/** The losses of all steps. The object is mutated; `steps` signals additions. */
export const history = signal(new History([]));
/** The open model as exported, whatever weights are in use. */
export const exported = signal<OpenModel | null>(null);
/** The training step's description; null where the model has none. */
export const trainStep = computed(() => exported.value?.card.trainStep ?? null);

/** A started training: its worker, and the exported files for the download. */
interface Started {
  readonly trainer: Trainer;
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly card: unknown;
}

/** A model in training. */
interface TrainedModel {
  readonly exported: OpenModel;
  readonly step: TrainStep | null;
  started: Promise<Started> | null;
  /** Counts the runs: a reset starts another one. */
  run: number;
}

let active: TrainedModel | null = null;
let pendingRead: Promise<void> | null = null;
/** When the weights are read next. */
let nextRead = 0;

// Opening another model ends the training; changing the weights of the same model does not.
effect(() => {
  const opened = model.value;
  if (opened?.source === active?.exported.source) return;
  const before = active;
  end(before);
  active = opened && { exported: opened, step: opened.card.trainStep ?? null, started: null, run: 0 };
  batch(() => {
    const hadSteps = before !== null && steps.peek() > 0;
    message.value = hadSteps ? `The training of ${before.exported.name} ended when another model was opened.` : null;
    exported.value = opened;
    usedEverywhere.value = false;
    clear(active?.step ?? null);
  });
});

effect(() => {
  document.documentElement.dataset.training = phase.value;
});

function end(former: TrainedModel | null): void {
  void former?.started?.then(({ trainer }) => trainer.end()).catch(() => undefined);
}

function clear(step: TrainStep | null): void {
  phase.value = 'ready';
  steps.value = 0;
  speed.value = null;
  trained.value = null;
  history.value = new History(step?.losses ?? []);
}

/** Starts or resumes training. */
export async function start(): Promise<void> {
  const current = active;
  if (!current?.step || images.value.length === 0) return;
  if (phase.value !== 'ready' && phase.value !== 'paused') return;
  const { run } = current;
  const isCurrent = () => current === active && run === current.run;
  batch(() => {
    message.value = null;
    phase.value = 'starting';
  });
  try {
    current.started ??= startTrainer(current.exported, current.step);
    const { trainer } = await current.started;
    if (!isCurrent() || (phase.value as Phase) !== 'starting') return;
    phase.value = 'running';
    await takeSteps(current, current.step, trainer, isCurrent);
  } catch (error) {
    end(current);
    current.started = null;
    if (isCurrent()) stopWith(steps.value > 0 ? 'broken' : 'ready', error);
  }
}

/** Stops after the current step. */
export function pause(): void {
  if (phase.value === 'running') phase.value = 'pausing';
  if (phase.value === 'starting') phase.value = steps.value > 0 ? 'paused' : 'ready';
}

/** Returns to the exported weights, everywhere. */
export async function reset(): Promise<void> {
  const current = active;
  if (!current) return;
  current.run++;
  batch(() => {
    clear(current.step);
    message.value = null;
  });
  const restored = current.started?.then(({ trainer }) => trainer.reset());
  restored?.catch(() => {
    // The next start creates another worker.
    end(current);
    current.started = null;
  });
  await restoreExported(current.exported);
}

/** Makes the whole page use the trained weights, or the exported ones again. */
export async function use(which: 'trained' | 'exported'): Promise<void> {
  const { value: opened } = exported;
  if (!opened) return;
  if (which === 'exported') return restoreExported(opened);
  if (!trained.value) return;
  usedEverywhere.value = true;
  await applyTrained(opened, trained.value, phase.value !== 'running');
}

/** The open model's started training. @throws Error before it has started */
export async function exportFiles(): Promise<Started> {
  if (!active?.started) throw new Error('the training has not started');
  return active.started;
}

async function startTrainer({ source, files }: OpenModel, step: TrainStep): Promise<Started> {
  const [graph, card] = await Promise.all([source.read(step.file), readJson(source, 'card.json')]);
  const wanted = engine.value?.provider ?? 'wasm';
  const trainer = await Trainer.start(wanted, graph, step, files).catch((error: unknown) => {
    if (wanted === 'wasm') throw error;
    return Trainer.start('wasm', graph, step, files);
  });
  computing.value = { provider: trainer.provider, threads: trainer.threads };
  return { trainer, graph, card };
}

/** Takes steps until the visitor pauses or a step fails. @throws EngineProblem */
async function takeSteps(
  current: TrainedModel,
  step: TrainStep,
  trainer: Trainer,
  isCurrent: () => boolean,
): Promise<void> {
  const losses = history.value;
  let shown = 0;
  let mean: number | null = null;
  const show = () => {
    shown = performance.now();
    batch(() => {
      steps.value = losses.steps;
      if (mean !== null) speed.value = (1000 * step.batchSize) / mean;
    });
  };
  while (phase.value === 'running' && images.value.length > 0) {
    const began = performance.now();
    const how = { seed: SEED, at: losses.steps, rate: rate.value };
    const found = await trainer.train(batchOf(current.exported.card, step, images.value, how));
    if (!isCurrent()) return;
    const now = performance.now();
    mean = mean === null ? now - began : SMOOTHING * mean + (1 - SMOOTHING) * (now - began);
    losses.add(found);
    if (!found.every(Number.isFinite)) {
      show();
      stopWith('broken', DIVERGED);
      return;
    }
    if (now > shown + UPDATE_INTERVAL) show();
    if (now > nextRead && (tab.value === 'train' || usedEverywhere.value))
      void readWeights(current, trainer, isCurrent);
  }
  show();
  phase.value = 'pausing';
  await pendingRead;
  if (isCurrent()) await readWeights(current, trainer, isCurrent);
  if (!isCurrent()) return;
  phase.value = 'paused';
  if (images.value.length === 0) message.value = 'There are no images left to train on: add some.';
}

const DIVERGED =
  'The loss is no longer a number: training diverged, probably because the learning rate is too high. Reset, and train with a lower rate.';

function stopWith(next: Phase, problem: unknown): void {
  batch(() => {
    phase.value = next;
    message.value = problem instanceof Error ? `The training has stopped: ${problem.message}.` : String(problem);
  });
}

/** Reads the current weights, for the pictures and, where wanted, for the whole page. */
function readWeights(current: TrainedModel, trainer: Trainer, isCurrent: () => boolean): Promise<void> {
  const began = performance.now();
  const take = async () => {
    const files = await trainer.files().catch(() => null);
    if (!files || !isCurrent()) return;
    trained.value = files;
    if (usedEverywhere.value) await applyTrained(current.exported, files, phase.value !== 'running');
    const now = performance.now();
    nextRead = now + Math.max(READ.every, READ.times * (now - began));
  };
  pendingRead ??= take().finally(() => {
    pendingRead = null;
  });
  return pendingRead;
}
