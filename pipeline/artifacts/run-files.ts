import { existsSync } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError, ignoreMissing, withFileErrors } from '../io/errors.ts';
import { publishFile } from '../io/publish.ts';
import { sealed, unsealed } from '../io/sealed.ts';
import { closeOnError } from '../io/source.ts';
import { sumLines } from '../io/sums.ts';
import type { SkippedImage } from './image-index.ts';
import { type MetricsLine, metricsLine } from './metrics.ts';

/**
 * Contents of a run folder. `latest` and, with validation images, `best` are links to folders in `checkpoints/`. A checkpoint folder appears complete
 * or not at all, and a link changes in one step: however the process ends, `latest` names a complete checkpoint.
 */
export const runPaths = (run: string) => ({
  checkpoints: join(run, 'checkpoints'),
  latest: join(run, 'latest'),
  best: join(run, 'best'),
  metrics: join(run, 'metrics.jsonl'),
  events: join(run, 'events.out.tfevents.0.convae'),
  pictures: join(run, 'pictures'),
  skipped: join(run, 'skipped.jsonl'),
  recipe: join(run, 'recipe.yaml'),
  sums: join(run, 'SHA256SUMS'),
  lock: join(run, 'lock'),
});

export type MetricsLog = Awaited<ReturnType<typeof openMetricsLog>>;

/**
 * Opens a run's metrics, JSON lines with checksums, and truncates them to their state at a checkpoint.
 * @param keep lines to keep
 * @throws InputError when one of them is damaged; EnvironmentError
 */
export async function openMetricsLog(path: string, keep: number) {
  const writing = <T>(work: () => Promise<T>) => withFileErrors(`cannot write ${path}`, work);
  const file = await writing(() => open(path, 'a+'));
  const truncate = async () => {
    const { lines, bytes } = wholeLines(path, await readFile(file), keep);
    await file.truncate(bytes);
    return lines;
  };
  const kept = await writing(() => closeOnError(file, truncate));
  return {
    /** The kept lines: fewer than `keep` if the file has fewer complete ones. */
    kept,
    /** Number of lines in the file. */
    lines: kept.length,
    async write(line: MetricsLine): Promise<void> {
      await writing(() => file.appendFile(`${sealed(line)}\n`));
      this.lines++;
    },
    /** Waits until every line is on the disk. */
    sync: () => writing(() => file.sync()),
    close: () => writing(() => file.close()),
  };
}

/** Reads a run's metrics up to a checkpoint. @param keep lines of them @throws InputError when one is damaged; EnvironmentError */
export async function checkMetrics(path: string, keep: number): Promise<void> {
  const data = await withFileErrors(`cannot read ${path}`, () => readFile(path).catch(ignoreMissing));
  if (data) wholeLines(path, data, keep);
}

/** Lists images that could not be read in `skipped.jsonl`, a line for each; without any there is no such file. */
export async function writeSkipped(run: string, skipped: readonly SkippedImage[]): Promise<void> {
  const path = runPaths(run).skipped;
  const lines = skipped.map((image) => `${JSON.stringify(image)}\n`);
  if (lines.length > 0) await publishFile(path, (part) => writeFile(part, lines.join('')));
  else await withFileErrors(`cannot write ${path}`, () => rm(path, { force: true }));
}

/** Lists the checksums of what a run contains besides its checkpoints: options, metrics so far, skipped images. */
export async function writeRunSums(run: string): Promise<void> {
  const { recipe, metrics, skipped, sums } = runPaths(run);
  const names = [metrics, recipe, skipped].filter((path) => existsSync(path)).map((path) => basename(path));
  await publishFile(sums, async (path) => writeFile(path, await sumLines(run, names)));
}

/** Reads the complete lines of a run's metrics; none where there is no file. */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const data = await withFileErrors(`cannot read ${path}`, () => readFile(path).catch(ignoreMissing));
  return data ? completeLines(data).lines : [];
}

/** @throws InputError when one of the lines is damaged */
function wholeLines(path: string, data: Buffer, keep: number) {
  const found = completeLines(data, keep);
  if (found.damaged && found.lines.length < keep) {
    throw new InputError(
      `${path}: line ${found.lines.length + 1} is damaged; restore the file from a copy, or delete it to go on without the metrics so far`,
    );
  }
  return found;
}

/** @returns lines up to the first that is damaged, if any */
function completeLines(data: Buffer, most = Number.POSITIVE_INFINITY) {
  const lines: MetricsLine[] = [];
  let damaged = false;
  let bytes = 0;
  for (let end = data.indexOf('\n'); end >= 0 && lines.length < most; end = data.indexOf('\n', bytes)) {
    try {
      lines.push(metricsLine.parse(JSON.parse(unsealed(data.toString('utf8', bytes, end)) ?? '')));
    } catch {
      damaged = true;
      break;
    }
    bytes = end + 1;
  }
  return { lines, bytes, damaged };
}
