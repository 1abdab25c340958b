import { expect, test } from 'vitest';
import { closeSplits, partsOf } from '../../pipeline/data/dataset.ts';
import { onlyClasses } from '../../pipeline/data/only-classes.ts';
import { openSplit, openSplits } from '../../pipeline/data/open.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { stripes } from '../train/tiny.ts';

/** How many images of MNIST's parts show a 3 and a 7, as its authors count them. */
const THREES_AND_SEVENS = [6131 + 6265, 1010 + 1028];

test('all parts of MNIST are restricted to two classes, under their own ids and labels', async () => {
  const splits = await openSplits('mnist', { onlyClass: ['7', '3'] });
  expect(partsOf(splits).map(({ length }) => length)).toEqual(THREES_AND_SEVENS);
  expect(splits.onlyClass).toEqual(['3', '7']);
  const { test: held } = splits;
  expect([...new Set(held?.labels)].sort()).toEqual([3, 7]);
  const all = await openSplits('mnist');
  const row = Number(held?.id(100));
  const [found, expected] = [new Uint8Array(784), new Uint8Array(784)];
  await held?.read([100], found);
  await all.test?.read([row], expected);
  expect(found).toEqual(expected);
  expect(all.test?.labels?.[row]).toBe(held?.labels?.[100]);
  expect(await held?.fingerprint()).not.toBe(await all.test?.fingerprint());
  await Promise.all([splits, all].map(closeSplits));
});

test('validation images are held out of the chosen classes, and `all` has them only', async () => {
  const splits = await openSplits('mnist', { onlyClass: ['1'], valSplit: 0.5 });
  expect(partsOf(splits).map(({ length }) => length)).toEqual([3371, 3371, 1135]);
  const all = await openSplit('mnist', 'all', { onlyClass: ['1'] });
  expect(all.length).toBe(6742 + 1135);
  await Promise.all([closeSplits(splits), all.close()]);
});

test('what cannot be chosen is refused', async () => {
  const named = (names: string[], count = 8) => ({
    ...stripes(count),
    classes: names,
    labels: Int32Array.from({ length: count }, (_, i) => i % 2),
  });
  const splits = { name: 'stripes', train: named(['a', 'b, c']), test: named(['a', 'b, c']) };
  expect(onlyClasses(splits, ['b', ' c']).train.length).toBe(4);
  const apart = { ...splits, train: named(['a', 'cafe\u0301']) };
  expect(onlyClasses(apart, ['caf\u00e9'], true).train.length).toBe(4);
  expect(() => onlyClasses(splits, ['d'])).toThrow(/--only-class d: .* no class 'd'; its classes are a, b, c/);
  expect(() => onlyClasses({ ...splits, train: named(['a', 'b, c', 'x']) }, ['x'])).toThrow(InputError);
  expect(() => onlyClasses({ ...splits, test: named(['a', 'b, c'], 1) }, ['b, c'])).toThrow(/neither/);
  // Validation images will be held out of the training images.
  expect(onlyClasses({ ...splits, test: named(['a', 'b, c'], 1) }, ['b, c'], true)).toMatchObject({
    train: { length: 4 },
    val: undefined,
    test: undefined,
  });
  const unlabelled = { ...splits, train: { ...stripes(8), labels: undefined } };
  expect(() => onlyClasses(unlabelled, ['a'])).toThrow(/no labels/);
});
