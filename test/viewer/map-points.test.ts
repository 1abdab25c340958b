import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { nearestRows } from '../../web-viewer/src/state/neighbours.ts';
import { type Rgb, rgbOf } from '../../web-viewer/src/ui/rgb.ts';
import { pointerActions } from '../../web-viewer/src/views/map/actions.ts';
import { byCode, coloursOf, rangeOf, shownRows, stepColours, stepsOf } from '../../web-viewer/src/views/map/colours.ts';
import { type MapColumn, withNames } from '../../web-viewer/src/views/map/columns.ts';
import { csvOf } from '../../web-viewer/src/views/map/exports.ts';
import { makeGrid } from '../../web-viewer/src/views/map/grid.ts';
import { type Frame, PointLayer, sampleOf } from '../../web-viewer/src/views/map/point-layer.ts';
import {
  lassoAround,
  meaningsOf,
  rowsOfSelection,
  type Selection,
  selectionOfText,
  textOfSelection,
} from '../../web-viewer/src/views/map/selection.ts';
import { boundsOf } from '../../web-viewer/src/views/map/transform.ts';

describe('colours of points', () => {
  const black: Rgb = [0, 0, 0];

  it('are those of their categories', () => {
    const colours = coloursOf(Int32Array.of(1, 0, 1, -1, 7), ['#102030', '#ff0080'].map(rgbOf), [9, 9, 9], black, null);
    expect([...colours].filter((_, i) => i % 4 < 3)).toEqual(
      [
        [255, 0, 128],
        [16, 32, 48],
        [255, 0, 128],
        [9, 9, 9],
        [9, 9, 9],
      ].flat(),
    );
    expect(rgbOf('#0a0b0c')).toEqual([10, 11, 12]);
  });

  it('fade into the background beside a selection', () => {
    const colours = coloursOf(Int32Array.of(0, 0), [[200, 100, 0]], black, black, Uint8Array.of(0, 1));
    expect([...colours.subarray(0, 3)]).toEqual([44, 22, 0]);
    expect([...colours.subarray(4, 7)]).toEqual([200, 100, 0]);
  });

  it('span numbers from the first to the 99th percentile, with the highest on top', () => {
    expect(rangeOf(Float32Array.from({ length: 101 }, (_, i) => 100 - i))).toEqual([1, 99]);
    expect(rangeOf(Float32Array.of(2, Number.NaN, 2))).toEqual([2, 3]);
    const steps = stepsOf(Float32Array.of(500, -5, 1, Number.NaN, 50, 99), [1, 99]);
    expect([...steps]).toEqual([255, 0, 0, -1, 128, 255]);
    expect([...byCode(Uint32Array.of(5, 4, 3, 2, 1, 0), steps)]).toEqual([3, 2, 1, 4, 5, 0]);
    for (const ground of ['light', 'dark'] as const) {
      const light = stepColours(ground).map(([r, g, b]) => 0.3 * r + 0.59 * g + 0.11 * b);
      expect(light).toEqual([...light].sort((a, b) => a - b));
    }
  });

  it('are filtered by category, rows without one as a category of their own', () => {
    const codes = Int32Array.of(0, 2, 1, -1, 2, 9);
    expect(shownRows(codes, 3, null)).toBeNull();
    expect(shownRows(null, 3, [1])).toBeNull();
    expect([...(shownRows(codes, 3, [1, 2]) ?? [])]).toEqual([0, 1, 1, 0, 1, 1]);
    expect([...(shownRows(codes, 3, [-1, 0]) ?? [])]).toEqual([1, 0, 0, 1, 0, 1]);
  });
});

const cluster: MapColumn = {
  name: 'cluster',
  kind: 'category',
  categories: ['0', '1', '2'],
  colours: ['#000000', '#111111', '#222222'],
  values: Int32Array.of(2, 1, 0, -1),
};

it('merges categories of one name, with the colour of the first', () => {
  expect(withNames(cluster, {})).toEqual(cluster);
  expect(withNames(cluster, { 0: 'sevens', 2: 'sevens' })).toEqual({
    ...cluster,
    categories: ['sevens', '1'],
    colours: ['#000000', '#111111'],
    values: Int32Array.of(0, 1, 0, -1),
  });
  expect(withNames(cluster, { 0: '1' }).values).toEqual(Int32Array.of(1, 0, 0, -1));
});

it('writes CSV as in RFC 4180', async () => {
  const ids = ['a,b', 'two\nlines', 'say "x"', 'd'];
  const score: MapColumn = {
    ...cluster,
    name: 'score, %',
    kind: 'number',
    categories: [],
    values: Float32Array.of(0.5, Number.NaN, 0.25, 1),
  };
  expect(await csvOf([3, 1, 0, 2], (row) => ids[row] ?? '', [cluster, score])).toBe(
    'id,row,cluster,"score, %"\r\nd,3,,1\r\n"two\nlines",1,1,\r\n"a,b",0,2,0.5\r\n"say ""x""",2,0,0.25\r\n',
  );
});

