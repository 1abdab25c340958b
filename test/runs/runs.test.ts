import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { InputError } from '../../pipeline/io/errors.ts';
import { compareRuns, listRuns } from '../../pipeline/runs/runs.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from '../train/folders.ts';
import { never, stripeSplits, stripes, tinyOptions } from '../train/tiny.ts';

test('runs are listed with recipe and results, damaged ones with their problem, and compared', async () => {
  const folder = temporaryFolder();
  const [a, b, broken] = [join(folder, 'a'), join(folder, 'deeper', 'b'), join(folder, 'broken')];
  mkdirSync(join(folder, 'deeper'));
  mkdirSync(join(folder, 'no run'));
  const first = await trainOn(stripeSplits(), tinyOptions(a), never);
  const validated = { ...stripeSplits(), val: stripes(5) };
  const second = await trainOn(validated, tinyOptions(b, { latent: 2, epochs: 3, weightDecay: 0.1 }), never);
  await trainOn(stripeSplits(), tinyOptions(broken), never);
  writeFileSync(join(broken, 'latest', 'encoder', 'weights.bin'), 'x');

  const of = { model: 'tiny', data: 'stripes', image: '5×6×1' };
  expect(await listRuns(folder)).toEqual([
    {
      ...of,
      run: a,
      latent: 3,
      epochs: { done: 2, planned: 2 },
      losses: { train: first.train, test: first.test },
      best: null,
      seconds: expect.any(Number),
    },
    { run: broken, problem: expect.stringMatching(/encoder.weights\.bin/) },
    {
      ...of,
      run: b,
      latent: 2,
      epochs: { done: 3, planned: 3 },
      losses: { train: second.train, val: second.val, test: second.test },
      best: second.best,
      seconds: expect.any(Number),
    },
  ]);
  expect((await listRuns(a)).map(({ run }) => run)).toEqual([a]);

  const { runs, differences } = await compareRuns(a, b);
  expect(runs).toEqual([a, b]);
  const found = Object.fromEntries(differences.map(({ name, values }) => [name, values]));
  expect(found).toMatchObject({
    latent: [3, 2],
    epochs: [2, 3],
    'weight-decay': [undefined, 0.1],
    'validation images': [undefined, 5],
    steps: [10, 15],
    'val loss': [undefined, second.val?.loss],
    'test loss': [first.test?.loss, second.test?.loss],
  });
  expect(Object.keys(found)).not.toContain('model');
  expect((await compareRuns(a, a)).differences).toEqual([]);
  await expect(compareRuns(a, broken)).rejects.toThrow(/weights\.bin/);
  await expect(compareRuns(a, join(folder, 'no run'))).rejects.toThrow(InputError);
  await expect(listRuns(join(folder, 'nothing'))).rejects.toThrow(InputError);
});
