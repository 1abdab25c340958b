import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { textOfLatent } from '../../web-viewer/src/site/dimensions.ts';
import type { InputImage } from '../../web-viewer/src/state/store.ts';
import { split } from '../../web-viewer/src/ui/pixels.ts';
import { sheet } from '../../web-viewer/src/ui/sheet.ts';
import { thereAndBack } from '../../web-viewer/src/views/latent/animation.ts';
import { caption, imageName } from '../../web-viewer/src/views/latent/caption.ts';
import {
  dimensionsOf,
  latentBetween,
  latentsAround,
  latentsBetween,
  moved,
  OFFSETS,
  shareOf,
  withValue,
} from '../../web-viewer/src/views/latent/dimensions.ts';

const statistics = {
  over: 'test' as const,
  images: 100,
  mean: [0, 1, -2, 0],
  std: [1, 0.1, 2, 0],
  min: [-3, 0.9, -30, 0],
  max: [4, 1.1, 0, 0],
};
const card = { latent: { size: 4, statistics } };
const dimensions = (kl: number[] | null) => dimensionsOf(card, { dimensions: { kl, variance: [1, 0.01, 4, 0] } });

describe('latent dimensions', () => {
  it('are ordered by KL, else by variance, and marked where inactive', () => {
    const byKl = dimensions([0.5, 2, 0.0099, 0.01]);
    expect(byKl.map(({ index }) => index)).toEqual([1, 0, 3, 2]);
    expect(byKl.map(({ inactive }) => inactive)).toEqual([false, false, false, true]);
    expect(dimensions(null).map(({ index }) => index)).toEqual([2, 0, 1, 3]);
    expect(dimensions(null).some(({ inactive }) => inactive)).toBe(false);
  });

  it('span 3.5 standard deviations and all images', () => {
    const ends = dimensions([4, 3, 2, 1]).map(({ low, high }) => [low, high]);
    expect(ends[0]).toEqual([-4, 4]);
    expect(ends[1]?.[0]).toBeCloseTo(0.65);
    expect(ends[1]?.[1]).toBeCloseTo(1.35);
    expect(ends[2]).toEqual([-30, 26]);
    expect(ends[3]).toEqual([-1, 1]);
  });

  it('are moved by keys in round steps, to three decimals, within their range', () => {
    const [first] = dimensions([4, 3, 2, 1]);
    if (!first) throw new Error('no dimension');
    expect(moved(first, 0.12345, 'ArrowRight')).toBe(0.173);
    expect(moved(first, 0.12345, 'ArrowDown')).toBe(0.073);
    expect(moved(first, 0, 'PageUp')).toBe(0.5);
    expect(moved(first, 3.99, 'ArrowUp')).toBe(4);
    expect(moved(first, 9, 'PageDown')).toBe(4);
    expect(moved(first, 0, 'Home')).toBe(-4);
    expect(moved(first, 0, 'End')).toBe(4);
    expect(moved(first, 0, 'a')).toBeNull();
    expect([shareOf(first, -4), shareOf(first, 2), shareOf(first, 99)]).toEqual([0, 0.75, 1]);
  });

  it('have more decimals where all of them are small', () => {
    const scaled = (numbers: readonly number[]) => numbers.map((value) => value / 1000);
    const { mean, std, min, max } = statistics;
    const small = { mean: scaled(mean), std: scaled(std), min: scaled(min), max: scaled(max) };
    const latent = { size: 4, statistics: { ...statistics, ...small } };
    const [first] = dimensionsOf({ latent }, { dimensions: { kl: [4, 3, 2, 1], variance: [] } });
    if (!first) throw new Error('no dimension');
    expect(moved(first, 0.00012345, 'ArrowRight')).toBeCloseTo(0.00017345, 5);
    expect(moved(first, 0.00012345, 'ArrowRight')).toBeGreaterThan(0.00012345);
    expect(textOfLatent([0.00012, -0.0027, 0, 0.001], { latent })).toBe('0.00012,-0.0027,0,0.001');
  });

  it('are varied one at a time around a latent', () => {
    const latent = Float32Array.of(9, 8, 7, 6);
    const [, second] = dimensions([4, 3, 2, 1]);
    if (!second) throw new Error('no dimension');
    const rows = split(latentsAround(latent, [second, { ...second, index: 3, mean: 0, std: 2 }]), 2 * OFFSETS.length);
    expect(rows.map((row) => Array.from(row, (value) => Number(value.toFixed(4))))).toEqual([
      ...[0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3].map((value) => [9, value, 7, 6]),
      ...[-6, -4, -2, 0, 2, 4, 6].map((value) => [9, 8, 7, value]),
    ]);
    expect([...withValue(latent, 2, -1)]).toEqual([9, 8, -1, 6]);
    expect([...latent]).toEqual([9, 8, 7, 6]);
  });

  it('are interpolated linearly between two latents, with exact ends', () => {
    const [a, b] = [Float32Array.of(0.1, -3), Float32Array.of(7.3, 5)];
    const rows = split(latentsBetween(a, b, 5), 5);
    expect([rows[0], rows[4]]).toEqual([a, b]);
    expect(rows.map((row) => row[1])).toEqual([-3, -1, 1, 3, 5]);
    expect(latentBetween(a, b, 0.25)).toEqual(rows[1]);
  });
});

