import { expect, test } from 'vitest';
import { planOf } from '../../pipeline/train/plan.ts';
import { optionsOf } from '../../pipeline/train/recipe-file.ts';
import { dataOptionsFor } from '../../pipeline/train/train.ts';
import { stripeSplits, tiny, tinyOptions } from './tiny.ts';

test('a run records the classes that it is trained on and the column of labels, and is resumed with them', async () => {
  const data = { ...stripeSplits(), onlyClass: ['a', 'c'], label: 'dx' };
  const { plan } = await planOf(tiny, tinyOptions('run'), { data });
  expect(plan.data.onlyClass).toEqual(['a', 'c']);
  expect(plan.data.label).toBe('dx');
  expect(optionsOf(plan)).toMatchObject({ 'only-class': 'a,c', label: 'dx' });
  for (const asked of [{}, { range: [0, 1] as const }, { label: 'sex' }])
    expect(dataOptionsFor(asked, plan)).toMatchObject({ ...asked, knownLabel: 'dx' });
  expect(dataOptionsFor({}, plan).onlyClass).toEqual(['a', 'c']);
  expect(dataOptionsFor({ onlyClass: ['b'] }, plan).onlyClass).toEqual(['b']);
  expect(dataOptionsFor({}, undefined).onlyClass).toBeUndefined();
  expect([dataOptionsFor({}, undefined), dataOptionsFor({}, undefined, 0.1)]).toMatchObject([
    { holdsOut: false },
    { holdsOut: true },
  ]);
});
