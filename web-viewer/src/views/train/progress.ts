import { batch, computed, signal } from '@preact/signals';
import type { Provider, WeightFiles } from '../../engine/protocol.ts';
import type { TrainStep } from '../../site/schema.ts';
import { History } from './history.ts';

/** `pausing` until the last step has finished and its weights have been read. */
export type Phase = 'ready' | 'starting' | 'running' | 'pausing' | 'paused' | 'broken';

export type Progress = ReturnType<typeof createProgress>;

/** How far a training is. */
export function createProgress() {
  const phase = signal<Phase>('ready');
  /** Steps so far, how many of them were downloaded, and images per second. */
  const steps = signal(0);
  const saved = signal(0);
  const speed = signal<number | null>(null);
  /** A message for the visitor. */
  const message = signal<string | null>(null);
  /** The model's files with the weights last read; null before the first step. */
  const trained = signal<WeightFiles | null>(null);
  /** How the training is computed, once it has started. */
  const computing = signal<{ readonly provider: Provider; readonly threads: number } | null>(null);
  /** The losses of all steps. The object is mutated; `steps` signals additions. */
  const history = signal(new History([]));

  return {
    ...{ phase, steps, speed, message, trained, computing, history },
    unsaved: computed(() => steps.value - saved.value),
    /** Notes that the trained model was downloaded. */
    markSaved(): void {
      saved.value = steps.peek();
    },
    /** Starts again, for a training step. */
    clear(step: TrainStep | null): void {
      phase.value = 'ready';
      steps.value = 0;
      speed.value = null;
      trained.value = null;
      saved.value = 0;
      history.value = new History(step?.losses ?? []);
    },
    stopWith(next: Phase, problem: unknown): void {
      batch(() => {
        phase.value = next;
        message.value = problem instanceof Error ? `The training has stopped: ${problem.message}.` : String(problem);
      });
    },
  };
}
