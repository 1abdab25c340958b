import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, ignoreMissing } from '../io/errors.ts';
import { type MetricsLine, metricsLine } from './metrics.ts';

/**
 * Contents of a run folder. `latest` and `best` are links to folders in `checkpoints/`. A checkpoint folder appears complete
 * or not at all, and a link changes in one step: however the process ends, `latest` names a complete checkpoint.
 */
export const runPaths = (run: string) => ({
  checkpoints: join(run, 'checkpoints'),
  latest: join(run, 'latest'),
  best: join(run, 'best'),
  metrics: join(run, 'metrics.jsonl'),
  events: join(run, 'events.out.tfevents.0.convae'),
  pictures: join(run, 'pictures'),
  lock: join(run, 'lock'),
});

/** The metrics of a run as JSON lines. */
export class MetricsLog {
  readonly #path: string;
  readonly #file: FileHandle;
  /** Lines in the file. */
  lines: number;

  private constructor(path: string, file: FileHandle, lines: number) {
    this.#path = path;
    this.#file = file;
    this.lines = lines;
  }

  /**
   * Opens the log and truncates it to its state at a checkpoint.
   * @param keep lines to keep
   * @returns the log and the kept lines: fewer than `keep` if the file has fewer complete ones
   */
  static async open(path: string, keep: number): Promise<{ log: MetricsLog; kept: MetricsLine[] }> {
    try {
      const file = await open(path, 'a+');
      try {
        const { kept, bytes } = completeLines(await readFile(file), keep);
        await file.truncate(bytes);
        return { log: new MetricsLog(path, file, kept.length), kept };
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      throw fileError(error, `cannot write ${path}`);
    }
  }

  async write(line: MetricsLine): Promise<void> {
    await this.#writing(() => this.#file.appendFile(`${JSON.stringify(line)}\n`));
    this.lines++;
  }

  /** Waits until every line is on the disk. */
  async sync(): Promise<void> {
    await this.#writing(() => this.#file.sync());
  }

  async close(): Promise<void> {
    await this.#writing(() => this.#file.close());
  }

  async #writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw fileError(error, `cannot write ${this.#path}`);
    }
  }
}

/** Reads the complete lines of a run's metrics; none where there is no file. */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  try {
    const data = await readFile(path).catch(ignoreMissing);
    return data ? completeLines(data, Number.POSITIVE_INFINITY).kept : [];
  } catch (error) {
    throw fileError(error, `cannot read ${path}`);
  }
}

function completeLines(data: Buffer, most: number): { kept: MetricsLine[]; bytes: number } {
  const kept: MetricsLine[] = [];
  let bytes = 0;
  while (kept.length < most) {
    const end = data.indexOf('\n', bytes);
    if (end < 0) break;
    try {
      kept.push(metricsLine.parse(JSON.parse(data.toString('utf8', bytes, end))));
    } catch {
      break; // the rest was not written by a run
    }
    bytes = end + 1;
  }
  return { kept, bytes };
}