describe('a selection', () => {
  const latents = Float32Array.of(0, 0, 5, 5, 1, 0, 0, 3);
  const map = Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3);
  const errors = Float32Array.of(0.1, 0.4, Number.NaN, 0.2);
  const points = { count: 4, latents, errors, sortedErrors: errors, map, method: 't-SNE', perplexity: 30 } as const;
  const error: MapColumn = { name: 'error', kind: 'number', categories: [], colours: [], values: errors };
  const ids = ['1', 'two.png', 'cat/0012.png', '2'];
  const rows = (selection: Selection, shown = (_: number) => true) => [
    ...rowsOfSelection(selection, {
      points,
      grid: makeGrid(map, boundsOf(map)),
      columns: [cluster, error],
      idOf: (row) => ids[row] ?? '',
      shown,
    }),
  ];
  const found = (text: string) => rows({ kind: 'search', text });

  it('finds ids, their parts, categories, values and numbers', () => {
    expect([found('two.png'), found('PNG'), found('#3'), found('#4')]).toEqual([[1], [1, 2], [3], []]);
    expect([found('1'), found('id:1'), found('id:png'), found('CAT')]).toEqual([[1], [0], [1, 2], [2]]);
    expect([found('cluster:1'), found('cluster: 2'), found('cluster:7')]).toEqual([[1], [0], []]);
    expect([found('error:0.4'), found('0.4'), found('01'), found('012')]).toEqual([[1], [], [], [2]]);
  });

  it('of a text with several meanings is of the first, and names all', () => {
    const group = { ...cluster, name: 'group', categories: ['A', 'a', '1'] };
    const from = {
      points,
      grid: makeGrid(map, boundsOf(map)),
      columns: [cluster, group],
      idOf: (row: number) => ids[row] ?? '',
    };
    const meanings = (text: string) =>
      meaningsOf(text, from).map(({ text, has }) => [text, [0, 1, 2, 3].filter((row) => has(row))]);
    expect(meanings('1')).toEqual([
      ['cluster:1', [1]],
      ['group:1', [0]],
      ['id:1', [0]],
    ]);
    // The text of a meaning has no other.
    for (const [text, rows] of meanings('1')) expect(meanings(String(text))).toEqual([[text, rows]]);
    expect([meanings('group:A'), meanings('group:a')]).toEqual([[['group:A', [2]]], [['group:a', [1]]]]);
  });

  it('lists the nearest and the highest in order, without hidden rows', () => {
    expect(rows({ kind: 'like', to: 0 })).toEqual([2, 3, 1]);
    expect(rows({ kind: 'like', to: [5, 4] })).toEqual([1, 3, 2, 0]);
    expect(rows({ kind: 'like', to: [5] })).toEqual([]);
    const broken = { ...points, latents: latents.with(3, Number.NaN) };
    expect(nearestRows(broken, Float32Array.of(0, 0), 2).map(({ row }) => row)).toEqual([0, 2]);
    expect(rows({ kind: 'highest', column: 'error' })).toEqual([1, 3, 0]);
    expect(rows({ kind: 'highest', column: 'error' }, (row) => row !== 1)).toEqual([3, 0]);
    expect(rows({ kind: 'lasso', polygon: [-1, -1, 2.5, -1, 2.5, 2.5, -1, 2.5] })).toEqual([0, 1, 2]);
  });

  it('is the same after a link, whatever else a link says', () => {
    const all: Selection[] = [
      { kind: 'lasso', polygon: [0.5, -1.25, 3, 1e-3, 2, 2] },
      { kind: 'search', text: 'a:b, "c"' },
      { kind: 'like', to: 12 },
      { kind: 'like', to: [0.5, -2] },
      { kind: 'like', to: [3] },
      { kind: 'highest', column: 'score' },
    ];
    for (const selection of all) expect(selectionOfText(textOfSelection(selection))).toEqual(selection);
    const long = Array.from({ length: 5000 }, (_, i) => Math.sin(i));
    const lasso = lassoAround(long);
    expect(lasso.kind === 'lasso' && lasso.polygon.length).toBe(386);
    expect(selectionOfText(textOfSelection(lasso))).toEqual(lasso);
    fc.assert(fc.property(fc.string(), (text) => selectionOfText(text) === null));
    for (const text of [null, '', 'lasso:1,2', 'lasso:1,2,3,4,5,x', 'like:NaN', 'like:1.5', 'like:-1', 'drop:1'])
      expect(selectionOfText(text)).toBeNull();
  });
});

