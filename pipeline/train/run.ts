import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, checkpointFiles } from '../artifacts/checkpoint.ts';
import { eventOf, type MetricsLine } from '../artifacts/metrics.ts';
import { CHECKPOINT_FORMAT, type RunPlan, type RunPosition } from '../artifacts/run.ts';
import { MetricsLog } from '../artifacts/run-files.ts';
import {
  completeLinks,
  openRunFolder,
  publishCheckpoint,
  readRun,
  runPaths,
  tidyRunFolder,
} from '../artifacts/run-folder.ts';
import { InputError } from '../io/errors.ts';
import { acquireLock } from '../io/lock.ts';
import { type Event, EventLog, type Picture } from '../io/tfevents.ts';
import type { PictureKind } from './epoch-pictures.ts';
import { readPicture, writePicture } from './picture.ts';
import type { TrainingProgram } from './program.ts';

/** A run folder in the hands of the process that trains into it. */
export class Run {
  readonly folder: string;
  /** The latest checkpoint, where the run has one. */
  readonly checkpoint: Checkpoint | undefined;
  readonly #unlock: () => Promise<void>;
  #logs: { metrics: MetricsLog; events: EventLog } | undefined;

  private constructor(folder: string, checkpoint: Checkpoint | undefined, unlock: () => Promise<void>) {
    this.folder = folder;
    this.checkpoint = checkpoint;
    this.#unlock = unlock;
  }

  /**
   * Locks a run folder, which is made if need be, and reads its latest checkpoint.
   * @param resume whether to go on with a run that is there
   * @throws InputError when the folder holds something else, a run that is not to be resumed or a damaged one, or when
   * another process trains into it
   */
  static async open(folder: string, { resume }: { resume: boolean }): Promise<Run> {
    await openRunFolder(folder);
    const unlock = await acquireLock(runPaths(folder).lock, folder);
    try {
      await completeLinks(folder);
      const checkpoint = await readRun(folder, 'latest');
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

  /** Starts to write: removes leftovers and cuts the logs back to the checkpoint. */
  async begin(): Promise<void> {
    const { metrics: metricsPath, events: eventsPath } = runPaths(this.folder);
    const position = this.checkpoint?.state.position;
    await tidyRunFolder(this.folder, position?.best ?? null);
    const { log: metrics, kept } = await MetricsLog.open(metricsPath, position?.metricsLines ?? 0);
    try {
      this.#logs = { metrics, events: await EventLog.open(eventsPath, await this.#eventsOf(kept)) };
    } catch (error) {
      await metrics.close();
      throw error;
    }
  }

  async record(line: MetricsLine): Promise<void> {
    const { metrics, events } = this.#begun();
    await metrics.write(line);
    await events.write(eventOf(line));
  }

  /** @param line the test metrics that the pictures go with */
  async addPictures(line: MetricsLine, pictures: Partial<Record<PictureKind, Picture>>): Promise<void> {
    for (const kind of KINDS) {
      const picture = pictures[kind];
      if (!picture) continue;
      await writePicture(this.#picturePath(line.epoch, kind), picture);
      await this.#begun().events.write(pictureEvent(line, kind, picture));
    }
  }

  /**
   * Publishes a checkpoint of the program's variables as they are.
   * @throws EnvironmentError or InputError when it cannot be written; the checkpoints before stay as they were
   */
  async save(program: TrainingProgram, plan: RunPlan, at: RunPosition, { best }: { best: boolean }): Promise<void> {
    const { metrics } = this.#begun();
    await metrics.sync();
    const position = { ...at, metricsLines: metrics.lines };
    const files = await checkpointFiles(program, { format: CHECKPOINT_FORMAT, plan, position });
    await publishCheckpoint(this.folder, position, files, { best });
  }

  /** Unlocks the folder; if nothing was written to it, it is removed. */
  async close(): Promise<void> {
    try {
      await this.#logs?.events.close();
      await this.#logs?.metrics.close();
    } finally {
      await this.#unlock();
      await rmdir(this.folder).catch(() => {}); // only an empty folder goes
    }
  }

  #begun() {
    if (!this.#logs) throw new Error('Run.begin() comes first');
    return this.#logs;
  }

  #picturePath(epoch: number, kind: PictureKind): string {
    const name = `epoch-${String(epoch).padStart(3, '0')}${kind === 'reconstruction' ? '' : `-${kind}`}.png`;
    return join(runPaths(this.folder).pictures, name);
  }

  async #eventsOf(lines: readonly MetricsLine[]): Promise<Event[]> {
    const events: Event[] = [];
    for (const line of lines) {
      events.push(eventOf(line));
      if (line.split !== 'test') continue;
      for (const kind of KINDS) {
        const picture = await readPicture(this.#picturePath(line.epoch, kind));
        if (picture) events.push(pictureEvent(line, kind, picture));
      }
    }
    return events;
  }
}

const KINDS: readonly PictureKind[] = ['reconstruction', 'samples', 'codes'];

const pictureEvent = ({ time, step }: MetricsLine, tag: PictureKind, picture: Picture): Event => ({
  time,
  step,
  picture: { tag, picture },
});
