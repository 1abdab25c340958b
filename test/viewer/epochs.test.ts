import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { drawReconstructions } from '../../pipeline/pictures/grid.ts';
import { lossText, lossUnits, lossUnitText } from '../../web-viewer/src/ui/loss-units.ts';
import { scaleFor, scaleOfCurves } from '../../web-viewer/src/ui/scale.ts';
import {
  atOrBefore,
  bestEpoch,
  curveOf,
  indexOfEpoch,
  judgedBy,
  quantitiesOf,
  readHistory,
  splitsOf,
} from '../../web-viewer/src/views/epochs/history.ts';
import { findTiles, readPairs } from '../../web-viewer/src/views/epochs/pictures.ts';

const line = (split: string, epoch: number, numbers: object, span = 'epoch') =>
  JSON.stringify({ split, span, epoch, step: 1, images: 1, time: 0, ...numbers });

describe('the record of a training', () => {
  const text = [
    line('train', 2, { loss: 3, reconstruction: 2, kl: 1 }),
    line('train', 1, { loss: 9 }, 'steps'),
    line('train', 1, { loss: 5, reconstruction: 4.5, kl: 0.5 }),
    line('test', 1, { loss: 2.5, reconstruction: 2, kl: 0.5 }),
    '{"split":"test","span":"epoch","epoch":2,"lo',
    line('test', 3, { loss: null }),
    line('test', 2, { loss: 2.75 }),
    'null',
    '',
  ].join('\n');

  test('is read by epoch, without lines for steps and damaged lines', () => {
    expect(readHistory(text)).toEqual([
      {
        epoch: 1,
        train: { loss: 5, reconstruction: 4.5, kl: 0.5 },
        val: null,
        test: { loss: 2.5, reconstruction: 2, kl: 0.5 },
      },
      {
        epoch: 2,
        train: { loss: 3, reconstruction: 2, kl: 1 },
        val: null,
        test: { loss: 2.75, reconstruction: null, kl: null },
      },
    ]);
  });

  test('yields curves with gaps, and the best epoch', () => {
    const history = readHistory(text);
    expect(curveOf(history, 'test', 'kl')).toEqual([0.5, null]);
    expect(bestEpoch(history)).toBe(1);
    expect(quantitiesOf(history)).toEqual(['loss', 'reconstruction', 'kl']);
    expect(quantitiesOf(readHistory(line('test', 1, { loss: 1, reconstruction: 1 })))).toEqual(['loss']);
    expect(readHistory('')).toEqual([]);
    expect(bestEpoch([])).toBeNull();
  });

  test('is judged by validation images where there are any', () => {
    expect([splitsOf(readHistory(text)), judgedBy(readHistory(text))]).toEqual([['train', 'test'], 'test']);
    const validated = readHistory([text, line('val', 1, { loss: 8 }), line('val', 2, { loss: 7 })].join('\n'));
    expect(splitsOf(validated.map((epoch) => ({ ...epoch, test: null })))).toEqual(['train', 'val']);
    expect([splitsOf(validated), judgedBy(validated)]).toEqual([['train', 'val', 'test'], 'val']);
    expect(curveOf(validated, 'val', 'loss')).toEqual([8, 7]);
    expect(bestEpoch(validated)).toBe(2);
  });

  test('falls back to the last epoch where an unknown one is requested', () => {
    expect(indexOfEpoch([1, 2, 5], 0)).toBe(2);
    expect(indexOfEpoch([1, 2, 5], 2)).toBe(1);
    expect(indexOfEpoch([1, 2, 5], 4)).toBe(2);
    expect(atOrBefore([2, 4], 3)).toBe(2);
    expect(atOrBefore([2, 4], 1)).toBe(2);
    expect(atOrBefore([], 1)).toBeNull();
  });
});

