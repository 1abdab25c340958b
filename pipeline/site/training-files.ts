import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const PICTURE = /^epoch-(\d+)\.png$/;

/** What an export has recorded of its training: paths from its folder. */
export interface TrainingFiles {
  readonly metrics: string;
  readonly pictures: readonly { readonly epoch: number; readonly file: string }[];
}

/** The losses and pictures by epoch that an exported model carries; null where there are none. */
export async function trainingFiles(exported: string): Promise<TrainingFiles | null> {
  const metrics = 'training/metrics.jsonl';
  const found = await stat(join(exported, metrics)).catch(() => undefined);
  if (!found?.isFile()) return null;
  const folder = 'training/pictures';
  const names = await readdir(join(exported, folder)).catch(() => []);
  const pictures = names.flatMap((name) => {
    const epoch = PICTURE.exec(name)?.[1];
    return epoch === undefined ? [] : [{ epoch: Number(epoch), file: `${folder}/${name}` }];
  });
  return { metrics, pictures: pictures.sort((a, b) => a.epoch - b.epoch) };
}
