import { accuracy, majorityVote, nearestNeighbours } from '../analyse/knn.ts';
import { type Labelled, linearProbe } from '../analyse/linear-probe.ts';
import { fitPca, project } from '../analyse/pca.ts';
import type { Representation } from '../artifacts/report.ts';
import { imagesAtATime, readBatches } from '../data/batches.ts';
import { bytesPerImage, type DatasetSplits, heldOut } from '../data/dataset.ts';
import { pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import type { Tick } from '../io/stages.ts';

/** Neighbours that vote. */
const NEIGHBOURS = 10;
const COMPONENTS = 10;

/** Training and test images as rows of `size` values, `[n, size]`, with their classes. */
export interface LabelledRows<R extends Rows = Rows> {
  readonly size: number;
  readonly train: Labelled & { readonly rows: R };
  readonly test: Labelled & { readonly rows: R };
}

/** Images of a data set that have a label, by index, and their labels. */
export interface LabelledImages {
  readonly rows: Uint32Array;
  readonly labels: Int32Array;
}

/** Measures the accuracy of 10-NN and of a linear probe on short rows. */
export async function judgeRows(
  name: Representation['name'],
  rows: LabelledRows<Float32Array>,
  tick: Tick,
): Promise<Representation> {
  const neighbours = await nearestNeighbourVote(rows, (share) => tick(share * 0.7));
  const probe = await probeOf(rows, undefined, (share) => tick(0.7 + share * 0.3));
  return { name, size: rows.size, neighbours, probe };
}

/** `judgeRows` on the principal components of the images. */
export async function judgeComponents(
  { size, train, test }: LabelledRows<Uint8Array>,
  seed: number,
  tick: Tick,
): Promise<Representation> {
  const pca = await fitPca(train.rows, size, { components: COMPONENTS, seed, tick: (share) => tick(share * 0.3) });
  const components = {
    size: Math.min(COMPONENTS, size),
    train: { ...train, rows: await project(pca, train.rows, (share) => tick(0.3 + share * 0.1)) },
    test: { ...test, rows: await project(pca, test.rows, (share) => tick(0.4 + share * 0.05)) },
  };
  return judgeRows('PCA', components, (share) => tick(0.45 + share * 0.55));
}

/**
 * `judgeRows` on the pixels.
 * @param limits test images whose neighbours are searched, and nonzero pixels that the probe is fitted on
 */
export async function judgePixels(
  pixels: LabelledRows<Uint8Array>,
  limits: { readonly queries: number; readonly probeNumbers: number },
  tick: Tick,
): Promise<Representation> {
  const { size, train, test } = pixels;
  const chosen = spreadRows(test.labels.length, limits.queries);
  const some = { rows: pickRows(test.rows, size, chosen), labels: pickLabels(test.labels, chosen) };
  const neighbours = await nearestNeighbourVote({ size, train, test: some }, (share) => tick(share * 0.6));
  const probe = await probeOf(pixels, limits.probeNumbers, (share) => tick(0.6 + share * 0.4));
  return { name: 'pixels', size, neighbours, probe };
}

/** Reads evenly spaced labelled training images and, as `test`, images held out, at most `most` pixels of each. */
export async function readPixels(
  splits: DatasetSplits,
  labelled: { readonly train: LabelledImages; readonly test: LabelledImages },
  most: number,
  tick: Tick,
): Promise<LabelledRows<Uint8Array>> {
  const size = bytesPerImage(splits.train.shape);
  const read = async (split: 'train' | 'test', tick: Tick) => {
    const part = split === 'train' ? splits.train : heldOut(splits);
    const { rows: images, labels } = labelled[split];
    const chosen = spreadRows(images.length, most / size);
    const rows = new Uint8Array(chosen.length * size);
    const some = subset(
      part,
      split,
      chosen.map((i) => images[i] as number),
    );
    for await (const { start, count, images } of readBatches(some, imagesAtATime(some.shape), { ahead: 0 })) {
      rows.set(images, start * size);
      tick((start + count) / chosen.length);
    }
    return { rows, labels: pickLabels(labels, chosen) };
  };
  const train = await read('train', (share) => tick(share * 0.8));
  return { size, train, test: await read('test', (share) => tick(0.8 + share * 0.2)) };
}

const pickLabels = (labels: Int32Array, chosen: Uint32Array) => Int32Array.from(chosen, (row) => labels[row] as number);

async function nearestNeighbourVote({ size, train, test }: LabelledRows, tick: Tick) {
  const [points, queries] = [train.labels.length, test.labels.length];
  const k = Math.min(NEIGHBOURS, points);
  const found = await nearestNeighbours(train.rows, test.rows, size, { k, tick: (done) => tick(done / queries) });
  const votes = majorityVote(found, train.labels, k);
  return { accuracy: accuracy(votes, test.labels), neighbours: k, points, queries };
}

async function probeOf({ size, train, test }: LabelledRows, maxNonzeros: number | undefined, tick: Tick) {
  const { accuracy, rows, converged } = await linearProbe(train, test, size, { maxNonzeros, tick });
  return { accuracy, fittedOn: rows, tested: test.labels.length, converged };
}
