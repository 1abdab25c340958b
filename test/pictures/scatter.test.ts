import fc from 'fast-check';
import { expect, test } from 'vitest';
import { classPalette, plainColour, quietColour } from '../../pipeline/pictures/palette.ts';
import { drawScatter, placeLabels } from '../../pipeline/pictures/scatter.ts';
import { type Decoded, decode, isInk, mean, noise, pixelsWhere, rgbOf } from './support.ts';
import { placedElements, textsOf } from './svg.ts';

/** Three classes at the corners of three squares: their medians, the centres, have no point near. */
const centres = [
  [-60, 10],
  [0, 90],
  [70, -30],
] as const;
const points = Float32Array.from(centres.flatMap(([x, y]) => [x - 9, y - 9, x + 9, y - 9, x - 9, y + 9, x + 9, y + 9]));
const labels = Int32Array.from([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
const classes = ['cat', 'dog', 'eel'];

/** Whether a pixel has a colour, but for rounding. */
const has =
  ([r = 0, g = 0, b = 0]: readonly number[]) =>
  (red: number, green: number, blue: number) =>
    Math.abs(red - r) <= 3 && Math.abs(green - g) <= 3 && Math.abs(blue - b) <= 3;

/** A colour of the given opacity over white. */
const overWhite = (hex: string, opacity: number) => rgbOf(hex).map((value) => 255 + opacity * (value - 255));

/** Centres of the four discs of a colour, sorted by x, then y. */
function discsOf(picture: Decoded, colour: readonly number[]): [number, number][] {
  const groups: { x: number; y: number }[][] = [];
  for (const pixel of pixelsWhere(picture, has(colour))) {
    const group = groups.find((members) => members.some(({ x, y }) => Math.hypot(x - pixel.x, y - pixel.y) < 8));
    if (group) group.push(pixel);
    else groups.push([pixel]);
  }
  const large = groups.filter(({ length }) => length > 20);
  const discs = large.map((group): [number, number] => [mean(group.map(({ x }) => x)), mean(group.map(({ y }) => y))]);
  return discs.sort(([ax, ay], [bx, by]) => (Math.abs(ax - bx) > 3 ? ax - bx : ay - by));
}

test('points are discs at their coordinates in their class’s colour, y upwards, with equal scales without axes', async () => {
  const picture = await decode((await drawScatter({ points, labels, classes, axes: null })).png);
  const seen = classPalette.slice(0, 3).map((colour) => discsOf(picture, overWhite(colour, 0.6)));
  expect(seen.map(({ length }) => length)).toEqual([4, 4, 4]);
  const wanted = centres.flatMap(([x, y]) => [
    [x - 9, y + 9],
    [x - 9, y - 9],
    [x + 9, y + 9],
    [x + 9, y - 9],
  ]);
  const found = seen.flat();
  const scale = ((found.at(-1)?.[0] ?? 0) - (found[0]?.[0] ?? 0)) / ((wanted.at(-1)?.[0] ?? 0) - (wanted[0]?.[0] ?? 0));
  wanted.forEach(([x = 0, y = 0], i) => {
    const [px = 0, py = 0] = found[i] ?? [];
    expect(Math.abs(px - (found[0]?.[0] ?? 0) - scale * (x - (wanted[0]?.[0] ?? 0)))).toBeLessThan(1.5);
    expect(Math.abs(py - (found[0]?.[1] ?? 0) + scale * (y - (wanted[0]?.[1] ?? 0)))).toBeLessThan(1.5);
  });
});

test.each([null, ['latent 1', 'latent 2'] as const])('names are at the medians, axes %o', async (axes) => {
  const picture = await decode((await drawScatter({ points, labels, classes, axes })).png);
  for (const colour of classPalette.slice(0, 3)) {
    const discs = discsOf(picture, overWhite(colour, 0.6));
    const [x, y] = [mean(discs.map(([left]) => left)), mean(discs.map(([, top]) => top))];
    const box = {
      left: Math.round(x) - 40,
      right: Math.round(x) + 40,
      top: Math.round(y) - 30,
      bottom: Math.round(y) + 30,
    };
    const ink = pixelsWhere(picture, isInk, box);
    expect(ink.length).toBeGreaterThan(100);
    const middle = (values: number[]) => (Math.min(...values) + Math.max(...values)) / 2;
    expect(Math.abs(middle(ink.map((pixel) => pixel.x)) - x)).toBeLessThan(4);
    expect(Math.abs(middle(ink.map((pixel) => pixel.y)) - y)).toBeLessThan(7); // letters with and without descenders
  }
});

test('outliers do not move a name away from the median', async () => {
  const skewed = Float32Array.of(0, 0, 1, 1, 2, 2, 30, 40, 100, 100);
  const { svg } = await drawScatter({ points: skewed, labels: new Int32Array(5), classes: ['all'], axes: ['a', 'b'] });
  const placed = placedElements(svg);
  const discs = placed.filter(({ attributes }) => attributes.opacity === '0.6').sort((a, b) => a.x - b.x);
  const name = placed.find(({ text, attributes }) => text === 'all' && attributes['font-weight'] === 'bold');
  expect(discs).toHaveLength(5);
  expect(Math.abs((name?.x ?? 0) - (discs[2]?.x ?? 1))).toBeLessThan(0.02);
  expect(Math.abs((name?.y ?? 0) - (discs[2]?.y ?? 1))).toBeLessThan(8); // half the letters' height
});

test('names have a white halo over the points', async () => {
  const crowd = Float32Array.from({ length: 40_000 }, (_, i) => (i % 2 === 0 ? (i >> 1) % 160 : Math.floor(i / 320)));
  const scatter = { points: crowd, labels: new Int32Array(20_000), classes: ['I'], axes: null };
  const picture = await decode((await drawScatter(scatter)).png);
  const centre = { x: 24 + 620, y: 24 + 520 };
  const area = { left: centre.x - 30, right: centre.x + 30, top: centre.y - 30, bottom: centre.y + 30 };
  const ink = pixelsWhere(picture, isInk, area);
  expect(ink.length).toBeGreaterThan(50);
  const right = Math.max(...ink.map(({ x }) => x));
  const rows = ink.map(({ y }) => y);
  for (let y = Math.min(...rows) + 2; y < Math.max(...rows) - 2; y++) {
    expect(Math.min(...picture.at(right + 3, y))).toBeGreaterThan(240);
  }
});

test('the legend right of the points shows each class once, in its full colour', async () => {
  const { svg, png } = await drawScatter({ points, labels, classes, axes: ['latent 1', 'latent 2'] });
  const texts = textsOf(svg);
  for (const name of ['latent 1', 'latent 2']) expect(texts.filter((text) => text === name)).toHaveLength(1);
  for (const name of classes) expect(texts.filter((text) => text === name)).toHaveLength(3); // halo, name, legend
  const picture = await decode(png);
  for (const colour of classPalette.slice(0, 3)) {
    const seen = pixelsWhere(picture, has(rgbOf(colour)));
    expect(seen.length).toBeGreaterThan(100);
    expect(Math.min(...seen.map(({ x }) => x))).toBeGreaterThan(2 * 620);
  }
});

test('of thousands of classes, points have colours but no names', async () => {
  const count = 3000;
  const { svg, width } = await drawScatter({
    points: Float32Array.from(noise(2 * count, 5)),
    labels: Int32Array.from({ length: count }, (_, i) => i),
    axes: null,
  });
  expect(textsOf(svg)).toEqual([]);
  const discs = placedElements(svg).filter(({ attributes }) => attributes.opacity === '0.6');
  expect(discs).toHaveLength(count);
  expect(new Set(discs.map(({ attributes }) => attributes.fill)).size).toBeGreaterThan(100);
  expect(width).toBeLessThan(2 * 700);
});

test('names of overlapping classes do not overlap', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `class ${i}`);
  const together = Float32Array.from(noise(2400, 5));
  const { svg } = await drawScatter({
    points: together,
    labels: Int32Array.from({ length: 1200 }, (_, i) => i % 12),
    classes: names,
    axes: null,
  });
  const places = placedElements(svg).filter(
    ({ text, attributes }) =>
      text.startsWith('class') && attributes['font-weight'] === 'bold' && attributes.fill !== 'white',
  );
  expect(places.map(({ text }) => text).sort()).toEqual([...names].sort());
  places.forEach((a, i) => {
    for (const b of places.slice(i + 1))
      expect(Math.abs(a.x - b.x) > 55 || Math.abs(a.y - b.y) > 17, `${a.text}, ${b.text}`).toBe(true);
  });
});

