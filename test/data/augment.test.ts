import sharp from 'sharp';
import { expect, test } from 'vitest';
import { formatAugmentation, parseAugmentation } from '../../pipeline/data/augment.ts';
import { type Change, changeImage, drawChange, hashWords } from '../../pipeline/data/warp.js';
import { expectFacts, inputErrorOf } from './support.ts';

const unchanged: Change = { flip: false, scale: 1, angle: 0, right: 0, down: 0, brightness: 1 };

function changed(pixels: readonly number[], width: number, change: Partial<Change>, channels = 1): number[] {
  const source = Uint8Array.from(pixels);
  const target = new Uint8Array(source.length);
  const shape = { height: source.length / width / channels, width, channels };
  changeImage(source, target, shape, { ...unchanged, ...change });
  expect([...source]).toEqual(pixels);
  return [...target];
}

// biome-ignore format: an image
const image = [
  1, 2, 3, 4,
  5, 6, 7, 8,
  9, 10, 11, 12,
];

test('flip reverses the rows exactly, pixel by pixel', () => {
  expect(changed(image, 4, { flip: true })).toEqual([4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9]);
  expect(changed([1, 2, 3, 4, 5, 6, 7, 8, 9], 3, { flip: true }, 3)).toEqual([7, 8, 9, 4, 5, 6, 1, 2, 3]);
});

test('a shift by whole pixels moves them and repeats the edge', () => {
  expect(changed(image, 4, { right: 1 })).toEqual([1, 1, 2, 3, 5, 5, 6, 7, 9, 9, 10, 11]);
  expect(changed(image, 4, { down: -2 })).toEqual([9, 10, 11, 12, 9, 10, 11, 12, 9, 10, 11, 12]);
  expect(changed(image, 4, { flip: true, right: -1, down: 1 })).toEqual([3, 2, 1, 1, 3, 2, 1, 1, 7, 6, 5, 5]);
});

test('a shift by a part of a pixel is the mean of its neighbours', () => {
  expect(changed([0, 100, 200, 40], 4, { right: 0.25 })).toEqual([0, 75, 175, 80]);
  expect(changed([0, 0, 0, 90, 30, 60], 2, { down: 0.5 }, 1)).toEqual([0, 0, 0, 45, 15, 75]);
});

test('brightness multiplies, rounds to the nearest and clips', () => {
  for (const more of [{}, { right: 1 }]) {
    expect(changed([9, 9, 100, 250].slice(0, 4), 1, { brightness: 1.1, ...more })).toEqual([10, 10, 110, 255]);
    expect(changed([255, 3, 0], 1, { brightness: 0.5, ...more })).toEqual([128, 2, 0]);
  }
});

test('turns by 90° and 180° are those of sharp, clockwise', async () => {
  const pixels = Array.from({ length: 5 * 5 * 3 }, (_, i) => (i * 41) % 256);
  const raw = { raw: { width: 5, height: 5, channels: 3 } } as const;
  for (const degrees of [90, 180, -90]) {
    const turned = await sharp(Uint8Array.from(pixels), raw).rotate(degrees).raw().toBuffer();
    expect(changed(pixels, 5, { angle: (degrees * Math.PI) / 180 }, 3)).toEqual([...turned]);
  }
});

test('a turn by 45° takes the corner of the middle from above it', () => {
  // The pixel at (1, 0) from the centre, turned back by 45°, is at (0.7071, -0.7071).
  const pixels = [0, 100, 200, 0, 0, 100, 0, 0, 0];
  const f = Math.SQRT1_2;
  const expected = (1 - f) * f * 100 + f * f * 200 + f * (1 - f) * 100;
  expect(changed(pixels, 3, { angle: Math.PI / 4 })[5]).toBe(Math.round(expected));
});

test('scale 2 enlarges about the centre', () => {
  expect(changed([0, 40, 80, 120, 160], 5, { scale: 2 })).toEqual([40, 60, 80, 100, 120]);
});

