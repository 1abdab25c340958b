import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test, vi } from 'vitest';
import { checkpointFiles } from '../../pipeline/artifacts/checkpoint.ts';
import { CHECKPOINT_FORMAT, type RunPlan, type RunPosition } from '../../pipeline/artifacts/run.ts';
import { completeLinks, publishCheckpoint, readRun, tidyRunFolder } from '../../pipeline/artifacts/run-folder.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { temporaryFolder } from './folders.ts';
import { tiny } from './tiny.ts';

vi.setConfig({ testTimeout: 60_000 }); // hundreds of fsyncs

/** Number of further disk operations that succeed; all later ones fail, as if the process had been killed. */
const disk = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const counted =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (disk.left <= 0) throw new Error('killed');
      disk.left--;
      return work(...args);
    };
  return {
    ...real,
    mkdir: counted(real.mkdir),
    rename: counted(real.rename),
    rm: counted(async (path: string, options: { recursive?: boolean }) => {
      // One file at a time, so that the removal of a folder can be interrupted.
      if (options?.recursive && existsSync(path)) {
        for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
          if (entry.isFile()) await counted(real.unlink)(join(entry.parentPath, entry.name));
        }
      }
      await real.rm(path, options);
    }),
    symlink: counted(real.symlink),
    writeFile: counted(async (path: string, data: Uint8Array) => {
      await real.writeFile(path, data.subarray(0, data.length / 2));
      await counted(real.appendFile)(path, data.subarray(data.length / 2));
    }),
  };
});

const fingerprint = `sha256:${'0'.repeat(64)}`;
const size = { height: 6, width: 5, channels: 1, latent: 3, classes: 6, seed: 0 };
const plan: RunPlan = {
  model: 'tiny',
  size,
  recipe: { epochs: 3, batchSize: 8, optimizer: tiny.recipe.optimizer },
  data: { name: 'stripes', train: { images: 37, fingerprint }, test: { images: 11, fingerprint }, classes: null },
};
const position = (epoch: number, batches: number, best: number): RunPosition => ({
  epoch,
  batches,
  step: epoch * 5 + batches,
  order: [1, 2, 3, 4],
  noise: [5, 6, 7, 8],
  epochSums: { images: 0, sums: {} },
  windowSums: { images: 0, sums: {} },
  metrics: null,
  best: { epoch: best, step: best * 5, loss: 1 / best },
  metricsLines: 0,
});

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test.each([
  { what: 'an epoch that is the best', next: position(2, 0, 2), best: true },
  { what: 'an epoch that is not the best', next: position(2, 0, 1), best: false },
  { what: 'a step within an epoch', next: position(1, 3, 1), best: false },
])(
  'killed at any operation of publishing $what, a run has complete latest and best checkpoints, and can be resumed',
  async ({ next, best }) => {
    const program = buildProgram(tiny, size);
    const first = position(1, 0, 1);
    const filesOf = (at: RunPosition) => checkpointFiles(program, { format: CHECKPOINT_FORMAT, plan, position: at });
    const [old, fresh] = [await filesOf(first), await filesOf(next)];
    const seen = new Set<string>();
    for (let operations = 0; ; operations++) {
      const run = join(temporaryFolder(), 'run');
      disk.left = Number.POSITIVE_INFINITY;
      await publishCheckpoint(run, first, old, { best: true });
      disk.left = operations;
      const killed = await publishCheckpoint(run, next, fresh, { best }).then(
        () => false,
        () => true,
      );
      disk.left = Number.POSITIVE_INFINITY;

      const [latest, bestStep] = [await stepOf(run, 'latest'), await stepOf(run, 'best')];
      seen.add(`${latest} ${bestStep}`);
      expect([first.step, next.step]).toContain(latest);
      expect([first.step, ...(best ? [next.step] : [])]).toContain(bestStep);

      await completeLinks(run);
      await tidyRunFolder(run, (await readRun(run, 'latest'))?.state.position.best ?? null);
      const reached = await readRun(run, 'latest');
      expect(await stepOf(run, 'best')).toBe(reached?.state.position.best?.step); // best is the checkpoint that latest names
      if (latest !== next.step) await publishCheckpoint(run, next, fresh, { best });
      expect(await stepOf(run, 'latest')).toBe(next.step);
      expect(await stepOf(run, 'best')).toBe(next.best?.step);
      expect(readdirSync(run).sort()).toEqual(['best', 'checkpoints', 'latest']);
      expect(readdirSync(join(run, 'checkpoints')).length).toBe(best ? 1 : 2);
      if (!killed) break;
      expect(operations).toBeLessThan(200);
    }
    // Kills occurred before and after each link was switched.
    const [a, b] = [first.step, next.step];
    expect([...seen]).toEqual(best ? [`${a} ${a}`, `${b} ${a}`, `${b} ${b}`] : [`${a} ${a}`, `${b} ${a}`]);
  },
);

test('killed at any operation of publishing the first checkpoint, a run has none or a complete one', async () => {
  const program = buildProgram(tiny, size);
  const at = position(1, 0, 1);
  const files = await checkpointFiles(program, { format: CHECKPOINT_FORMAT, plan, position: at });
  for (let operations = 0; ; operations++) {
    const run = join(temporaryFolder(), 'run');
    disk.left = operations;
    const killed = await publishCheckpoint(run, at, files, { best: true }).then(
      () => false,
      () => true,
    );
    disk.left = Number.POSITIVE_INFINITY;
    expect([undefined, at.step]).toContain(await stepOf(run, 'latest'));
    if (!killed) break;
  }
});

async function stepOf(run: string, which: 'latest' | 'best'): Promise<number | undefined> {
  return (await readRun(run, which))?.state.position.step;
}