test('points without classes have one colour, no legend and no names', async () => {
  const { svg } = await drawScatter({ points, axes: null });
  expect(textsOf(svg)).toEqual([]);
  const fills = placedElements(svg).flatMap(({ element, attributes }) =>
    element === 'path' && attributes.opacity ? [attributes.fill] : [],
  );
  expect(fills).toEqual(Array.from({ length: 12 }, () => plainColour));
});

test('a class keeps its colour where others are absent, and classes without names have indices', async () => {
  const { svg } = await drawScatter({ points, labels: labels.map((label) => label + 4), axes: null });
  expect(textsOf(svg)).toContain('6');
  for (const colour of classPalette.slice(4, 7)) expect(svg).toContain(colour);
  expect(svg).not.toContain(classPalette[0]);
});

test('points without a label among others are gray, last in the legend, and have no name in the plot', async () => {
  const some = labels.map((label) => (label === 1 ? -1 : label));
  const { svg, png } = await drawScatter({ points, labels: some, classes, axes: null });
  const picture = await decode(png);
  expect(discsOf(picture, overWhite(quietColour, 0.6))).toHaveLength(4);
  const texts = textsOf(svg);
  expect(texts.filter((text) => text === 'unlabelled')).toHaveLength(1);
  expect(texts.filter((text) => text === classes[1])).toHaveLength(0);
  expect(texts.filter((text) => text === classes[2])).toHaveLength(3);
});