test('the hash is MurmurHash3', () => {
  // From the reference implementation, MurmurHash3_x86_32 with seed 0, of little-endian words.
  expect(hashWords([])).toBe(0);
  expect(hashWords([0])).toBe(0x2362f9de);
  expect(hashWords([0x87654321])).toBe(0xf55b516b);
  expect(hashWords([2 ** 32 + 0x87654321])).toBe(0xf55b516b);
});

test('draws are spread over their ranges, and a change that is left out alters no other', () => {
  const shape = { height: 20, width: 10, channels: 1 };
  const all = parseAugmentation('flip,shift=0.1,rotate=10,zoom=0.2,brightness=0.3');
  const some = parseAugmentation('flip,rotate=10');
  const draws = Array.from({ length: 4000 }, (_, i) => drawChange(all, shape, -5, 3, i));
  const range = (of: (change: Change) => number, low: number, high: number) => {
    const values = draws.map(of);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
    expect(Math.max(...values)).toBeLessThanOrEqual(high);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean - (low + high) / 2)).toBeLessThan((high - low) / 40);
    expect(variance / ((high - low) ** 2 / 12)).toBeCloseTo(1, 1);
  };
  range(({ right }) => right, -1, 1);
  range(({ down }) => down, -2, 2);
  range(({ angle }) => (angle * 180) / Math.PI, -10, 10);
  range(({ scale }) => scale, 0.8, 1.2);
  range(({ brightness }) => brightness, 0.7, 1.3);
  expect(draws.filter(({ flip }) => flip).length / draws.length).toBeCloseTo(0.5, 1);
  draws.slice(0, 50).forEach(({ flip, angle }, i) => {
    expect(drawChange(some, shape, -5, 3, i)).toEqual({ ...unchanged, flip, angle });
  });
  const others = [drawChange(all, shape, 2 ** 32 - 5, 3, 0), drawChange(all, shape, -5, 4, 0), draws[1], draws[0]];
  expect(new Set(others.map((change) => change?.angle)).size).toBe(4);
});

test('images that are only moved are moved by whole pixels', () => {
  const shift = parseAugmentation('flip,shift=0.1');
  const draws = Array.from({ length: 500 }, (_, i) =>
    drawChange(shift, { height: 20, width: 30, channels: 3 }, 0, 0, i),
  );
  expect([...new Set(draws.map(({ right }) => right))].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
  expect([...new Set(draws.map(({ down }) => down))].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
});

test('a specification is read and written in one form', () => {
  const text = 'flip,shift=0.1,rotate=10,zoom=0.1,brightness=0.1';
  expect(parseAugmentation(text)).toEqual({ flip: true, shift: 0.1, rotate: 10, zoom: 0.1, brightness: 0.1 });
  expect(formatAugmentation(parseAugmentation(text))).toBe(text);
  expect(formatAugmentation(parseAugmentation('zoom=.50, flip'))).toBe('flip,zoom=0.5');
  expect(formatAugmentation(parseAugmentation('none'))).toBe('none');
});

test.each([
  ['', "''", 'flip,shift='],
  ['sheer=1', "'sheer=1'", 'flip,shift='],
  ['flip,', "''"],
  ['flip=1', 'flip', "'1'"],
  ['flip,flip', 'flip', 'twice'],
  ['shift=0.1,shift=0.2', 'shift', 'twice'],
  ['shift', 'shift', 'no amount', '0.5', 'shift=0.1'],
  ['shift=', 'shift', '0.5'],
  ['shift=0.6', "'0.6'", '0.5'],
  ['shift=1=2', "'shift=1=2'"],
  ['rotate=-3', "'-3'", 'degrees', '180'],
  ['zoom=1', "'1'", '0.9'],
  ['brightness=x', "'x'", '1'],
  ['rotate=NaN', "'NaN'"],
])('--augment %s is refused', async (spec, ...facts) => {
  expectFacts(await inputErrorOf((async () => parseAugmentation(spec))()), `--augment ${spec}: `, ...facts);
});
