import { open } from 'node:fs/promises';
import { readBatches } from '../../pipeline/data/batches.ts';
import { bytesPerImage } from '../../pipeline/data/dataset.ts';
import { openSplit } from '../../pipeline/data/open.ts';

/** Writes all images of MNIST `times` times into one idx file. */
export async function repeatedMnist(path: string, times: number): Promise<void> {
  const dataset = await openSplit('mnist', 'all');
  const file = await open(path, 'w');
  try {
    const { height, width } = dataset.shape;
    const header = Buffer.from([0, 0, 8, 3, ...Array<number>(12).fill(0)]);
    [times * dataset.length, height, width].forEach((side, i) => {
      header.writeUInt32BE(side, 4 + 4 * i);
    });
    await file.writeFile(header);
    const batchSize = Math.floor(2 ** 22 / bytesPerImage(dataset.shape));
    for (let i = 0; i < times; i++) {
      for await (const { images } of readBatches(dataset, batchSize)) await file.writeFile(images);
    }
  } finally {
    await file.close();
    await dataset.close();
  }
}
