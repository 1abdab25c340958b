import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeLabels } from '../../pipeline/pictures/scatter.ts';

const area = { width: 600, height: 500 };

const box = fc.record({
  x: fc.double({ min: 0, max: 600, noNaN: true }),
  y: fc.double({ min: 0, max: 500, noNaN: true }),
  width: fc.integer({ min: 10, max: 60 }),
  height: fc.constant(18),
});

test('labels end up apart and inside', () => {
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

test('labels that cover none stay where they are wanted', () => {
  const boxes = [
    { x: 100, y: 100, width: 40, height: 18 },
    { x: 141, y: 100, width: 40, height: 18 },
    { x: 100, y: 119, width: 40, height: 18 },
  ];
  expect(placeLabels(boxes, area)).toEqual(boxes.map(({ x, y }) => ({ x, y })));
});

test('two that overlap part the shorter way, each by half', () => {
  const [a, b, c] = [
    { x: 100, y: 100, width: 40, height: 18 },
    { x: 105, y: 112, width: 40, height: 18 },
    { x: 300, y: 105, width: 40, height: 18 },
  ];
  const beside = { ...c, x: 335 };
  expect(placeLabels([a, b, c, beside], area)).toEqual([
    { x: 100, y: 97 },
    { x: 105, y: 115 },
    { x: 297.5, y: 105 },
    { x: 337.5, y: 105 },
  ]);
});
