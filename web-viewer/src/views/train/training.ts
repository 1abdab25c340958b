import { batch, computed, effect, signal } from '@preact/signals';
import type { Provider } from '../../engine/protocol.ts';
import { Trainer } from '../../engine/trainer.ts';
import type { WeightFiles } from '../../engine/trainer-weights.ts';
import { readJson } from '../../site/files.ts';
import type { TrainStep } from '../../site/schema.ts';
import { engine, model, type OpenModel, tab } from '../../state/store.ts';
import { batchOf } from './batches.ts';
import { History } from './history.ts';
import { images } from './images.ts';
import { everywhere, putBack, putTrained } from './weights-in-use.ts';

/*
 * The training of the open model. It continues while other views are shown, and ends when another model is opened.
 */

/** Seed of the training: the same for everyone, so that a restarted training is identical. */
const SEED = 1;
/** Milliseconds between two reads of the weights during training, and that interval as a multiple of a read's duration. */
const LOOK = { every: 1000, times: 10 } as const;
/** Milliseconds between updates of the numbers on the page. */
const SHOW = 100;
/** Smoothing factor of the step duration. */
const KEEP = 0.9;

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
/** The losses of all steps. It remains the same object; `steps` signals additions. */
export const history = signal(new History([]));
/** The open model as exported, whatever weights are in use. */
export const exported = signal<OpenModel | null>(null);
/** The training step's description; null where the model has none. */
export const trainStep = computed(() => exported.value?.card.trainStep ?? null);

/** The start of a training: its worker, and the exported files for the download. */
interface Begun {
  readonly trainer: Trainer;
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly card: unknown;
}

/** A model in training. */
interface Subject {
  readonly exported: OpenModel;
  readonly step: TrainStep | null;
  begun: Promise<Begun> | null;
  /** Counts the runs: a reset starts another one. */
  run: number;
}

let subject: Subject | null = null;
let looking: Promise<void> | null = null;
/** When the weights are read next. */
let nextLook = 0;

// Opening another model ends the training; other weights of the same model do not.
effect(() => {
  const opened = model.value;
  if (opened?.source === subject?.exported.source) return;
  const before = subject;
  end(before);
  subject = opened && { exported: opened, step: opened.card.trainStep ?? null, begun: null, run: 0 };
  batch(() => {
    const steppedOn = before !== null && steps.peek() > 0;
    message.value = steppedOn ? `The training of ${before.exported.name} ended when another model was opened.` : null;
    exported.value = opened;
    everywhere.value = false;
    clear(subject?.step ?? null);
  });
});

effect(() => {
  document.documentElement.dataset.training = phase.value;
});

function end(former: Subject | null): void {
  void former?.begun?.then(({ trainer }) => trainer.end()).catch(() => undefined);
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
  const current = subject;
  if (!current?.step || images.value.length === 0) return;
  if (phase.value !== 'ready' && phase.value !== 'paused') return;
  const { run } = current;
  const isOn = () => current === subject && run === current.run;
  batch(() => {
    message.value = null;
    phase.value = 'starting';
  });
  try {
    current.begun ??= begin(current.exported, current.step);
    const { trainer } = await current.begun;
    if (!isOn() || (phase.value as Phase) !== 'starting') return;
    phase.value = 'running';
    await takeSteps(current, current.step, trainer, isOn);
  } catch (error) {
    end(current);
    current.begun = null;
    if (isOn()) stopWith(steps.value > 0 ? 'broken' : 'ready', error);
  }
}

/** Stops after the current step. */
export function pause(): void {
  if (phase.value === 'running') phase.value = 'pausing';
  if (phase.value === 'starting') phase.value = steps.value > 0 ? 'paused' : 'ready';
}

/** Returns to the exported weights, everywhere. */
export async function reset(): Promise<void> {
  const current = subject;
  if (!current) return;
  current.run++;
  batch(() => {
    clear(current.step);
    message.value = null;
  });
  const restored = current.begun?.then(({ trainer }) => trainer.reset());
  restored?.catch(() => {
    // The next start creates another worker.
    end(current);
    current.begun = null;
  });
  await putBack(current.exported);
}

/** Makes the whole page use the trained weights, or the exported ones again. */
export async function use(which: 'trained' | 'exported'): Promise<void> {
  const { value: opened } = exported;
  if (!opened) return;
  if (which === 'exported') return putBack(opened);
  if (!trained.value) return;
  everywhere.value = true;
  await putTrained(opened, trained.value, phase.value !== 'running');
}

/** The start of the open model's training. @throws Error before it has started */
export async function exportFiles(): Promise<Begun> {
  if (!subject?.begun) throw new Error('the training has not started');
  return subject.begun;
}

async function begin({ source, files }: OpenModel, step: TrainStep): Promise<Begun> {
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
async function takeSteps(current: Subject, step: TrainStep, trainer: Trainer, isOn: () => boolean): Promise<void> {
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
    if (!isOn()) return;
    const now = performance.now();
    mean = mean === null ? now - began : KEEP * mean + (1 - KEEP) * (now - began);
    losses.add(found);
    if (!found.every(Number.isFinite)) {
      show();
      stopWith('broken', RUN_AWAY);
      return;
    }
    if (now > shown + SHOW) show();
    if (now > nextLook && (tab.value === 'train' || everywhere.value)) void look(current, trainer, isOn);
  }
  show();
  phase.value = 'pausing';
  await looking;
  if (isOn()) await look(current, trainer, isOn);
  if (!isOn()) return;
  phase.value = 'paused';
  if (images.value.length === 0) message.value = 'There are no images left to train on: add some.';
}

const RUN_AWAY =
  'The loss is no longer a number: training diverged, as it does when the learning rate is too high. Reset, and train with a lower one.';

function stopWith(next: Phase, problem: unknown): void {
  batch(() => {
    phase.value = next;
    message.value = problem instanceof Error ? `The training has stopped: ${problem.message}.` : String(problem);
  });
}

/** Reads the current weights, for the pictures and, where wanted, for the whole page. */
function look(current: Subject, trainer: Trainer, isOn: () => boolean): Promise<void> {
  const began = performance.now();
  const take = async () => {
    const files = await trainer.files().catch(() => null);
    if (!files || !isOn()) return;
    trained.value = files;
    if (everywhere.value) await putTrained(current.exported, files, phase.value !== 'running');
    const now = performance.now();
    nextLook = now + Math.max(LOOK.every, LOOK.times * (now - began));
  };
  looking ??= take().finally(() => {
    looking = null;
  });
  return looking;
}
