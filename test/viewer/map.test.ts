import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeGrid, nearestPoint, rowsInside, visitWithin } from '../../web-viewer/src/views/map/grid.ts';
import { cellsWithin, latentOf, latticeFor } from '../../web-viewer/src/views/map/plane-tiles.ts';
import { shuffledRows, ThumbnailLevels } from '../../web-viewer/src/views/map/thumbnails.ts';
import {
  allowedFactor,
  boundsOf,
  clampView,
  fullView,
  interpolate,
  type Point,
  panned,
  roundToPixel,
  tickTexts,
  toMap,
  toScreen,
  visibleBounds,
  ZOOM,
  zoomAbout,
} from '../../web-viewer/src/views/map/transform.ts';

const size = { width: 640, height: 420 };
const number = fc.double({ min: -100, max: 100, noNaN: true });
const place = fc.tuple(number, number);
const pixel = fc.tuple(fc.integer({ min: 0, max: 640 }), fc.integer({ min: 0, max: 420 }));
const view = fc.record({ x: number, y: number, scale: fc.double({ min: 0.01, max: 1000, noNaN: true }) });
const expectNear = (a: Point, b: Point, digits = 6) => {
  expect(a[0]).toBeCloseTo(b[0], digits);
  expect(a[1]).toBeCloseTo(b[1], digits);
};
/** Clustered points `[N, 2]`, always the same. */
function clusters(count: number): Float32Array {
  const order = shuffledRows(2 * count);
  return Float32Array.from(order, (value, i) => ((value % 7) - 3) * 12 + 9 * Math.sin(value * 1.7 + i));
}

describe('the view', () => {
  it('maps its centre to the centre, x to the right and y up, at its scale', () => {
    const at = { x: 3, y: -2, scale: 10 };
    expect(toScreen(at, size, [3, -2])).toEqual([320, 210]);
    expect(toScreen(at, size, [4, -2])).toEqual([330, 210]);
    expect(toScreen(at, size, [3, -1])).toEqual([320, 200]);
    expect(visibleBounds(at, size)).toEqual({ left: -29, right: 35, bottom: -23, top: 19 });
  });

  it('maps to the screen and back', () => {
    fc.assert(fc.property(view, place, (v, p) => expectNear(toMap(v, size, toScreen(v, size, p)), p)));
  });

  it('keeps the position under the pointer while zooming, and pans by pixels', () => {
    fc.assert(
      fc.property(view, pixel, fc.double({ min: 0.1, max: 10, noNaN: true }), (v, at, factor) => {
        const under = toMap(v, size, at);
        const zoomed = zoomAbout(v, size, at, factor);
        expect(zoomed.scale).toBeCloseTo(v.scale * factor);
        expectNear(toScreen(zoomed, size, under), at);
        expectNear(toScreen(panned(v, 13, -7), size, under), [at[0] + 13, at[1] - 7]);
      }),
    );
  });

  it('shows everything with a margin, for any positions', () => {
    const bounds = boundsOf(Float32Array.of(-10, 0, 30, 5, 7, Number.NaN, Number.POSITIVE_INFINITY, 2));
    expect(bounds).toEqual({ left: -10, right: 30, bottom: 0, top: 5 });
    const full = fullView(bounds, size, 20);
    expect(toScreen(full, size, [-10, 2.5])).toEqual([20, 210]);
    expect(toScreen(full, size, [30, 2.5])).toEqual([620, 210]);
    for (const same of [Float32Array.of(4, 4, 4, 4), Float32Array.of(), Float32Array.of(0, 0)]) {
      const { scale } = fullView(boundsOf(same), size, 20);
      expect(Number.isFinite(scale) && scale > 0).toBe(true);
    }
  });

  it('limits zooming and panning', () => {
    const full = { x: 0, y: 0, scale: 2 };
    expect(allowedFactor(full, full, 1e9)).toBe(ZOOM.max);
    expect(allowedFactor({ ...full, scale: 2 * ZOOM.min }, full, 0.1)).toBe(1);
    expect(clampView({ x: 500, y: 3, scale: 2 }, { left: -10, right: 10, bottom: -4, top: 4 })).toEqual({
      x: 20,
      y: 3,
      scale: 2,
    });
  });

  it('interpolates between views, keeping the point that both show in the same place', () => {
    const from = { x: 1, y: 2, scale: 5 };
    const to = zoomAbout(from, size, [100, 50], 6);
    const under = toMap(from, size, [100, 50]);
    for (const share of [0, 0.3, 0.8, 1]) expectNear(toScreen(interpolate(from, to, share), size, under), [100, 50]);
    expectNear([interpolate(from, { ...from, x: 3 }, 0.5).x, 0], [2, 0]);
  });
});

