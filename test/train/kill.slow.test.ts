import { expect, test } from 'vitest';
import { killTest } from './kill.ts';

test('a run killed 20 times at random moments and resumed equals an uninterrupted run, byte for byte', async () => {
  const { uninterrupted, killed, steps } = await killTest({
    engine: 'tfjs-cpu',
    model: 'tiny',
    epochs: 100,
    kills: 20,
    seed: 0,
  });
  expect(steps.length).toBe(20);
  expect(steps.at(-1)).toBeGreaterThan(0);
  expect(killed).toEqual(uninterrupted);
}, 300_000);
