import { expect, test } from 'vitest';
import { classColours, classPalette } from '../../pipeline/pictures/palette.ts';
import { rgbOf } from './support.ts';

type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

/** What colours look like without one kind of cones: Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB. */
const sights: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (matrix: Matrix, v: readonly number[]) =>
  matrix.map((row) => row.reduce((sum, m, i) => sum + m * (v[i] ?? 0), 0));

function oklab(hex: string, sight: Matrix): number[] {
  const linear = rgbOf(hex)
    .map((byte) => byte / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const seen = times(sight, linear).map((value) => Math.min(1, Math.max(0, value)));
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    seen,
  );
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    lms.map(Math.cbrt),
  );
}

const distance = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));

function smallestDistance(colours: readonly string[], sight: Matrix): number {
  const seen = colours.map((colour) => oklab(colour, sight));
  return Math.min(...seen.flatMap((a, i) => seen.slice(i + 1).map((b) => distance(a, b))));
}

test.each(Object.entries(sights))('ten colours and white differ for %s sight', (_, sight) => {
  expect(classPalette).toHaveLength(10);
  expect(smallestDistance(classPalette, sight)).toBeGreaterThan(0.117);
  const white = oklab('#ffffff', sight);
  for (const colour of classPalette) expect(distance(oklab(colour, sight), white)).toBeGreaterThan(0.1);
});

test.each([0, 1, 10, 11, 30, 100])('%i classes have that many distinct colours', (count) => {
  const colours = classColours(count);
  expect(new Set(colours).size).toBe(count);
  for (const colour of colours) expect(colour).toMatch(/^#[0-9a-f]{6}$/);
  if (count > 1 && count <= 30) expect(smallestDistance(colours, sights.normal as Matrix)).toBeGreaterThan(0.04);
});
