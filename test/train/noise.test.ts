import { beforeAll, expect, test } from 'vitest';
import { cae } from '../../models/cae.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { buildProgram, drawNoise } from '../../pipeline/train/program.ts';
import { tiny } from './tiny.ts';

const size = { height: 12, width: 12, channels: 1, latent: 3, classes: 6, seed: 0 };

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test('each batch gets its own noise; from a saved state, the rest is the same', () => {
  const program = buildProgram(tiny, size);
  const noise = Generator.of(0, 'noise');
  const [first, state, second] = [drawNoise(program, 8, noise), noise.state, drawNoise(program, 5, noise)];
  expect([first?.length, second?.length]).toEqual([8 * 3, 5 * 3]);
  expect(new Set([...(first ?? []), ...(second ?? [])]).size).toBe(13 * 3);
  expect(drawNoise(program, 5, new Generator(state))).toEqual(second);
});

test('a model that needs no noise gets none, and the generator does not advance', () => {
  const noise = Generator.of(0, 'noise');
  const { state } = noise;
  expect(drawNoise(buildProgram(cae, size), 8, noise)).toBeUndefined();
  expect(noise.state).toEqual(state);
});

test('a noise dimension that is computed from the batch size is refused', () => {
  const build: typeof tiny.build = (given) => ({ ...tiny.build(given), noiseShape: (n) => [2 * n, 3] });
  expect(() => buildProgram({ ...tiny, build }, size)).toThrow(
    /noiseShape\(2\) is \[4,3\] and noiseShape\(3\) is \[6,3\].* n itself or a constant/,
  );
});
