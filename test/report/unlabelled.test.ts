import { expect, test } from 'vitest';
import { readCard } from '../../pipeline/artifacts/exported.ts';
import type { DatasetSplits } from '../../pipeline/data/dataset.ts';
import { defineDataset } from '../../pipeline/data/dataset.ts';
import { pickRows, range } from '../../pipeline/data/rows.ts';
import { subset } from '../../pipeline/data/split.ts';
import { createStages } from '../../pipeline/io/stages.ts';
import {
  denseLabels,
  effortOf,
  evaluationPlan,
  type Measuring,
  measureClasses,
} from '../../pipeline/report/measure.ts';
import { scratchFolder } from '../data/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';
import { stripes } from '../train/tiny.ts';

const scratch = scratchFolder();
const card = await readCard(await exportTiny(scratch('tiny')));

/** Stripes of which two in three have a label. */
function part(length: number, salt: number) {
  const full = stripes(length, { salt });
  const labels = full.labels?.map((label, i) => (i % 3 === 1 ? -1 : 2 * label));
  return defineDataset({ ...full, labels });
}

const splits: DatasetSplits = { name: 'some', train: part(60, 0), test: part(30, 5) };
const labelled = (length: number) => range(0, length).filter((i) => i % 3 !== 1);
const only: DatasetSplits = {
  name: 'only',
  train: subset(splits.train, 'train', labelled(60)),
  test: subset(splits.test ?? splits.train, 'test', labelled(30)),
};
const latentsOf = (length: number) => Float32Array.from({ length: 2 * length }, (_, i) => Math.sin(i * i));
const encoded = (train: Float32Array, test: Float32Array) => ({
  train: { latents: train, logvars: undefined, errors: undefined },
  test: { latents: test, logvars: undefined, errors: undefined },
});

test('measures by class leave unlabelled images out', async () => {
  const measured = async (of: DatasetSplits, train: Float32Array, held: Float32Array) => {
    const labels = denseLabels(of);
    if (typeof labels === 'string') return expect.fail(labels);
    const stages = createStages(evaluationPlan(card, false, true, false), undefined);
    const effort = effortOf(of.train.shape, true);
    const measuring = { model: { card }, splits: of, effort, seed: 0, stages } as unknown as Measuring;
    return { labels, ...(await measureClasses(measuring, encoded(train, held), labels)) };
  };
  const all = await measured(splits, latentsOf(60), latentsOf(30));
  const expected = await measured(
    only,
    pickRows(latentsOf(60), 2, labelled(60)),
    pickRows(latentsOf(30), 2, labelled(30)),
  );
  expect(all.labels.train.rows).toEqual(labelled(60));
  expect(all.labels.classes).toBe(4);
  expect([...new Set(all.labels.train.labels)].sort()).toEqual([0, 1, 2, 3]);
  expect(all.representations).toEqual(expected.representations);
  expect(all.clusters).toEqual(expected.clusters);
  expect(all.clusters?.images).toBe(60);
  expect(all.representations?.[0]?.neighbours).toMatchObject({ points: 40, queries: 20 });
});

test('says where a part has no labels at all', () => {
  const none = defineDataset({ ...splits.train, labels: new Int32Array(60).fill(-1) });
  expect(denseLabels({ ...splits, train: none })).toContain('training');
  expect(denseLabels({ ...splits, test: none })).toContain('test');
});
