import { expect, test } from 'vitest';
import { killTest } from './kill.ts';

/** `kill.ts` as a program does it with other engines and models, and as often as wanted. */
const kills = 4;

test(`a run killed ${kills} times at random moments and resumed equals an uninterrupted run, byte for byte`, async () => {
  const { uninterrupted, killed, steps } = await killTest({
    engine: 'tfjs-cpu',
    model: 'tiny',
    epochs: 8,
    kills,
    seed: 0,
  });
  expect(steps.length).toBe(kills);
  expect(steps.at(-1)).toBeGreaterThan(0);
  expect(killed).toEqual(uninterrupted);
}, 300_000);
