import { bytesPerImage, type DatasetSplits, type ImageDataset } from './dataset.ts';
import { defineDataset } from './define.ts';
import { stretches } from './indices.ts';

/** Both parts as one set: the training images, then the test images, with ids `train/…` and `test/…`. Closing it closes both. */
export function trainThenTest({ name, train, test }: DatasetSplits): ImageDataset {
  const bytes = bytesPerImage(train.shape);
  const inTrain = (index: number | undefined) => (index as number) < train.length;
  return defineDataset({
    name,
    shape: train.shape,
    length: train.length + test.length,
    labels: train.labels && test.labels && Int32Array.from([...train.labels, ...test.labels]),
    classes: train.classes,
    id: (index) => (inTrain(index) ? `train/${train.id(index)}` : `test/${test.id(index - train.length)}`),
    async read(indices, target) {
      const joined = (i: number) => inTrain(indices[i]) === inTrain(indices[i - 1]);
      for (const { from, to } of stretches(indices.length, joined)) {
        const [part, shift] = inTrain(indices[from]) ? [train, 0] : [test, train.length];
        const own = Uint32Array.from({ length: to - from }, (_, i) => (indices[from + i] as number) - shift);
        await part.read(own, target.subarray(from * bytes, to * bytes));
      }
    },
    async close() {
      await Promise.all([train.close(), test.close()]);
    },
  });
}
