import { writeFile } from 'node:fs/promises';
import { checkpointFiles } from '../artifacts/checkpoint.ts';
import { eventOf, type MetricsLine } from '../artifacts/metrics.ts';
import { CHECKPOINT_FORMAT, type RunPlan, type RunPosition } from '../artifacts/run.ts';
import { checkMetrics, type MetricsLog, openMetricsLog, runPaths, writeRunSums } from '../artifacts/run-files.ts';
import * as runFolder from '../artifacts/run-folder.ts';
import { InputError } from '../io/errors.ts';
import { removeEmpty } from '../io/folders.ts';
import { acquireLock } from '../io/lock.ts';
import { publishFile } from '../io/publish.ts';
import { type Event, type EventLog, openEventLog } from '../io/tfevents.ts';
import { type EpochPictures, readPictures, writePictures } from './pictures.ts';
import type { TrainingProgram } from './program.ts';

/** A run folder, locked by the process that trains into it. */
export type Run = Awaited<ReturnType<typeof openRun>>;

/**
 * Locks a run folder, which is created if missing, and reads its latest checkpoint.
 * @param resume whether to resume an existing run
 * @throws InputError when the folder holds something else, an existing run without `resume`, or a damaged one, or
 * when another process trains into it
 */
export async function openRun(folder: string, { resume }: { resume: boolean }) {
  const made = await runFolder.openRunFolder(folder);
  const paths = runPaths(folder);
  const unlock = await acquireLock(paths.lock, folder);
  const checkpoint = await latestCheckpoint(folder, resume).catch(async (error: unknown) => {
    await unlock();
    throw error;
  });
  let metrics: MetricsLog | undefined;
  let events: EventLog | undefined;

  return {
    folder,
    /** The latest checkpoint when the folder was opened, if the run had one. */
    checkpoint,
    /** Step of the latest checkpoint (0: none), and the `performance.now()` of saving it or, before that, of `begin`. */
    saved: { step: 0, time: 0 },

    /**
     * Prepares for writing: removes leftovers, truncates the logs to the checkpoint and writes `recipe.yaml`.
     * @param recipe undefined where the one that is there stays
     * @param pictured the part of the data that pictures are drawn of
     */
    async begin(recipe: string | undefined, pictured: MetricsLine['split']): Promise<void> {
      const { best = null, metricsLines = 0, step = 0 } = checkpoint?.state.position ?? {};
      await runFolder.tidyRunFolder(folder, best);
      if (recipe !== undefined) await publishFile(paths.recipe, (part) => writeFile(part, recipe));
      metrics = await openMetricsLog(paths.metrics, metricsLines);
      await writeRunSums(folder);
      const past: Event[] = [];
      for (const line of metrics.kept) {
        past.push(...eventsOf(line, line.split === pictured ? await readPictures(paths.pictures, line.epoch) : {}));
      }
      events = await openEventLog(paths.events, past);
      this.saved = { step, time: performance.now() };
    },

    /** Writes a line of metrics and, with an epoch's evaluation, its pictures: as files and for TensorBoard. */
    async record(line: MetricsLine, pictures: EpochPictures = {}): Promise<void> {
      if (!metrics || !events) throw new Error('begin() comes first');
      await metrics.write(line);
      await writePictures(paths.pictures, line.epoch, pictures);
      for (const event of eventsOf(line, pictures)) await events.write(event);
    },

    /**
     * Publishes a checkpoint of the program's variables.
     * @throws EnvironmentError or InputError when it cannot be written; the previous checkpoints stay
     */
    async save(program: TrainingProgram, plan: RunPlan, at: RunPosition, { best }: { best: boolean }): Promise<void> {
      if (!metrics) throw new Error('begin() comes first');
      await metrics.sync();
      const position = { ...at, metricsLines: metrics.lines };
      const files = await checkpointFiles(program, { format: CHECKPOINT_FORMAT, plan, position });
      await runFolder.publishCheckpoint(folder, position, files, { best });
      await writeRunSums(folder);
      this.saved = { step: at.step, time: performance.now() };
    },

    /** Unlocks the folder, and removes it, and folders made for it, if nothing was written to it. */
    async close(): Promise<void> {
      try {
        await events?.close();
        await metrics?.close();
      } finally {
        await unlock();
        await removeEmpty(folder, made ?? folder);
      }
    },
  };
}

async function latestCheckpoint(folder: string, resume: boolean) {
  await runFolder.completeLinks(folder);
  const checkpoint = await findRun(folder, { resume });
  if (checkpoint) await checkMetrics(runPaths(folder).metrics, checkpoint.state.position.metricsLines);
  return checkpoint;
}

/**
 * Reads the latest checkpoint of a run folder, which stays as it is.
 * @returns undefined where there is no run
 * @throws InputError when there is one and it is not to be resumed, or it is damaged
 */
async function findRun(folder: string, { resume }: { resume: boolean }) {
  const checkpoint = await runFolder.readRun(folder, 'latest');
  if (!checkpoint || resume) return checkpoint;
  const { plan, position } = checkpoint.state;
  throw new InputError(
    `${folder} already holds a run of ${plan.model} (${position.epoch} of ${plan.recipe.epochs} epochs done); resume it with --resume, choose another folder with --run, or delete it`,
  );
}

const eventsOf = (line: MetricsLine, pictures: EpochPictures): Event[] => {
  const { time, step } = line;
  const shown = Object.entries(pictures).map(([tag, picture]) => ({ time, step, picture: { tag, picture } }));
  return [eventOf(line), ...shown];
};
