import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { dcec } from '../../models/cae.ts';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit.ts';
import { clusterAgreement } from '../../pipeline/analyse/clustering.ts';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { findCentres } from '../../pipeline/cluster/centres.ts';
import type { DatasetSplits } from '../../pipeline/data/dataset.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { findCheckpoint } from '../../pipeline/train/load-run.ts';
import type { TrainHooks, TrainOptions } from '../../pipeline/train/options.ts';
import { Targets } from '../../pipeline/train/targets.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { digestOf } from './run-digest.ts';
import { interruptAfter, never, stripes, tinyOptions } from './tiny.ts';

vi.setConfig({ testTimeout: 120_000 });

const convAe = models['conv-ae'] as ModelDefinition;
const shape = { height: 8, width: 8, channels: 1 };
/** Images of eight kinds. */
const splits = (images = 37): DatasetSplits => ({
  name: 'stripes',
  train: stripes(images, { shape }),
  test: stripes(11, { shape, salt: 5 }),
});
const options = (run: string, more: Partial<TrainOptions>) =>
  tinyOptions(run, { engine: 'onnx', resume: true, filters: 8, halvings: 1, ...more });
const cluster = (run: string, hooks: TrainHooks, more: Partial<TrainOptions>) =>
  trainOn(splits(), options(run, { model: dcec, latent: undefined, filters: undefined, ...more }), {
    ...hooks,
    findCentres,
  });

async function trainedAutoencoder(more: Partial<TrainOptions> = {}): Promise<string> {
  const run = join(temporaryFolder(), 'conv-ae');
  await trainOn(splits(), options(run, { model: convAe, epochs: 3, batchSize: 4, latent: 4, ...more }), never);
  return run;
}

test('an interrupted run goes on, to the byte, whether or not new targets come next', async () => {
  const init = await trainedAutoencoder();
  const given = { init, epochs: 4, batchSize: 1, clusters: 3, halvings: undefined }; // 148 steps
  const whole = join(temporaryFolder(), 'run');
  const summary = await cluster(whole, never, given);
  expect(summary).toMatchObject({ epochs: 4, steps: 148 });
  expect(summary.train).toMatchObject({ clustering: expect.any(Number), reconstruction: expect.any(Number) });
  const { reconstruction = 0, clustering = 0, loss = 0 } = summary.test ?? {};
  expect(loss).toBeCloseTo(reconstruction + 0.1 * clustering, 5);
  for (const steps of [1, 140, 141]) {
    const run = join(temporaryFolder(), 'run');
    await expect(cluster(run, interruptAfter(steps), given)).rejects.toThrow(Interrupted);
    await cluster(run, never, given);
    expect(digestOf(run), `after ${steps} steps`).toEqual(digestOf(whole));
  }
  const plan = (await readRun(whole, 'latest'))?.state.plan;
  expect(plan?.size).toMatchObject({ latent: 4, filters: 8, halvings: 1, clusters: 3 });
});

/** Two strips, which k-means cuts across: 60 points each, 20 long and 1 wide, 4 apart. */
const strips = Float32Array.from({ length: 2 * 120 }, (_, at) => {
  const [i, strip] = [(at >> 1) % 60, at >> 1 < 60 ? 0 : 1];
  return at % 2 ? 4 * strip + ((7 * i) % 60) / 60 : i / 3;
});
const sortedRows = (centres: ArrayLike<number>) =>
  [0, 2].map((at) => [centres[at] ?? 0, centres[at + 1] ?? 0]).sort(([, a = 0], [, b = 0]) => a - b);

test('by umap-gmm, centres are the means of the clusters on the map', async () => {
  const given = { clusters: 2, seed: 0, tick: () => undefined };
  const found = sortedRows(await findCentres(strips, 2, { ...given, method: 'umap-gmm' }));
  const mean = 59 / 2; // of i, and of the 60 different 7i mod 60
  for (const [strip, [x, y]] of found.entries()) {
    expect(x).toBeCloseTo(mean / 3, 1);
    expect(y).toBeCloseTo(4 * strip + mean / 60, 1);
  }
  const byMeans = sortedRows(await findCentres(strips, 2, { ...given, method: 'kmeans' }));
  expect(Math.abs((byMeans[0]?.[0] ?? 0) - (byMeans[1]?.[0] ?? 0))).toBeGreaterThan(5);
  const three = new Float32Array(20).map((_, at) => (at >> 1) % 3);
  await expect(findCentres(three, 2, { ...given, clusters: 4, method: 'kmeans' })).rejects.toThrow(/only 3 distinct/);
});

