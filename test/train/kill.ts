/**
 * Kills a training process repeatedly at random moments and compares the result with an uninterrupted run.
 * As a program: `node --import tsx test/train/kill.ts [--engine onnx] [--model cae] [--kills 20] [--epochs n]`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { startTraining } from './processes.ts';
import { digestOf } from './run-digest.ts';

export interface KillTest {
  readonly engine: string;
  readonly model: string;
  readonly epochs: number;
  readonly kills: number;
  readonly seed: number;
}

/** The digests of both runs, which should be equal, and the steps at which the process was killed. */
export interface KillResult {
  readonly uninterrupted: string[];
  readonly killed: string[];
  /** Step of `latest` after each kill; 0 if there was none yet. */
  readonly steps: number[];
}

/** @throws Error when `latest` is unreadable after a kill, or its step is lower than before */
export async function killTest({ engine, model, epochs, kills, seed }: KillTest): Promise<KillResult> {
  const folder = await mkdtemp(join(tmpdir(), 'convae-kill-'));
  const [reference, killed] = [join(folder, 'reference'), join(folder, 'killed')];
  const start = (run: string) => startTraining([run, '--engine', engine, '--model', model, '--epochs', String(epochs)]);
  try {
    const first = start(reference);
    await first.printed('loaded');
    const loadedAt = performance.now();
    await finished(first);
    const duration = performance.now() - loadedAt;
    const uninterrupted = digestOf(reference);

    const random = Generator.of(seed, 'kill');
    const steps: number[] = [];
    let reached = 0;
    while (steps.length < kills) {
      const training = start(killed);
      await training.printed('loaded');
      // Each process gets about an equal share of the duration on average, so kills are spread over the entire run.
      const delay = ((random.shuffled(1000)[0] as number) / 1000) * ((1.5 * duration) / kills);
      await Promise.race([sleep(delay), training.end]);
      if (training.process.kill('SIGKILL')) {
        await training.end;
        const step = (await readRun(killed, 'latest'))?.state.position.step ?? 0;
        if (step < reached) throw new Error(`latest went back from step ${reached} to ${step}`);
        reached = step;
        steps.push(step);
      } else {
        // The run finished before the last kill: start another for the remaining kills.
        await finished(training);
        if (digestOf(killed).join() !== uninterrupted.join()) break;
        await rm(killed, { recursive: true });
        reached = 0;
      }
    }
    await finished(start(killed));
    return { uninterrupted, killed: digestOf(killed), steps };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function finished({ end }: ReturnType<typeof startTraining>): Promise<void> {
  const { code, stderr } = await end;
  if (code !== 0) throw new Error(`the training process failed: ${stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      engine: { type: 'string', default: 'tfjs-cpu' },
      model: { type: 'string', default: 'tiny' },
      epochs: { type: 'string', default: '100' },
      kills: { type: 'string', default: '20' },
      seed: { type: 'string', default: '0' },
    },
  });
  const { engine, model } = values;
  const [epochs, kills, seed] = [Number(values.epochs), Number(values.kills), Number(values.seed)];
  const { uninterrupted, killed, steps } = await killTest({ engine, model, epochs, kills, seed });
  const equal = JSON.stringify(uninterrupted) === JSON.stringify(killed);
  console.log(`killed at steps ${steps.join(' ')}: ${uninterrupted.length} files ${equal ? 'are equal' : 'DIFFER'}`);
  if (!equal) console.log({ uninterrupted, killed });
  process.exitCode = equal ? 0 : 1;
}
