import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Generator, type GeneratorState } from '../../pipeline/data/generator.ts';

const normals = (generator: Generator, n: number) => {
  const target = new Float32Array(n);
  generator.fillNormal(target);
  return target;
};

test('xoroshiro128+ gives the numbers of its reference implementation', () => {
  // Blackman and Vigna's C code on 64-bit integers; shuffled and fillNormal only see its low halves.
  const mask = (1n << 64n) - 1n;
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (64n - k))) & mask;
  let [s0, s1] = [0x0123456789abcdefn, 0x0fedcba987654321n];
  const start = [s0 >> 32n, s0 & 0xffffffffn, s1 >> 32n, s1 & 0xffffffffn].map((word) =>
    Number(BigInt.asIntN(32, word)),
  );
  const generator = new Generator(start as unknown as GeneratorState);
  for (let i = 0; i < 20; i++) {
    const low = Number((s0 + s1) & 0xffffffffn);
    const other = s0 ^ s1;
    [s0, s1] = [(rotl(s0, 24n) ^ other ^ (other << 16n)) & mask, rotl(other, 37n)];
    // A shuffle of two draws once: it swaps when the number, moved up by 2³¹, is even.
    expect([...generator.shuffled(2)]).toEqual(((low + 2 ** 31) % 2 ** 32) % 2 === 0 ? [1, 0] : [0, 1]);
  }
});

test('a shuffle contains every number once', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer(), (n, seed) => {
      const order = Generator.of(seed, 'order').shuffled(n);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    }),
  );
});

test('all 24 orders of four are equally frequent', () => {
  const generator = Generator.of(7, 'order');
  const counts = new Map<string, number>();
  const draws = 24_000;
  for (let i = 0; i < draws; i++) {
    const order = generator.shuffled(4).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(24);
  const expected = draws / 24;
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chiSquare).toBeLessThan(49.7); // 23 degrees of freedom, 0.1 %
});

test('normals have the moments and the distribution of the standard normal', () => {
  const n = 200_000;
  const values = normals(Generator.of(0, 'noise'), n);
  const moment = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / n;
  // Five standard errors each.
  expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n));
  expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
  expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  const below = (x: number) => values.filter((value) => value < x).length / n;
  for (const [x, probability] of [
    [-1.959964, 0.025],
    [-0.6744898, 0.25],
    [1.2815516, 0.9],
  ] as const) {
    expect(Math.abs(below(x) - probability)).toBeLessThan(5 * Math.sqrt((probability * (1 - probability)) / n));
  }
});

test('a generator restored from its state continues as the original, through JSON and odd counts', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.nat(9), { maxLength: 6 }), fc.nat(9), (seed, fills, more) => {
      const original = Generator.of(seed, 'noise');
      for (const count of fills) normals(original, count);
      const copy = new Generator(JSON.parse(JSON.stringify(original.state)) as GeneratorState);
      expect(normals(copy, more)).toEqual(normals(original, more));
      expect(copy.shuffled(20)).toEqual(original.shuffled(20));
      expect(copy.state).toEqual(original.state);
    }),
  );
});

test('streams of different names and seeds have nothing in common', () => {
  const streams = [
    Generator.of(0, 'order'),
    Generator.of(0, 'noise'),
    Generator.of(1, 'order'),
    Generator.of(1, 'noise'),
    Generator.of(2, 'noise'),
  ].map((generator) => normals(generator, 20_000));
  streams.forEach((a, i) => {
    for (const b of streams.slice(i + 1)) {
      const correlation = a.reduce((sum, x, k) => sum + x * (b[k] as number), 0) / a.length;
      expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(a.length));
    }
  });
  expect(Generator.of(3, 'order').state).toEqual(Generator.of(3, 'order').state);
});