describe('finding points', () => {
  const map = clusters(3000);
  map[20] = Number.NaN;
  const grid = makeGrid(map, boundsOf(map));
  const rows = Array.from({ length: 3000 }, (_, row) => row).filter((row) => row !== 10);
  const at = (row: number): Point => [map[2 * row] as number, map[2 * row + 1] as number];

  it('finds the points in a rectangle', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const box = {
          left: Math.min(a[0], b[0]),
          right: Math.max(a[0], b[0]),
          bottom: Math.min(a[1], b[1]),
          top: Math.max(a[1], b[1]),
        };
        const found: number[] = [];
        visitWithin(grid, box, (row) => found.push(row));
        const expected = rows.filter((row) => {
          const [x, y] = at(row);
          return x >= box.left && x <= box.right && y >= box.bottom && y <= box.top;
        });
        expect(found.sort((p, q) => p - q)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('picks the nearest visible point in reach', () => {
    const shown = Uint8Array.from(rows.concat(0), (_, row) => (row % 3 === 0 ? 0 : 1));
    fc.assert(
      fc.property(place, fc.double({ min: 0.01, max: 30, noNaN: true }), fc.boolean(), (p, radius, all) => {
        const distances = rows
          .filter((row) => all || shown[row])
          .map((row) => ({ row, distance: Math.hypot(at(row)[0] - p[0], at(row)[1] - p[1]) }))
          .filter(({ distance }) => distance <= radius);
        const least = Math.min(...distances.map(({ distance }) => distance));
        const found = nearestPoint(grid, p, radius, all ? null : shown);
        if (distances.length === 0) expect(found).toBeNull();
        else expect(distances.find(({ row }) => row === found)?.distance).toBeCloseTo(least, 9);
      }),
      { numRuns: 100 },
    );
  });

  it('finds the points inside a lasso, as by winding angles', () => {
    // A concave star that does not cross itself: a point is inside where the winding angle is not zero.
    const star = Array.from({ length: 24 }, (_, i) => {
      const angle = (2 * Math.PI * i) / 24 + 0.01;
      const radius = i % 2 ? 45 : 17;
      return [4 + radius * Math.cos(angle), -3 + radius * Math.sin(angle)];
    });
    const winding = ([x, y]: Point) =>
      star.reduce((sum, [px = 0, py = 0], i) => {
        const [qx = 0, qy = 0] = star[(i + 1) % star.length] ?? [];
        const turn = Math.atan2(qy - y, qx - x) - Math.atan2(py - y, px - x);
        return sum + Math.atan2(Math.sin(turn), Math.cos(turn));
      }, 0);
    const expected = rows.filter((row) => Math.abs(winding(at(row))) > 1);
    expect(expected.length).toBeGreaterThan(100);
    expect([...rowsInside(grid, star.flat())]).toEqual(expected);
  });
});

describe('thumbnails on the map', () => {
  const map = clusters(1500);
  const rows = shuffledRows(1500);

  it('are chosen from all rows in a fixed random order', () => {
    expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 1500 }, (_, row) => row));
    expect(shuffledRows(1500)).toEqual(rows);
    expect(rows.filter((row, i) => row === i).length).toBeLessThan(20);
  });

  it('never overlap, never disappear while zooming in, and fill the available room', () => {
    const levels = new ThumbnailLevels(map, rows, 6);
    let before = new Set<number>();
    for (const spacing of [6.01, 5.9, 5, 3, 1.5, 1.45, 0.4]) {
      const shown = [...rows].filter(levels.at(spacing));
      if (spacing > 6) expect(shown).toEqual([]);
      for (const a of shown) {
        for (const b of shown) {
          const apart = Math.max(
            Math.abs((map[2 * a] as number) - (map[2 * b] as number)),
            Math.abs((map[2 * a + 1] as number) - (map[2 * b + 1] as number)),
          );
          if (a !== b && apart < spacing) throw new Error(`${a} and ${b} are ${apart} apart, less than ${spacing}`);
        }
      }
      expect([...before].filter((row) => !shown.includes(row))).toEqual([]);
      before = new Set(shown);
    }
    // At the level reached, each point without a thumbnail is close to one that has one.
    const bare = [...rows].filter((row) => !before.has(row));
    const level = 6 / Math.SQRT2 ** Math.floor(Math.log2(6 / 0.4) * 2);
    for (const row of bare) {
      const near = [...before].some(
        (other) =>
          Math.abs((map[2 * row] as number) - (map[2 * other] as number)) < level &&
          Math.abs((map[2 * row + 1] as number) - (map[2 * other + 1] as number)) < level,
      );
      expect(near).toBe(true);
    }
  });
});

describe('the decoded plane', () => {
  it('covers the visible map with the cells of a lattice', () => {
    fc.assert(
      fc.property(view, (v) => {
        const image = { height: 28, width: 28 };
        const lattice = latticeFor(v, image);
        const across = lattice.width * v.scale;
        expect(across).toBeGreaterThanOrEqual(38 - 1e-6);
        expect(across).toBeLessThan(76);
        const cells = cellsWithin(lattice, visibleBounds(v, size));
        expect(cells.length).toBeLessThanOrEqual((640 / across + 2) * (420 / across + 2));
        const has = new Set(cells.map(({ column, row }) => `${column} ${row}`));
        for (const corner of [
          [1, 1],
          [639, 1],
          [320, 210],
          [639, 419],
        ] as const) {
          const [x, y] = toMap(v, size, corner);
          expect(has.has(`${Math.floor(x / lattice.width)} ${Math.floor(y / lattice.height)}`)).toBe(true);
        }
      }),
    );
    expect(latentOf({ level: 1, width: 2, height: 4 }, { column: -1, row: 2 })).toEqual([-1, 10]);
  });

  it('has round ticks, and latents rounded to a fraction of a pixel', () => {
    expect(tickTexts(-2.3, 7.7, 5).map(({ text }) => text)).toEqual(['−2', '0', '2', '4', '6']);
    expect(tickTexts(0.01, 0.09, 4)).toEqual([0.02, 0.04, 0.06, 0.08].map((value) => ({ value, text: String(value) })));
    expect([roundToPixel(1.23456, 10), roundToPixel(-1.23456, 0.5), roundToPixel(1.23456, 1000)]).toEqual([
      1.23, -1.2, 1.2346,
    ]);
  });
});