test('no class is drawn over the others', async () => {
  const sorted = Int32Array.from({ length: 1000 }, (_, i) => (i < 500 ? 0 : 1));
  const { svg } = await drawScatter({ points: Float32Array.from(noise(2000, 3)), labels: sorted, axes: null });
  const drawn = placedElements(svg).flatMap(({ attributes: { opacity, fill } }) => (opacity === '0.6' ? [fill] : []));
  expect(drawn).toHaveLength(1000);
  const early = drawn.slice(0, 500).filter((fill) => fill === classPalette[0]).length;
  expect(Math.abs(early - 250)).toBeLessThan(50);
});

test('equal points give equal bytes', async () => {
  const scatter = { points, labels, classes, axes: ['latent 1', 'latent 2'] } as const;
  expect(await drawScatter(scatter)).toEqual(await drawScatter(scatter));
});

test('equal points, and a single point, can be drawn', async () => {
  for (const n of [1, 3]) {
    const { svg } = await drawScatter({
      points: new Float32Array(2 * n).fill(5),
      labels: new Int32Array(n),
      axes: ['a', 'b'],
    });
    expect(svg).not.toContain('NaN');
  }
});

test('arrays of different lengths and non-finite coordinates are refused', async () => {
  await expect(drawScatter({ points: new Float32Array(3), axes: null })).rejects.toThrow(RangeError);
  await expect(drawScatter({ points, labels: new Int32Array(11), axes: null })).rejects.toThrow(RangeError);
  await expect(drawScatter({ points: Float32Array.of(0, Number.NaN), axes: null })).rejects.toThrow('not finite');
});

const area = { width: 600, height: 500 };

const box = fc.record({
  x: fc.double({ min: 0, max: 600, noNaN: true }),
  y: fc.double({ min: 0, max: 500, noNaN: true }),
  width: fc.integer({ min: 10, max: 60 }),
  height: fc.constant(18),
});

test('labels end up apart and inside the area', () => {
  fc.assert(
    fc.property(fc.array(box, { maxLength: 15 }), (boxes) => {
      const places = placeLabels(boxes, area);
      places.forEach((a, i) => {
        const { width, height } = boxes[i] ?? { width: 0, height: 0 };
        expect(Math.abs(a.x - 300)).toBeLessThanOrEqual(300 - width / 2 + 1e-9);
        expect(Math.abs(a.y - 250)).toBeLessThanOrEqual(250 - height / 2 + 1e-9);
        for (let j = i + 1; j < places.length; j++) {
          const [b, other] = [places[j] ?? a, boxes[j] ?? { width: 0, height: 0 }];
          const apart = Math.max(
            Math.abs(a.x - b.x) - (width + other.width) / 2,
            Math.abs(a.y - b.y) - (height + other.height) / 2,
          );
          expect(apart).toBeGreaterThan(-0.5);
        }
      });
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('labels that do not overlap stay where they are', () => {
  const boxes = [
    { x: 100, y: 100, width: 40, height: 18 },
    { x: 141, y: 100, width: 40, height: 18 },
    { x: 100, y: 119, width: 40, height: 18 },
  ];
  expect(placeLabels(boxes, area)).toEqual(boxes.map(({ x, y }) => ({ x, y })));
});

test('overlapping labels are pushed apart in the shorter direction, each by half', () => {
  const [a, b, c] = [
    { x: 100, y: 100, width: 40, height: 18 },
    { x: 105, y: 112, width: 40, height: 18 },
    { x: 300, y: 105, width: 40, height: 18 },
  ];
  const next = { ...c, x: 335 };
  expect(placeLabels([a, b, c, next], area)).toEqual([
    { x: 100, y: 97 },
    { x: 105, y: 115 },
    { x: 297.5, y: 105 },
    { x: 337.5, y: 105 },
  ]);
});
