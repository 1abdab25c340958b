import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '../io/errors.ts';
import { type MetricsLine, readMetrics } from './metrics.ts';
import { runPaths } from './run-folder.ts';

/** What an exported model keeps of its training, in this folder beside the card. */
const FOLDER = 'training';
/** Pictures that are kept of a long training, evenly spread, the first and the last among them. */
const MOST_PICTURES = 60;
const PICTURE = /^epoch-(\d+)\.png$/;

const pathsIn = (exported: string) => ({
  folder: join(exported, FOLDER),
  metrics: join(exported, FOLDER, 'metrics.jsonl'),
  pictures: join(exported, FOLDER, 'pictures'),
});

/** What is known of how a model was trained. */
export interface TrainingRecord {
  /** Means over epochs, of training and test images. */
  readonly metrics: readonly MetricsLine[];
  /** Pictures of some test images and their reconstructions, by epoch. */
  readonly pictures: readonly { readonly epoch: number; readonly png: Uint8Array }[];
}

/**
 * Copies what a run has recorded epoch by epoch into an exported model's folder: `training/metrics.jsonl`, the lines of
 * whole epochs, and `training/pictures/`. A run that recorded nothing leaves nothing.
 */
export async function copyTraining(run: string, exported: string): Promise<void> {
  const to = pathsIn(exported);
  const from = runPaths(run);
  const lines = (await readMetrics(from.metrics)).filter(({ span }) => span === 'epoch');
  const pictures = spread(await picturesIn(from.pictures), MOST_PICTURES);
  if (lines.length === 0 && pictures.length === 0) return;
  await mkdir(to.pictures, { recursive: true });
  await writeFile(to.metrics, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  for (const { file } of pictures) await copyFile(join(from.pictures, file), join(to.pictures, file));
}

/** Reads what `copyTraining` has written; undefined where there is nothing. */
export async function readTraining(exported: string): Promise<TrainingRecord | undefined> {
  const { folder, metrics: path, pictures: pictureFolder } = pathsIn(exported);
  try {
    const metrics = await readMetrics(path);
    const files = await picturesIn(pictureFolder);
    const pictures = await Promise.all(
      files.map(async ({ epoch, file }) => ({ epoch, png: await readFile(join(pictureFolder, file)) })),
    );
    return metrics.length > 0 || pictures.length > 0 ? { metrics, pictures } : undefined;
  } catch (error) {
    throw fileError(error, `cannot read ${folder}`);
  }
}

async function picturesIn(folder: string): Promise<{ epoch: number; file: string }[]> {
  const files = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw fileError(error, `cannot read ${folder}`);
  });
  return files
    .flatMap((file) => {
      const epoch = PICTURE.exec(file)?.[1];
      return epoch === undefined ? [] : [{ epoch: Number(epoch), file }];
    })
    .sort((a, b) => a.epoch - b.epoch);
}

/** `most` of the items, evenly spread from the first to the last. */
function spread<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  const places = Array.from({ length: most }, (_, i) => Math.round((i * (items.length - 1)) / (most - 1)));
  return places.map((place) => items[place] as T);
}