test('a run goes on with the centres that it started from', async () => {
  const init = await trainedAutoencoder();
  const run = join(temporaryFolder(), 'run');
  const given = { init, epochs: 1, batchSize: 8, clusters: 3, halvings: undefined };
  await cluster(run, never, { ...given, centres: 'kmeans' });
  expect((await readRun(run, 'latest'))?.state.plan.recipe.centres).toBe('kmeans');
  await expect(cluster(run, never, { ...given, epochs: 2, centres: 'umap-gmm' })).rejects.toThrow(/centres/);
  expect(await cluster(run, never, { ...given, epochs: 2 })).toMatchObject({ epochs: 2 });
});

test('training ends once images stay in their clusters', async () => {
  const init = await trainedAutoencoder({ epochs: 20 });
  const run = join(temporaryFolder(), 'run');
  const summary = await cluster(run, never, { init, epochs: 50, batchSize: 2, clusters: 8, halvings: undefined });
  expect(summary.epochs).toBeLessThan(50);
  expect((await readRun(run, 'latest'))?.state.position.clusters).toMatchObject({ settled: true });
  const again = await cluster(run, never, { init, epochs: 50, batchSize: 2, clusters: 8, halvings: undefined });
  expect(again.steps).toBe(summary.steps);
  const { checkpoint } = await findCheckpoint(run);
  const assigned = checkpoint.tensors.get('targets/assigned');
  expect(assigned?.shape).toEqual([37, 8]);
  const clusters = Int32Array.from({ length: 37 }, (_, i) => {
    const row = [...(assigned?.values.subarray(8 * i, 8 * i + 8) ?? [])];
    return row.indexOf(Math.max(...row));
  });
  const { train } = splits();
  expect(clusterAgreement(clusters, train.labels ?? new Int32Array()).accuracy).toBe(1);
});

test.each<[string, Partial<TrainOptions>, RegExp]>([
  ['without --init', { init: undefined }, /dcec goes on from a trained conv-ae/],
  ['from a run of another model', { init: 'cae' }, /it is a run of cae, and dcec goes on from conv-ae/],
  ['with more clusters than images', { clusters: 38 }, /--clusters 38: expected an integer from 2 to .* 37/],
  ['with a single cluster', { clusters: 1 }, /--clusters 1/],
  ['with another latent size', { latent: 5 }, /only \d+ of its weights fit; leave out/],
])('%s it is refused, and nothing is written', async (_, more, message) => {
  const init = await trainedAutoencoder(more.init ? { model: models[more.init] as ModelDefinition } : {});
  const run = join(temporaryFolder(), 'run');
  await expect(
    cluster(run, never, { clusters: 3, ...more, init: 'init' in more ? more.init && init : init }),
  ).rejects.toThrow(message);
  expect(await readRun(run, 'latest')).toBeUndefined();
});

test('--clusters is refused for a model without clusters', async () => {
  await expect(trainedAutoencoder({ clusters: 3 })).rejects.toThrow(/--clusters: conv-ae has no clusters/);
});

/** Computed by hand: q² / f, normalised, with f = (0.9 + 0.6, 0.1 + 0.4). */
test('targets sharpen assignments, and favour small clusters', () => {
  const targets = new Targets(2, 2);
  expect(targets.refresh(Float32Array.of(0.9, 0.1, 0.6, 0.4))).toBe(0);
  const rows = [...targets.at(Uint32Array.of(1, 0))];
  const of = (a: number, b: number) => [a ** 2 / 1.5, b ** 2 / 0.5].map((x, _, [p = 0, q = 0]) => x / (p + q));
  for (const [i, expected] of [...of(0.6, 0.4), ...of(0.9, 0.1)].entries()) expect(rows[i]).toBeCloseTo(expected, 6);
  expect(targets.refresh(Float32Array.of(0.2, 0.8, 0.6, 0.4))).toBe(0.5);
  targets.dispose();
});
