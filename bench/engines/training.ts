import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cae } from '../../models/cae.ts';
import { silent } from '../../pipeline/io/progress.ts';
import { train } from '../../pipeline/train/train.ts';
import type { Program } from './systems.ts';
import { startClock, type Timing, WARM_UP } from './timing.ts';

/**
 * Times the steps of convae's own training loop, everything between two steps included.
 * @throws EnvironmentError when the engine or the device is unavailable
 */
export async function timeTraining(
  { engine, device }: Program,
  { threads, steps }: { threads: number; steps: number },
): Promise<Timing> {
  const folder = await mkdtemp(join(tmpdir(), 'convae-bench-'));
  let read: ReturnType<typeof startClock> | undefined;
  let timing: Omit<Timing, 'description'> | undefined;
  let done = 0;
  const update = (_images: number, _epoch: number, loss: number) => {
    done++;
    if (done === WARM_UP) read = startClock();
    if (read && done === WARM_UP + steps) timing = { ...read(steps), loss };
  };
  try {
    const summary = await train(
      {
        model: cae,
        data: 'mnist',
        run: join(folder, 'run'),
        resume: false,
        engine,
        device,
        threads,
        epochs: 1,
        seed: 0,
        limitTrain: (WARM_UP + steps) * cae.recipe.batchSize,
        limitTest: 16,
      },
      { signal: new AbortController().signal, progress: { ...silent, update } },
    );
    if (!timing) throw new Error(`training ended after ${done} steps; ${WARM_UP + steps} were expected`);
    return { ...timing, description: summary.engine };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
