import { InputError } from '../io/errors.ts';
import { bytesPerImage, type DatasetSplits, defineDataset, type ImageDataset } from './dataset.ts';
import { range, runs } from './rows.ts';

/**
 * Splits a data set that comes in one piece. Images are ranked by a hash of their id, and the lowest tenth (rounded; at
 * least one image) is the test set; both parts keep the original order. The choice depends on ids only, so it is the same
 * on every machine and in every run.
 * @throws InputError when there is only one image
 */
export function holdOut(full: ImageDataset): DatasetSplits {
  const { name, length } = full;
  if (length < 2) throw new InputError(`${name}: one image cannot be split into a training and a test set; add more`);
  const ranks = Uint32Array.from({ length }, (_, i) => hashOf(`0/${full.id(i)}`)); // fixed prefix
  const count = Math.max(1, Math.round(length / 10));
  const limit = ranks.slice().sort()[count - 1] as number;
  let ties = count - ranks.reduce((below, rank) => below + Number(rank < limit), 0); // the first images of equal rank
  const isTest = Uint8Array.from(ranks, (rank) => Number(rank < limit || (rank === limit && ties-- > 0)));
  const open = new Set(['train', 'test']); // the parts share the files of `full`
  const part = (which: 'train' | 'test') => {
    const close = async () => {
      if (open.delete(which) && open.size === 0) await full.close();
    };
    const indices = range(0, length).filter((i) => isTest[i] === Number(which === 'test'));
    return subset({ ...full, close }, `${name}/${which}`, indices);
  };
  return { name, train: part('train'), test: part('test') };
}

/** FNV-1a over UTF-16 code units, then MurmurHash3's finalizer, which spreads differences in the last characters. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Some images of a data set, by index, under their original ids. Closing it closes the original. */
export function subset(full: ImageDataset, name: string, indices: Uint32Array): ImageDataset {
  const { labels } = full;
  const original = (index: number) => indices[index] as number;
  return defineDataset({
    ...full,
    name,
    length: indices.length,
    labels: labels && Int32Array.from(indices, (index) => labels[index] as number),
    id: (index) => full.id(original(index)),
    read: (wanted, target) => full.read(Uint32Array.from(wanted, original), target),
  });
}

/** The training images, then the test images, with ids `train/…` and `test/…`. Closing it closes both parts. */
export function trainThenTest({ name, train, test }: DatasetSplits): ImageDataset {
  const bytes = bytesPerImage(train.shape);
  const inTrain = (index: number | undefined) => (index as number) < train.length;
  return defineDataset({
    ...train,
    name,
    length: train.length + test.length,
    labels: train.labels && test.labels && Int32Array.from([...train.labels, ...test.labels]),
    id: (index) => (inTrain(index) ? `train/${train.id(index)}` : `test/${test.id(index - train.length)}`),
    async read(indices, target) {
      const joined = (i: number) => inTrain(indices[i]) === inTrain(indices[i - 1]);
      for (const { from, to } of runs(indices.length, joined)) {
        const [part, first] = inTrain(indices[from]) ? [train, 0] : [test, train.length];
        const inPart = Uint32Array.from({ length: to - from }, (_, i) => (indices[from + i] as number) - first);
        await part.read(inPart, target.subarray(from * bytes, to * bytes));
      }
    },
    async close() {
      await Promise.all([train.close(), test.close()]);
    },
  });
}

/** @throws InputError when the two parts have different shapes, or only one has labels */
export function checkSplits(splits: DatasetSplits): DatasetSplits {
  const { name, train, test } = splits;
  const [a, b] = [train, test].map(({ shape }) => `${shape.height}×${shape.width}×${shape.channels}`);
  if (a !== b) {
    throw new InputError(
      `${name}: its training images are ${a} (height×width×channels) and its test images ${b}; they must have equal shapes`,
    );
  }
  if (!train.labels !== !test.labels) {
    const [labelled, unlabelled] = train.labels ? ['training', 'test'] : ['test', 'training'];
    throw new InputError(
      `${name}: its ${labelled} images have labels and its ${unlabelled} images have none; give both or neither`,
    );
  }
  return splits;
}
