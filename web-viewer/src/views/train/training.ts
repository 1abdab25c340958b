import { batch, computed, effect, signal } from '@preact/signals';
import type { Provider, WeightFiles } from '../../engine/protocol.ts';
import { Trainer } from '../../engine/trainer.ts';
import { readJson } from '../../site/files.ts';
import type { TrainStep } from '../../site/schema.ts';
import { engine, mayReplaceModel, model, type OpenModel, tab } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import { batchOf } from './batches.ts';
import { History } from './history.ts';
import { createTrainImages } from './images.ts';
import { createWeightsInUse } from './weights-in-use.ts';

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

const DIVERGED =
  'The loss is no longer a number: training diverged, probably because the learning rate is too high. Reset, and train with a lower rate.';

/** `1 step`, `1,000 steps`. */
const counted = (count: number, noun: string) => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;

export type Training = ReturnType<typeof createTraining>;

/** The training of the open model. It continues while other views are shown, and ends when another model is opened. */
export function createTraining() {
  const images = createTrainImages();
  const weights = createWeightsInUse();
  const phase = signal<Phase>('ready');
  /** The learning rate as a share of the recipe's. */
  const rate = signal(10 ** -0.5);
  /** Steps so far, how many of them were downloaded, and images per second. */
  const steps = signal(0);
  const saved = signal(0);
  const unsaved = computed(() => steps.value - saved.value);
  const speed = signal<number | null>(null);
  /** A message for the visitor. */
  const message = signal<string | null>(null);
  /** The model's files with the weights last read; null before the first step. */
  const trained = signal<WeightFiles | null>(null);
  /** How the training is computed, once it has started. */
  const computing = signal<{ readonly provider: Provider; readonly threads: number } | null>(null);
  /** The losses of all steps. The object is mutated; `steps` signals additions. */
  const history = signal(new History([]));
  /** The open model as exported, whatever weights are in use. */
  const exported = signal<OpenModel | null>(null);
  let active: TrainedModel | null = null;
  let pendingRead: Promise<void> | null = null;
  /** When the weights are read next. */
  let nextRead = 0;

  // Opening another model ends the training; changing the weights of the same model does not.
  effect(() => {
    // Its weights come last.
    const opened = model.value?.loading ? null : model.value;
    if (opened?.source === active?.exported.source) return;
    const before = active;
    end(before);
    active = opened && { exported: opened, step: opened.card.trainStep ?? null, started: null, run: 0 };
    batch(() => {
      const hadSteps = before !== null && steps.peek() > 0;
      message.value = hadSteps ? `The training of ${before.exported.name} ended when another model was opened.` : null;
      exported.value = opened;
      weights.everywhere.value = false;
      clear(active?.step ?? null);
    });
  });

  effect(() => {
    document.documentElement.dataset.training = phase.value;
  });

  // Closing the page asks first where steps would be lost.
  effect(() => {
    if (unsaved.value === 0) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  });
  mayReplaceModel.value = (name) =>
    unsaved.peek() === 0 ||
    confirm(
      `Opening ${name} ends the training of ${active?.exported.name}: ${counted(unsaved.peek(), 'step')} will be lost. Download the trained model first to keep them. Open ${name} anyway?`,
    );

  function end(former: TrainedModel | null): void {
    void former?.started?.then(({ trainer }) => trainer.end()).catch(() => undefined);
  }

  function clear(step: TrainStep | null): void {
    phase.value = 'ready';
    steps.value = 0;
    speed.value = null;
    trained.value = null;
    saved.value = 0;
    history.value = new History(step?.losses ?? []);
  }

  /** Starts or resumes training. */
  async function start(): Promise<void> {
    const current = active;
    if (!current?.step || images.all.value.length === 0) return;
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
  function pause(): void {
    if (phase.value === 'running') phase.value = 'pausing';
    if (phase.value === 'starting') phase.value = steps.value > 0 ? 'paused' : 'ready';
  }

  /** Returns to the exported weights, everywhere. */
  async function reset(): Promise<void> {
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
    await weights.restore(current.exported);
  }

  /** Makes the whole page use the trained weights, or the exported ones again. */
  async function use(which: 'trained' | 'exported'): Promise<void> {
    const { value: opened } = exported;
    if (!opened) return;
    if (which === 'exported') return weights.restore(opened);
    if (!trained.value) return;
    weights.everywhere.value = true;
    await weights.apply(opened, trained.value, phase.value !== 'running');
  }

  /** The open model's started training. @throws Error before it has started */
  async function exportFiles(): Promise<Started> {
    if (!active?.started) throw new Error('the training has not started');
    return active.started;
  }

  async function startTrainer({ source, files }: OpenModel, step: TrainStep): Promise<Started> {
    const [graph, card] = await Promise.all([source.read(step.file), readJson(source, 'card.json')]);
    const wanted = engine.value?.host.provider ?? 'wasm';
    const trainer = await Trainer.start(wanted, graph, step, files).catch((error: unknown) => {
      if (wanted === 'wasm') throw error;
      return Trainer.start('wasm', graph, step, files);
    });
    computing.value = { provider: trainer.provider, threads: trainer.threads };
    return { trainer, graph, card };
  }

  /** Takes steps until the visitor pauses or a step fails. @throws Error */
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
    while (phase.value === 'running' && images.all.value.length > 0) {
      const began = performance.now();
      const how = { seed: SEED, at: losses.steps, rate: rate.value };
      const found = await trainer.train(batchOf(current.exported.card, step, images.all.value, how));
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
      if (now > nextRead && (tab.value === 'train' || weights.everywhere.value))
        void readWeights(current, trainer, isCurrent);
    }
    show();
    phase.value = 'pausing';
    await pendingRead;
    if (isCurrent()) await readWeights(current, trainer, isCurrent);
    if (!isCurrent()) return;
    phase.value = 'paused';
    if (images.all.value.length === 0) message.value = 'There are no images left to train on: add some.';
  }

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
      if (weights.everywhere.value) await weights.apply(current.exported, files, phase.value !== 'running');
      const now = performance.now();
      nextRead = now + Math.max(READ.every, READ.times * (now - began));
    };
    pendingRead ??= take().finally(() => {
      pendingRead = null;
    });
    return pendingRead;
  }

  return {
    images,
    weights,
    phase,
    rate,
    steps,
    speed,
    message,
    trained,
    computing,
    history,
    exported,
    /** The training step's description; null where the model has none. */
    trainStep: computed(() => exported.value?.card.trainStep ?? null),
    start,
    pause,
    reset,
    use,
    exportFiles,
    /** Notes that the trained model was downloaded. */
    markSaved: () => {
      saved.value = steps.peek();
    },
  };
}