it('selects the points of an unfinished lasso while there is time, and those of a finished one', () => {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  const made: boolean[] = [];
  const [outline, chosenTool] = [{ value: null }, { value: 'lasso' }];
  const selection = {
    set value({ polygon }: { polygon: readonly number[] }) {
      made.push(polygon.length === 8);
      now += 100; // it takes long
    },
  };
  const map = { outline, chosenTool, selection, isPlane: { value: false }, tool: chosenTool } as never;
  const { lasso } = pointerActions(map, {} as never, { toMap: (at: unknown) => at } as never);
  const path = [0, 0, 10, 0, 10, 10, 0, 10];
  for (let i = 0; i < 50; i++) {
    now += 16;
    lasso(path, false);
    expect(outline.value).toEqual(path);
  }
  // A fifth of the time.
  expect(made).toEqual([true, true]);
  lasso(path, true);
  expect([made.length, outline.value, chosenTool.value]).toEqual([3, null, null]);
  clock.mockRestore();
});

describe('many points', () => {
  const frame: Frame = {
    size: { width: 100, height: 80 },
    ratio: 1,
    view: { x: 0, y: 0, scale: 1 },
    diameter: 2,
    alpha: 1,
  };
  /** A layer of 2,500 points that draws 1,000 in a frame, and what it has drawn since the last look. */
  function layer() {
    let drawn: string[] = [];
    let surfaces = 0;
    const made = new PointLayer<number>(
      {
        clear: (old, width, height) => {
          drawn.push(`clear ${width}x${height}`);
          return old ?? ++surfaces;
        },
        points: (surface, range) => drawn.push(`${range}${surface ? ` on ${surface}` : ''}`),
        copy: (surface, x, y) => drawn.push(`copy ${surface} at ${x},${y}`),
      },
      1000,
    );
    let now = 0;
    return {
      made,
      setOrder: (count: number) => made.setOrder(Uint32Array.from({ length: count }, (_, row) => row)),
      draw(view: Frame['view'], ms = 16) {
        drawn = [];
        now += ms;
        return [made.draw({ ...frame, view }, now), ...drawn];
      },
    };
  }

  it('are drawn in portions, and then copied while they are panned', () => {
    const { draw, setOrder } = layer();
    // A sample follows them.
    expect(setOrder(2500).length).toBe(3500);
    const view = frame.view;
    expect(draw(view)).toEqual([true, '0,2500']);
    expect(draw(view)).toEqual([true, 'clear 150x120', '0,1000 on 1', '2500,3500']);
    expect(draw(view)).toEqual([true, '1000,2000 on 1', '2500,3500']);
    expect(draw(view)).toEqual([false, '2000,2500 on 1', 'copy 1 at 25,20']);
    expect(draw({ ...view, x: 10, y: 5 })).toEqual([false, 'copy 1 at 35,15']);
    // Near the end of the margin another surface is prepared, while the first still reaches.
    expect(draw({ ...view, x: 20 })).toEqual([true, 'clear 150x120', '0,1000 on 2', 'copy 1 at 45,20']);
    expect(draw({ ...view, x: 20 })).toEqual([true, '1000,2000 on 2', 'copy 1 at 45,20']);
    expect(draw({ ...view, x: 21 })).toEqual([false, '2000,2500 on 2', 'copy 2 at 26,20']);
  });

  it('are all drawn while they are zoomed, or a sample where that takes too long', () => {
    const { draw, setOrder } = layer();
    setOrder(2500);
    const zoom = (i: number, ms: number) => draw({ ...frame.view, scale: 1 + i }, ms).slice(1);
    for (let i = 0; i < 5; i++) expect(zoom(i, 16)).toEqual(['0,2500']);
    for (let i = 5; i < 8; i++) zoom(i, 90);
    expect(zoom(8, 90)).toEqual(['2500,3500']);
    expect(zoom(9, 16)).toEqual(['2500,3500']);
  });

  it('of a small map are drawn at once, new ones in several frames that show them when all are there', () => {
    const { draw, setOrder } = layer();
    const { view } = frame;
    setOrder(100);
    expect(draw(view)).toEqual([false, '0,100']);
    setOrder(1000);
    expect(draw(view)).toEqual([true, 'clear 100x80', '0,125 on 1']);
    expect(draw(view)).toEqual([true, '125,250 on 1']);
    expect(draw(view)).toEqual([true, '250,500 on 1']);
    expect(draw(view)).toEqual([false, '500,1000 on 1', 'copy 1 at 0,0']);
    expect(draw({ ...view, x: 1 })).toEqual([false, '0,1000']);
    setOrder(1000);
    expect(draw(view).slice(0, 1)).toEqual([true]);
    expect(draw({ ...view, x: 1 })).toEqual([false, '0,1000']);
  });

  it('have a sample from their whole order', () => {
    const order = Uint32Array.from({ length: 1000 }, (_, i) => 2 * i);
    const { rows, growth } = sampleOf(order, 300);
    expect(rows.length).toBeLessThanOrEqual(300);
    expect([rows[0], rows.at(-1)]).toEqual([0, expect.toBeOneOf([1990, 1992, 1994, 1996, 1998])]);
    expect(growth).toBeCloseTo(Math.sqrt(1000 / 300), 1);
    expect(sampleOf(order, 2000)).toEqual({ rows: order, growth: 1 });
  });
});
