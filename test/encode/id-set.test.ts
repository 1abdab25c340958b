import { expect, test } from 'vitest';
import { idSet } from '../../pipeline/encode/id-set.ts';

test('a set of ids knows each of them, and only them', () => {
  const ids = idSet(undefined);
  const added = (step: number) => {
    let fresh = 0;
    for (let i = 0; i < 200_000; i += step) fresh += Number(ids?.add(`image-${i}`));
    return fresh;
  };
  expect(added(1)).toBe(200_000);
  expect(added(7)).toBe(0);
});
