import { rmdir } from 'node:fs/promises';
import { type Checkpoint, checkpointFiles } from '../artifacts/checkpoint.ts';
import { type MetricsLine, MetricsLog } from '../artifacts/metrics.ts';
import { CHECKPOINT_FORMAT, type RunPlan, type RunPosition } from '../artifacts/run.ts';
import * as runFolder from '../artifacts/run-folder.ts';
import { InputError } from '../io/errors.ts';
import { acquireLock } from '../io/lock.ts';
import { type Event, EventLog, eventOf } from '../io/tfevents.ts';
import { type EpochPictures, readPictures, writePictures } from './pictures.ts';
import type { TrainingProgram } from './program.ts';

/** A run folder, locked by the process that trains into it. */
export class Run {
  readonly folder: string;
  /** The latest checkpoint when the folder was opened, if the run had one. */
  readonly checkpoint: Checkpoint | undefined;
  /** Step of the latest checkpoint (0: none), and the `performance.now()` of saving it or, before that, of `begin`. */
  saved = { step: 0, time: 0 };
  readonly #unlock: () => Promise<void>;
  #metrics: MetricsLog | undefined;
  #events: EventLog | undefined;

  private constructor(folder: string, checkpoint: Checkpoint | undefined, unlock: () => Promise<void>) {
    this.folder = folder;
    this.checkpoint = checkpoint;
    this.#unlock = unlock;
  }

  /**
   * Locks a run folder, which is created if missing, and reads its latest checkpoint.
   * @param resume whether to continue an existing run
   * @throws InputError when the folder holds something else, an existing run without `resume`, or a damaged one, or
   * when another process trains into it
   */
  static async open(folder: string, { resume }: { resume: boolean }): Promise<Run> {
    await runFolder.openRunFolder(folder);
    const unlock = await acquireLock(runFolder.runPaths(folder).lock, folder);
    try {
      await runFolder.completeLinks(folder);
      const checkpoint = await runFolder.readRun(folder, 'latest');
      if (checkpoint && !resume) {
        const { plan, position } = checkpoint.state;
        throw new InputError(
          `${folder} holds a run of ${plan.model} already (${position.epoch} of ${plan.recipe.epochs} epochs done); continue it with --resume, choose another folder with --run, or delete it`,
        );
      }
      return new Run(folder, checkpoint, unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** Prepares for writing: removes leftovers and truncates the logs to the checkpoint. */
  async begin(): Promise<void> {
    const { metrics, events, pictures } = runFolder.runPaths(this.folder);
    const { best = null, metricsLines = 0, step = 0 } = this.checkpoint?.state.position ?? {};
    await runFolder.tidyRunFolder(this.folder, best);
    const { log, kept } = await MetricsLog.open(metrics, metricsLines);
    this.#metrics = log;
    const past: Event[] = [];
    for (const line of kept) {
      past.push(...eventsOf(line, line.split === 'test' ? await readPictures(pictures, line.epoch) : {}));
    }
    this.#events = await EventLog.open(events, past);
    this.saved = { step, time: performance.now() };
  }

  /** Writes a line of metrics and, beside an epoch's test metrics, its pictures: as files and for TensorBoard. */
  async record(line: MetricsLine, pictures: EpochPictures = {}): Promise<void> {
    if (!this.#metrics || !this.#events) throw new Error('Run.begin() comes first');
    await this.#metrics.write(line);
    await writePictures(runFolder.runPaths(this.folder).pictures, line.epoch, pictures);
    for (const event of eventsOf(line, pictures)) await this.#events.write(event);
  }

  /**
   * Publishes a checkpoint of the program's variables.
   * @throws EnvironmentError or InputError when it cannot be written; the previous checkpoints stay
   */
  async save(program: TrainingProgram, plan: RunPlan, at: RunPosition, { best }: { best: boolean }): Promise<void> {
    if (!this.#metrics) throw new Error('Run.begin() comes first');
    await this.#metrics.sync();
    const position = { ...at, metricsLines: this.#metrics.lines };
    const files = await checkpointFiles(program, { format: CHECKPOINT_FORMAT, plan, position });
    await runFolder.publishCheckpoint(this.folder, position, files, { best });
    this.saved = { step: at.step, time: performance.now() };
  }

  /** Unlocks the folder, and removes it if nothing was written to it. */
  async close(): Promise<void> {
    try {
      await this.#events?.close();
      await this.#metrics?.close();
    } finally {
      await this.#unlock();
      await rmdir(this.folder).catch(() => {}); // fails unless it is empty
    }
  }
}

const eventsOf = (line: MetricsLine, pictures: EpochPictures): Event[] => {
  const { time, step } = line;
  return [
    eventOf(line),
    ...Object.entries(pictures).map(([tag, picture]) => ({ time, step, picture: { tag, picture } })),
  ];
};