describe('pictures', () => {
  const shape = { height: 2, width: 2, channels: 1 };

  it('show enlarged pixels of the images side by side', async () => {
    const images = [Uint8Array.of(0, 50, 100, 150), Uint8Array.of(1, 2, 3, 4)];
    const { width, height, data } = sheet(images, 2, shape, { scale: 3, gap: 3 });
    expect([width, height]).toEqual([15, 6]);
    // The expected pixels, by sharp.
    const large = await Promise.all(
      images.map((image) =>
        sharp(image, { raw: { ...shape, channels: 1 } })
          .resize(6, 6, { kernel: 'nearest' })
          .toColourspace('b-w')
          .raw()
          .toBuffer(),
      ),
    );
    for (let y = 0; y < 6; y++) {
      for (let x = 0; x < 15; x++) {
        const expected = x < 6 ? large[0]?.[y * 6 + x] : x < 9 ? 255 : large[1]?.[y * 6 + x - 9];
        expect([...data.subarray(4 * (y * 15 + x), 4 * (y * 15 + x) + 4)]).toEqual([expected, expected, expected, 255]);
      }
    }
  });

  it('round and clamp values in [0, 1], also in colour', () => {
    const { data } = sheet([Float32Array.of(0.5, 1.2, -0.1)], 1, { height: 1, width: 1, channels: 3 });
    expect([...data]).toEqual([128, 255, 0, 255]);
  });

  it('are played back and forth', () => {
    expect(thereAndBack([0, 1, 2, 3])).toEqual([0, 1, 2, 3, 2, 1]);
  });
});

describe('the caption', () => {
  const image: InputImage = { pixels: new Uint8Array(1), origin: 'set', row: 12, label: 1 };
  const shown = {
    input: image,
    classes: ['ant', 'bee'],
    oneClass: null,
    drawn: { seed: 3, from: 'prior' as const },
    place: 0.254,
    walk: 'on' as const,
  };

  it('names the image, or another origin of the latent', () => {
    expect(caption({ ...shown, origin: 'input' })).toBe('The latent of image 12, class bee');
    expect(imageName(image, null)).toBe('image 12');
    expect(imageName({ ...image, origin: 'drawn', row: null }, null)).toBe('the drawn image');
    expect(caption({ ...shown, origin: 'sample' })).toBe('Random latent 3 from the prior');
    expect(caption({ ...shown, origin: 'between' })).toBe('25 % of the way from A to B');
    expect(caption({ ...shown, origin: 'walk', oneClass: 'ant' })).toBe('Between images of ant: touch to stop');
    expect(caption({ ...shown, origin: 'walk', walk: 'ended' })).not.toContain('stop');
  });
});