describe('scales', () => {
  test('are logarithmic where values span more than a power of ten, and include all values', () => {
    expect(scaleFor([1, 9]).kind).toBe('linear');
    expect(scaleFor([-1, 900]).kind).toBe('linear');
    for (const values of [[1, 9], [0.002, 0.4, 7], [5], [0, 0], [-3, 4], [null, 2]]) {
      const scale = scaleFor(values);
      for (const value of values) {
        if (value === null) continue;
        expect(value).toBeGreaterThan(scale.low);
        expect(value).toBeLessThan(scale.high);
      }
    }
    const log = scaleFor([0.001, 1000]);
    expect(log.kind).toBe('log');
    expect(Math.sqrt(log.low * log.high)).toBeCloseTo(1, 9);
  });

  test('fit any number of values', () => {
    const scale = scaleFor(Array.from({ length: 300_000 }, (_, i) => i));
    expect(scale).toEqual({ kind: 'linear', low: -0.06 * 299_999, high: 1.06 * 299_999 });
  });

  test('clip the first training mean where there are many epochs', () => {
    const [main, other] = [
      { main: true, values: [10, 9, 8, 7] },
      { main: false, values: [50, 9, 8, 7] },
    ];
    expect(scaleOfCurves([main, other]).high).toBeLessThan(11);
    const few = [main, other].map((curve) => ({ ...curve, values: curve.values.slice(0, 3) }));
    expect(scaleOfCurves(few).high).toBeGreaterThan(50);
  });
});

test('losses are given per image in nats, squared errors per pixel', () => {
  const image = { height: 28, width: 28, channels: 1 } as const;
  const model = { name: 'm', summary: '', error: 'binary cross-entropy', variational: false } as const;
  const nats = lossUnits({ model, image });
  expect([lossText(0.1189, nats), lossUnitText(0.1189, nats)]).toEqual(['93.22', 'nats per image (0.1189 per pixel)']);
  expect(lossText(-0.0001, nats)).toBe('−0.07840');
  const squared = lossUnits({ model: { ...model, error: 'mean squared error' }, image: { ...image, channels: 3 } });
  expect([lossText(0.0112, squared), lossUnitText(0.0112, squared)]).toEqual([
    '0.01120',
    'squared error per pixel and channel',
  ]);
  expect([lossText(null, nats), lossUnitText(null, nats)]).toEqual(['–', 'nats per image']);
});

describe('the picture of an epoch', () => {
  test.each([
    ['gray digits', { height: 28, width: 28, channels: 1 }, 8],
    ['colour images', { height: 32, width: 32, channels: 3 }, 8],
    ['large images, which are not enlarged', { height: 90, width: 80, channels: 3 }, 8],
    ['few images next to labels as wide as one', { height: 28, width: 28, channels: 1 }, 3],
  ] as const)('yields the images that the pipeline has drawn: %s', async (_, shape, count) => {
    const size = shape.height * shape.width * shape.channels;
    const bytes = (seed: number) =>
      Uint8Array.from({ length: count * size }, (_, i) => (i * 7919 + seed * 31 + (i >> 5)) % 251);
    const [originals, reconstructions] = [bytes(1), bytes(2)];
    const { png } = await drawReconstructions({ shape, originals, reconstructions });
    const { data, info } = await sharp(png)
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const tiles = findTiles(info.width, info.height, shape);
    if (!tiles) throw new Error('no tiles found');
    const pairs = readPairs(new Uint8ClampedArray(data), info.width, tiles, shape);
    expect(pairs).toHaveLength(count);
    pairs.forEach(({ original, reconstruction }, i) => {
      expect(Buffer.from(original).equals(originals.subarray(i * size, (i + 1) * size))).toBe(true);
      expect(Buffer.from(reconstruction).equals(reconstructions.subarray(i * size, (i + 1) * size))).toBe(true);
    });
  });

  test('is rejected where it has another layout', () => {
    expect(findTiles(500, 333, { height: 28, width: 28, channels: 1 })).toBeNull();
  });
});
