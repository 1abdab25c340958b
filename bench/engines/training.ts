import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { silent } from '../../pipeline/io/progress.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import type { Program } from './systems.ts';
import { clock, type Request, type Timing } from './timing.ts';
import { endless, type Workload } from './workload.ts';

/**
 * Times the steps of convae's own training loop, everything between two steps included.
 * @throws EnvironmentError when the engine or the device is unavailable
 */
export async function timeTraining(
  { engine, device }: Program,
  workload: Workload,
  { threads, seconds, batch }: Request,
): Promise<Timing> {
  const folder = await mkdtemp(join(tmpdir(), 'convae-bench-'));
  const [controller, time] = [new AbortController(), clock(seconds)];
  let timing: Omit<Timing, 'description'> | undefined;
  let description = engine as string;
  const update = (_images: number, _epoch: number, loss: number) => {
    if (timing || !time.tick()) return;
    timing = { ...time.read(), loss };
    controller.abort();
  };
  // The line that says what is trained ends with the engine.
  const note = (line: string) => {
    description = /batch size \d+, (.*)$/.exec(line)?.[1] ?? description;
  };
  const options = { model: workload.model, run: join(folder, 'run'), resume: false, engine, device, threads };
  try {
    await trainOn(
      await endless(workload),
      { ...options, epochs: 1, seed: 0, batchSize: batch },
      { signal: controller.signal, progress: { ...silent, update, note } },
    );
  } catch (error) {
    if (timing && error instanceof Interrupted) return { ...timing, description };
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  throw new Error('training ended before it was measured');
}
