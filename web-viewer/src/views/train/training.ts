import { batch, computed, effect, signal } from '@preact/signals';
import { startTrainer, type Trainer } from '../../engine/trainer.ts';
import { sha256 } from '../../site/digest.ts';
import { readJson } from '../../site/files.ts';
import { FileProblem } from '../../site/problem.ts';
import type { TrainStep } from '../../site/schema.ts';
import { engine, mayReplaceModel, model, type OpenModel } from '../../state/store.ts';
import { counted } from '../../ui/format.ts';
import { createTrainImages } from './images.ts';
import { createProgress } from './progress.ts';
import { createSteps } from './steps.ts';
import { createWeightsInUse } from './weights-in-use.ts';

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

export type Training = ReturnType<typeof createTraining>;

/** The training of the open model. It continues while other views are shown, and ends when another model is opened. */
export function createTraining() {
  const images = createTrainImages();
  const weights = createWeightsInUse();
  const progress = createProgress();
  const { phase, steps, unsaved, message, trained, computing, clear, stopWith } = progress;
  const { rate, take } = createSteps(progress, images, weights);
  /** The open model as exported, whatever weights are in use. */
  const exported = signal<OpenModel | null>(null);
  let active: TrainedModel | null = null;

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

  /** Starts or resumes training. */
  async function start(): Promise<void> {
    const current = active;
    if (!current?.step || images.isEmpty.value) return;
    if (phase.value !== 'ready' && phase.value !== 'paused') return;
    const { exported, step, run } = current;
    const isCurrent = () => current === active && run === current.run;
    batch(() => {
      message.value = null;
      phase.value = 'starting';
    });
    try {
      current.started ??= startFor(exported, step);
      const [{ trainer }] = await Promise.all([current.started, images.ready()]);
      // The visitor may have paused meanwhile.
      if (!isCurrent() || phase.peek() !== 'starting') return;
      phase.value = 'running';
      await take({ exported, step, trainer, isCurrent });
    } catch (error) {
      end(current);
      current.started = null;
      if (isCurrent()) stopWith(steps.value > 0 ? 'broken' : 'ready', error);
    }
  }

  async function startFor({ source, files }: OpenModel, step: TrainStep): Promise<Started> {
    const [graph, card] = await Promise.all([source.read(step.file), readJson(source, 'card.json')]);
    if (![null, step.sha256].includes(await sha256(graph)))
      throw new FileProblem(`${step.file} is damaged, or another one than card.json describes`);
    const wanted = engine.value?.host.provider ?? 'wasm';
    const trainer = await startTrainer(wanted, graph, step, files).catch((error: unknown) => {
      if (wanted === 'wasm') throw error;
      return startTrainer('wasm', graph, step, files);
    });
    computing.value = { provider: trainer.provider, threads: trainer.threads };
    return { trainer, graph, card };
  }

  return {
    ...progress,
    ...{ images, weights, rate, exported, start },
    /** The training step's description; null where the model has none. */
    trainStep: computed(() => exported.value?.card.trainStep ?? null),

    /** Stops after the current step. */
    pause(): void {
      if (phase.value === 'running') phase.value = 'pausing';
      if (phase.value === 'starting') phase.value = steps.value > 0 ? 'paused' : 'ready';
    },

    /** Returns to the exported weights, everywhere. */
    async reset(): Promise<void> {
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
    },

    /** Makes the whole page use the trained weights, or the exported ones again. */
    async use(which: 'trained' | 'exported'): Promise<void> {
      const { value: opened } = exported;
      if (!opened) return;
      if (which === 'exported') return weights.restore(opened);
      if (!trained.value) return;
      weights.everywhere.value = true;
      await weights.apply(opened, trained.value, phase.value !== 'running');
    },

    /** The open model's started training. @throws Error before it has started */
    async exportFiles(): Promise<Started> {
      if (!active?.started) throw new Error('the training has not started');
      return active.started;
    },
  };
}
