import { describe, expect, test, vi } from 'vitest';
import { detection, flagging } from '../../pipeline/analyse/detection.ts';
import { fitTails, scoresOf, thresholdOf } from '../../pipeline/analyse/outlier-score.ts';
import { fitShrunkNormal } from '../../pipeline/analyse/shrunk-normal.ts';
import { fitTail, isExtrapolated, percentileOf, rarity } from '../../pipeline/analyse/tail.ts';
import { type Usual, unusualnessBy } from '../../pipeline/analyse/unusual.ts';
import { fitUsual } from '../../pipeline/analyse/usual.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { learn } from '../../pipeline/outliers/distances.ts';

test('a percentile with five reference images above it is not extrapolated', () => {
  // Five images are above 90 of 50, and above 99.9 of 5000, though 1 − 0.9 and 100 − 99.9 round below 0.1.
  const five = [
    [90, 50],
    [95, 100],
    [99, 500],
    [99.9, 5000],
    [99.99, 50_000],
  ] as const;
  for (const [percentile, images] of five) {
    expect([isExtrapolated(percentile, images), isExtrapolated(percentile, images - 1)]).toEqual([false, true]);
    const { shares } = fitTail(Float32Array.from({ length: images }, (_, i) => i));
    expect(shares.at(-1)).toBeCloseTo(1 - percentile / 100, 9);
  }
});

describe('how well scores detect', () => {
  // Values by scikit-learn 1.9.1, on scores with ties.
  const scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.05, 0.9, 0.35, 0.7];
  const positive = [0, 0, 1, 1, 1, 0, 0, 1, 0, 0].map(Boolean);

  test('as roc_auc_score and average_precision_score', () => {
    expect(detection(scores, positive).auroc).toBeCloseTo(0.7708333333333334, 12);
    expect(detection(scores, positive).ap).toBeCloseTo(0.75, 12);
  });

  test('as precision_score, recall_score and f1_score', () => {
    const found = flagging(
      scores.map((score) => score > 0.38),
      positive,
    );
    expect(found.precision).toBeCloseTo(0.5, 12);
    expect(found.recall).toBeCloseTo(0.75, 12);
    expect(found.f1).toBeCloseTo(0.6, 12);
    expect(found.falsePositives).toBeCloseTo(3 / 6, 12);
    const nothing = flagging(
      scores.map(() => false),
      positive,
    );
    expect(nothing).toEqual({ precision: 0, recall: 0, f1: 0, falsePositives: 0 });
  });

  test('one kind alone has no measure', () => {
    expect(() => detection([1, 2], [true, true])).toThrow(RangeError);
    expect(() => detection([1, 2], [false, false])).toThrow(RangeError);
  });
});

describe('how rare values are', () => {
  /** 0 to 10 in tenths. */
  const tenths = Float32Array.from({ length: 101 }, (_, i) => ((i * 37) % 101) / 10);

  test('quantiles are those of numpy', () => {
    const { values, shares } = fitTail(tenths);
    const at = (share: number) => values[shares.findIndex((each) => Math.abs(each - share) < 1e-9)];
    expect([at(1), at(0.5), at(0.06), at(0.05)].map((value) => value?.toFixed(5))).toEqual([
      '0.00000',
      '5.00000',
      '9.40000',
      '9.50000',
    ]);
    expect(shares.at(-1)).toBeCloseTo(0.05, 9); // fewer than five images are above the next
  });

  test('rarity rises without end, and is 0 below the least', () => {
    const tail = fitTail(tenths);
    expect(rarity(tail, -1)).toBe(0);
    expect(rarity(tail, 5)).toBeCloseTo(Math.log10(2), 5);
    expect(percentileOf(rarity(tail, 9))).toBeCloseTo(90, 4);
    // Beyond the last quantile by the mean excess over it, (0.1 + … + 0.5) / 5 = 0.3.
    expect(rarity(tail, 9.5 + 0.3 * Math.LN10)).toBeCloseTo(-Math.log10(0.05) + 1, 4);
    expect(rarity(tail, 100)).toBeGreaterThan(rarity(tail, 99));
  });

  test('equal values are as common as they are', () => {
    const tail = fitTail(Float32Array.of(...new Array(90).fill(1), ...new Array(10).fill(2)));
    expect(rarity(tail, 1)).toBe(0);
    expect(percentileOf(rarity(tail, 2))).toBeGreaterThan(88);
    const constant = fitTail(new Float32Array(20).fill(3));
    expect([rarity(constant, 3), rarity(constant, 3.1) > 10]).toEqual([0, true]);
  });
});

