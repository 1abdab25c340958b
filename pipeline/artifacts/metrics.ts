import { type FileHandle, open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fileError } from '../io/errors.ts';
import type { Metrics } from '../train/engine.ts';

/**
 * One line of `metrics.jsonl`. `span` says what the means are over: `steps` (training, since the line before) or
 * `epoch` (training: while it went on; test: after it).
 */
const metricsLine = z.looseObject({
  split: z.enum(['train', 'test']),
  span: z.enum(['steps', 'epoch']),
  /** Epochs counted from 1, and training steps done. */
  epoch: z.int(),
  step: z.int(),
  images: z.int(),
  /** Training images a second, evaluation and checkpoints left out. */
  rate: z.number().optional(),
  /** Seconds since 1970. */
  time: z.number(),
  loss: z.number(),
});

export type MetricsLine = z.infer<typeof metricsLine>;

/** Sums of metrics over images, from which means come. */
export interface MetricSums {
  readonly images: number;
  readonly sums: Metrics;
}

export const noSums: MetricSums = { images: 0, sums: {} };

/** Adds the means over `count` images. */
export function addMetrics({ images, sums }: MetricSums, metrics: Metrics, count: number): MetricSums {
  const added: Record<string, number> = {};
  for (const [name, mean] of Object.entries(metrics)) added[name] = (sums[name] ?? 0) + mean * count;
  return { images: images + count, sums: added };
}

export const meansOf = ({ images, sums }: MetricSums): Metrics =>
  Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / images]));

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
   * Opens the log and cuts it back to what it was at a checkpoint.
   * @param keep lines to keep
   * @returns the log and the lines kept: fewer than asked if the file has fewer whole ones
   */
  static async open(path: string, keep: number): Promise<{ log: MetricsLog; kept: MetricsLine[] }> {
    try {
      const file = await open(path, 'a+');
      try {
        const { kept, bytes } = wholeLines(await readFile(file), keep);
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

  /** Waits until the disk has every line. */
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

/**
 * Reads a run's metrics, as far as they are whole.
 * @returns no lines where there is no file
 */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  try {
    return wholeLines(await readFile(path), Number.POSITIVE_INFINITY).kept;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw fileError(error, `cannot read ${path}`);
  }
}

function wholeLines(data: Buffer, most: number): { kept: MetricsLine[]; bytes: number } {
  const kept: MetricsLine[] = [];
  let bytes = 0;
  while (kept.length < most) {
    const end = data.indexOf('\n', bytes);
    if (end < 0) break;
    try {
      kept.push(metricsLine.parse(JSON.parse(data.toString('utf8', bytes, end))));
    } catch {
      break; // from here on the file is not what a run wrote
    }
    bytes = end + 1;
  }
  return { kept, bytes };
}

/** Images a second over the time that was spent on them. */
export class Stopwatch {
  #images = 0;
  #ms = 0;

  add(images: number, ms: number): void {
    this.#images += images;
    this.#ms += ms;
  }

  /** To a tenth; 0 before anything was added. */
  get rate(): number {
    return this.#ms > 0 ? Math.round((this.#images / this.#ms) * 10_000) / 10 : 0;
  }

  reset(): void {
    this.#images = 0;
    this.#ms = 0;
  }
}
