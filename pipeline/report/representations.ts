import { accuracy, majorityVote, nearestNeighbours } from '../analyse/knn.ts';
import { linearProbe } from '../analyse/linear-probe.ts';
import { spreadOf } from '../analyse/moments.ts';
import { fitPca, project } from '../analyse/pca.ts';
import type { Representation } from '../artifacts/report.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';

/** Neighbours that vote. */
const NEIGHBOURS = 10;
const COMPONENTS = 10;

/** Training and test images as rows of `size` values, `[n, size]`, with their classes, `[n]`. */
export interface LabelledRows<R extends Rows = Rows> {
  readonly size: number;
  readonly train: R;
  readonly trainLabels: Int32Array;
  readonly test: R;
  readonly testLabels: Int32Array;
}

/** Accuracy of 10-NN and of a linear probe on short rows. */
export async function judgeRows(
  name: Representation['name'],
  rows: LabelledRows<Float32Array>,
  tick: Tick,
): Promise<Representation> {
  const neighbours = await nearestNeighbourVote(rows, (share) => tick(share * 0.7));
  const probe = await probeOf(rows, {}, (share) => tick(0.7 + share * 0.3));
  return { name, size: rows.size, neighbours, probe };
}

/** `judgeRows` on the principal components of the images. */
export async function judgeComponents(
  pixels: LabelledRows<Uint8Array>,
  seed: number,
  tick: Tick,
): Promise<Representation> {
  const pca = await fitPca(pixels.train, pixels.size, {
    components: COMPONENTS,
    seed,
    tick: (share) => tick(share * 0.3),
  });
  const train = await project(pca, pixels.train, (share) => tick(0.3 + share * 0.1));
  const test = await project(pca, pixels.test, (share) => tick(0.4 + share * 0.05));
  const size = Math.min(COMPONENTS, pixels.size);
  return judgeRows('PCA', { ...pixels, train, test, size }, (share) => tick(0.45 + share * 0.55));
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
  const { size, train, trainLabels } = pixels;
  const chosen = spreadRows(pixels.testLabels.length, limits.queries);
  const order = byVariance(train, size);
  const some = {
    size,
    train: await reordered(train, size, order, (share) => tick(share * 0.05)),
    trainLabels,
    test: await reordered(pickRows(pixels.test, size, chosen), size, order),
    testLabels: Int32Array.from(chosen, (row) => pixels.testLabels[row] as number),
  };
  const neighbours = await nearestNeighbourVote(some, (share) => tick(0.05 + share * 0.55));
  const probe = await probeOf(pixels, { maxNonzeros: limits.probeNumbers }, (share) => tick(0.6 + share * 0.4));
  return { name: 'pixels', size, neighbours, probe };
}

/** Reads evenly spaced training images and test images, at most `most` pixels of each. */
export async function readPixels(
  train: ImageDataset,
  test: ImageDataset,
  labels: { readonly train: Int32Array; readonly test: Int32Array },
  most: number,
  tick: Tick,
): Promise<LabelledRows<Uint8Array>> {
  const size = bytesPerImage(train.shape);
  const trainRows = spreadRows(train.length, most / size);
  const testRows = spreadRows(test.length, most / size);
  const all = trainRows.length + testRows.length;
  const pick = (of: Int32Array, rows: Uint32Array) => Int32Array.from(rows, (row) => of[row] as number);
  return {
    size,
    train: await readRows(train, trainRows, (done) => tick(done / all)),
    trainLabels: pick(labels.train, trainRows),
    test: await readRows(test, testRows, (done) => tick((trainRows.length + done) / all)),
    testLabels: pick(labels.test, testRows),
  };
}

/** Images read at a time. */
const STEP = 500;

async function readRows(dataset: ImageDataset, indices: Uint32Array, done: (images: number) => void) {
  const size = bytesPerImage(dataset.shape);
  const rows = new Uint8Array(indices.length * size);
  for (let from = 0; from < indices.length; from += STEP) {
    const some = indices.subarray(from, from + STEP);
    await dataset.read(some, rows.subarray(from * size));
    done(from + some.length);
  }
  return rows;
}

async function nearestNeighbourVote(
  rows: LabelledRows<Float32Array>,
  tick: Tick,
): Promise<Representation['neighbours']> {
  const [points, queries] = [rows.trainLabels.length, rows.testLabels.length];
  const k = Math.min(NEIGHBOURS, points);
  const found = await nearestNeighbours(rows.train, rows.test, rows.size, { k, tick: (done) => tick(done / queries) });
  const votes = majorityVote(found, rows.trainLabels, k);
  return { accuracy: accuracy(votes, rows.testLabels), neighbours: k, points, queries };
}

async function probeOf(
  { train, trainLabels, test, testLabels, size }: LabelledRows,
  options: { maxNonzeros?: number },
  tick: Tick,
): Promise<Representation['probe']> {
  const [known, held] = [
    { rows: train, labels: trainLabels },
    { rows: test, labels: testLabels },
  ];
  const { accuracy, rows, converged } = await linearProbe(known, held, size, { ...options, tick });
  return { accuracy, fittedOn: rows, tested: testLabels.length, converged };
}

/** Columns by descending variance, so that a neighbour search can discard distant points early. */
function byVariance(rows: Uint8Array, size: number): Uint32Array {
  const { std } = spreadOf(Float32Array.from(pickRows(rows, size, spreadRows(rows.length / size, 5000))), size);
  return Uint32Array.from(std.keys()).sort((a, b) => (std[b] as number) - (std[a] as number));
}

/** The rows as floats with their columns reordered. Yields to the event loop. */
async function reordered(rows: Rows, size: number, order: Uint32Array, tick?: Tick): Promise<Float32Array> {
  const [result, n] = [new Float32Array(rows.length), rows.length / size];
  const pause = pauses(tick);
  for (const { from, to } of rowStretches(n, size)) {
    for (let row = from * size; row < to * size; row += size)
      for (let column = 0; column < size; column++)
        result[row + column] = rows[row + (order[column] as number)] as number;
    await pause(to / n);
  }
  return result;
}