describe('what is usual', () => {
  test('a single normal distribution is shrunk as by scikit-learn', async () => {
    const at = (i: number, j: number) => ((i * 7 + j * j * 3 + i * i * j) % 11) / 3 - 1.5;
    const rows = Float32Array.from({ length: 24 }, (_, k) => at(Math.floor(k / 4), k % 4));
    const { normal, shrinkage } = await fitShrunkNormal(rows, 4);
    expect(shrinkage).toBeCloseTo(0.6460482346489644, 5);
    const images = { latents: Float32Array.of(1, 2, -1, 0.5, ...rows.subarray(0, 8)), errors: undefined };
    const { distances, surprises } = unusualnessBy(normal, 4)(images);
    expect(surprises).toBeUndefined();
    const expected = [2.63881557, 2.00229436, 1.70303197];
    for (const [i, distance] of distances.entries()) expect(distance).toBeCloseTo(expected[i] as number, 5);
  });

  test('a mixture gives the density of the latent, and the error that is expected for it', () => {
    // Values by scipy 1.x: densities of the marginals, and means and variances of the conditionals.
    const usual = {
      weights: [0.25, 0.75],
      means: [
        [0, 1, -2],
        [3, -1, -1],
      ],
      factors: [
        [1, 0.5, 2, 0.2, -0.3, 0.4],
        [2, 0, 0.5, -0.1, 0.2, 0.3],
      ],
    };
    const images = { latents: Float32Array.of(0.5, 0, 4, -2), errors: Float32Array.of(0.2, 0.9) };
    const { distances, surprises } = unusualnessBy(usual, 2)(images);
    expect(distances[0]).toBeCloseTo(1.9249435, 5);
    expect(distances[1]).toBeCloseTo(2.135008249, 5);
    expect(surprises?.[0]).toBeCloseTo(-0.4565242634, 5);
    expect(surprises?.[1]).toBeCloseTo(4.481515168, 5);
  });

  test('errors count where they are unusually large or small for the latent', async () => {
    const generator = Generator.of(0, 'test');
    const draw = (count: number, factor = 1) => {
      const latents = new Float32Array(count);
      const noise = new Float32Array(count);
      generator.fillNormal(latents);
      generator.fillNormal(noise);
      const errors = latents.map((z, i) => factor * Math.exp(z + 0.1 * (noise[i] as number)));
      return { latents, errors };
    };
    const usual = await fitUsual(draw(2000), 1, { components: 10, seed: 0 });
    const measure = (images: ReturnType<typeof draw>) => ({ ...images, ...unusualnessBy(usual, 1)(images) });
    const tails = fitTails(measure(draw(2000)));
    const flagged = (factor: number) =>
      scoresOf(tails, measure(draw(1000, factor))).score.filter((score) => score > thresholdOf(99)).length;
    expect(flagged(1)).toBeGreaterThan(2);
    expect(flagged(1)).toBeLessThan(25); // a hundredth
    // Errors of other latents: by themselves they are usual.
    expect([flagged(2), flagged(0.5)].every((count) => count > 950)).toBe(true);
  });

  test('a constant latent, and fewer images than numbers', async () => {
    const latents = new Float32Array(5 * 8).fill(0.25);
    const usual = await fitUsual({ latents, errors: undefined }, 8, { components: 10, seed: 0 });
    const images = { latents: Float32Array.of(...latents.subarray(0, 8), ...new Array(8).fill(1)), errors: undefined };
    const { distances } = unusualnessBy(usual, 8)(images);
    expect(distances[0]).toBe(0);
    expect(Number.isFinite(distances[1]) && (distances[1] as number) > 1000).toBe(true);
  });

  test('images are measured a few at a time, which can be stopped', async () => {
    const images = (count: number) => ({
      latents: Float32Array.from({ length: 8 * count }, (_, i) => Math.sin(i * i)),
      errors: Float32Array.from({ length: count }, (_, i) => 1.5 + Math.cos(i * i)),
    });
    const many = images(30_000);
    const { usual, unusual } = await learn('mahalanobis', images(500), 8, 0, () => {});
    const [inParts, together] = [await unusual(many, () => {}), unusualnessBy(usual as Usual, 8)(many)];
    expect(inParts.distances.every((distance, i) => distance === together.distances[i])).toBe(true);
    expect(inParts.surprises?.every((surprise, i) => surprise === together.surprises?.[i])).toBe(true);
    let time = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 1000)); // all pauses are due
    const shares: number[] = [];
    const stop = (share: number) => {
      shares.push(share);
      throw new Interrupted('stopped');
    };
    await expect(unusual(many, stop))
      .rejects.toBeInstanceOf(Interrupted)
      .finally(() => clock.mockRestore());
    expect(shares).toHaveLength(1);
    expect(shares[0]).toBeLessThan(1);
  });
});
