import { expect, test } from 'vitest';
import { closeSplits, heldOut, type ImageDataset } from '../../pipeline/data/dataset.ts';
import { holdOutValidation, joinParts } from '../../pipeline/data/split.ts';
import { stripes } from '../train/tiny.ts';

const idsOf = (part: ImageDataset | undefined) => Array.from({ length: part?.length ?? 0 }, (_, i) => part?.id(i));
const whole = () => ({ name: 'stripes', train: stripes(200), test: stripes(11, { salt: 5 }) });

test('a share of the training images is held out, in order, and by ids alone', () => {
  const { train, val, test: testing } = holdOutValidation(whole(), 0.1);
  expect([train.length, val?.length, testing?.length]).toEqual([180, 20, 11]);
  const [kept, held] = [idsOf(train).map(Number), idsOf(val).map(Number)];
  expect([...kept, ...held].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  expect(held).toEqual(held.toSorted((a, b) => a - b));
  expect(held.every((id, i) => id === i)).toBe(false);
  // Other pixels under the same ids: the same choice. More is held out of more, and contains what was held out of less.
  expect(idsOf(holdOutValidation({ ...whole(), train: stripes(200, { salt: 9 }) }, 0.1).val).map(Number)).toEqual(held);
  expect(idsOf(holdOutValidation(whole(), 0.2).val).map(Number)).toEqual(expect.arrayContaining(held));
});

test('at least one image is held out, and at least one must stay', () => {
  expect(holdOutValidation(whole(), 1e-9).val?.length).toBe(1);
  const alone = { name: 'one', train: stripes(1), test: stripes(3) };
  expect(() => holdOutValidation(alone, 0.5)).toThrow(/--val-split 0\.5: .*\bone, which has 1\b/);
  expect(() => holdOutValidation({ ...whole(), val: stripes(4) }, 0.5)).toThrow(/--val-split 0\.5: .*of 4 images/);
});

test('closing both parts closes the original once', async () => {
  let closed = 0;
  const train = { ...stripes(50), close: async () => void closed++ };
  const splits = holdOutValidation({ name: 'stripes', train, test: stripes(3) }, 0.1);
  await splits.val?.close();
  expect(closed).toBe(0);
  await closeSplits(splits);
  expect(closed).toBe(1);
});

test('images held out are those for tests, else those for validation', () => {
  const [train, val, testing] = [stripes(9), stripes(3), stripes(4)];
  expect(heldOut({ name: 'all', train, val, test: testing })).toBe(testing);
  expect(heldOut({ name: 'two', train, val })).toBe(val);
});

test('parts are joined in order, with their ids, labels and pixels', async () => {
  const [train, val, testing] = [stripes(3), stripes(2, { salt: 1 }), stripes(2, { salt: 2 })];
  const all = joinParts({ name: 'all', train, val, test: testing });
  expect(idsOf(all)).toEqual(['train/0', 'train/1', 'train/2', 'val/0', 'val/1', 'test/0', 'test/1']);
  expect([...(all.labels ?? [])]).toEqual([0, 1, 2, 0, 1, 0, 1]);
  const [found, expected] = [new Uint8Array(4 * 30), new Uint8Array(4 * 30)];
  await all.read([6, 3, 4, 0], found);
  await testing.read([1], expected);
  await val.read([0, 1], expected.subarray(30));
  await train.read([0], expected.subarray(90));
  expect(found).toEqual(expected);
  const two = joinParts({ name: 'two', train, val: { ...val, labels: undefined } });
  expect([two.length, [...(two.labels ?? [])]]).toEqual([5, [0, 1, 2, -1, -1]]);
});
