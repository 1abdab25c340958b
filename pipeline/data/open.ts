import { closeOnError } from '../io/source.ts';
import type { DataSource, DatasetSplits, ImageDataset } from './dataset.ts';
import { locateData } from './formats.ts';
import { checkSplits, holdOut, trainThenTest } from './split.ts';

export type Split = 'train' | 'test' | 'all';

/**
 * Opens the training and the test images of a value of `--data`. Without a test part, a fixed tenth of the images is held
 * out (see `holdOut`). The caller closes both.
 * @param spec `mnist` or a path, see `DATA_FORMS`
 * @throws InputError when there is no such data, it is damaged, or its parts do not fit each other
 */
export async function openSplits(spec: string): Promise<DatasetSplits> {
  return splitsOf(spec, await locateData(spec));
}

/**
 * Opens one part of a value of `--data`, or all of it. Where the data come in two parts, `all` is the training images, then
 * the test images, with ids `train/…` and `test/…`; otherwise it is the data set unchanged.
 * @throws InputError as `openSplits`
 */
export async function openSplit(spec: string, split: Split): Promise<ImageDataset> {
  const source = await locateData(spec);
  if ('train' in source && split !== 'all') return source[split]();
  if ('all' in source && split === 'all') return source.all();
  const splits = await splitsOf(spec, source);
  if (split === 'all') return trainThenTest(splits);
  await (split === 'train' ? splits.test : splits.train).close();
  return splits[split];
}

async function splitsOf(name: string, source: DataSource): Promise<DatasetSplits> {
  if ('all' in source) {
    const all = await source.all();
    return closeOnError(all, async () => holdOut(all));
  }
  const train = await source.train();
  return closeOnError(train, async () => {
    const test = await source.test();
    return closeOnError(test, async () => checkSplits({ name, train, test }));
  });
}
