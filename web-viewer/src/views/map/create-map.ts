import { computed, effect, signal, untracked } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { mapPosition, nearestRows } from '../../state/neighbours.ts';
import {
  colourBy,
  currentLatent,
  engine,
  input,
  model,
  reading,
  selectedRow,
  shownClasses,
} from '../../state/store.ts';
import type { PortableView } from './camera.ts';
import {
  byCode,
  coloursOf,
  type Ground,
  onGround,
  type Rgb,
  rangeOf,
  rgbOf,
  shownRows,
  stepColours,
  stepsOf,
} from './colours.ts';
import { createColumns, plainColour, quietColour } from './columns.ts';
import { createLayout } from './create-layout.ts';
import { createErrorMaps } from './error-maps.ts';
import { rowsOfSelection, type Selection } from './selection.ts';
import { createStoredArrays } from './stored-arrays.ts';
import { shuffledRows } from './thumbnails.ts';
import type { Point } from './transform.ts';

/** What dragging does: pans, draws a lasso, or decodes the position under the pointer (2-D latents only). */
export type Tool = 'decode' | 'move' | 'lasso';

/** When images are drawn for points: never, where there is room after zooming in, or always; and their side in CSS pixels. */
export interface Thumbnails {
  readonly shown: 'off' | 'zoom' | 'always';
  readonly side: number;
}
export const THUMBNAILS: Thumbnails = { shown: 'zoom', side: 30 };

const NEIGHBOURS = 8;

/** The state of the map. `end` stops it. */
export function createMap() {
  const stored = createStoredArrays();
  const table = createColumns(stored);
  const layout = createLayout(stored);
  const { axes, dimensions, grid, isPlane, latentSize, points, positions } = layout;
  /** The tool chosen by the visitor; null for the default of the map. */
  const chosenTool = signal<Tool | null>(null);
  /** Whether the decoded plane is shown behind 2-D latents. */
  const showPlane = signal(true);
  /** Whether the model can compute yet. */
  const canDecode = computed(() => engine.value !== null);
  /** The row under the pointer, and its screen position where the pointer is on the map. */
  const hovered = signal<{ readonly row: number; readonly at: Point | null } | null>(null);
  /** Whether keys act on the centre of the map, which is then marked. */
  const aiming = signal(false);
  const selection = signal<Selection | null>(null);
  /** Whether points that are not selected are hidden; else they fade. */
  const onlySelected = signal(false);
  /** The background that points are drawn on. */
  const ground = signal<{ readonly kind: Ground; readonly rgb: Rgb }>({ kind: 'light', rgb: [255, 255, 255] });
  const thumbnails = signal(THUMBNAILS);
  /** The visible part; null for all. It follows the camera when that is at rest. */
  const view = signal<PortableView | null>(null);

  const tool = computed<Tool>(() => {
    const wanted = chosenTool.value ?? (isPlane.value ? 'decode' : 'move');
    return wanted === 'decode' && !isPlane.value ? 'move' : wanted;
  });

  /** The column that colours show: the chosen one, else the first; null where images without classes are on their way. */
  const column = computed(() => {
    const { value } = table.columns;
    const isKnown = model.value?.set || colourBy.value !== 'class';
    return value.find(({ name }) => name === colourBy.value) ?? (isKnown ? value[0] : null) ?? null;
  });
  /** The column whose categories are filtered. */
  const filtered = computed(() =>
    column.value?.kind === 'category'
      ? column.value
      : (table.columns.value.find(({ name }) => name === 'class') ?? null),
  );
  /** The filtered categories, by index, and last −1 where some points have none. */
  const codes = computed(() => {
    const { categories, values } = filtered.value ?? { categories: [], values: null };
    return [...categories.keys(), ...(values?.some((code) => code < 0) ? [-1] : [])];
  });
  const passing = computed(() => {
    const { categories, values } = filtered.value ?? { categories: [], values: null };
    return shownRows(values instanceof Int32Array ? values : null, categories.length, shownClasses.value);
  });

  const selected = computed(() => {
    const [current, wanted, mask, set] = [points.value, selection.value, passing.value, model.value?.set];
    if (!current || !wanted) return null;
    return rowsOfSelection(wanted, {
      points: current,
      grid: grid.value,
      columns: table.columns.value,
      idOf: (row) => set?.id(row) ?? String(row),
      shown: (row) => !mask || mask[row] === 1,
    });
  });
  const bright = computed(() => {
    if (!selected.value || selected.value.length === 0) return null;
    const mask = new Uint8Array(points.value?.count ?? 0);
    for (const row of selected.value) mask[row] = 1;
    return mask;
  });
  /** 1 for each visible row; null for all. */
  const shown = computed(() => (onlySelected.value && bright.value ? bright.value : passing.value));

  const shuffled = computed(() => {
    const map = positions.value;
    return shuffledRows(map.length / 2).filter((row) =>
      Number.isFinite((map[2 * row] as number) + (map[2 * row + 1] as number)),
    );
  });
  /** The visible rows, in random order. */
  const shownShuffled = computed(() => {
    const mask = shown.value;
    return mask ? shuffled.value.filter((row) => mask[row]) : shuffled.value;
  });
  const range = computed(() =>
    column.value?.values instanceof Float32Array ? rangeOf(column.value.values) : ([0, 1] as const),
  );
  const steps = computed(() =>
    column.value?.values instanceof Float32Array ? stepsOf(column.value.values, range.value) : null,
  );
  /** The drawn rows, the topmost last: the highest numbers, and above all the selected. */
  const drawnOrder = computed(() => {
    const order = steps.value ? byCode(shownShuffled.value, steps.value) : shownShuffled.value;
    const mask = bright.value;
    if (!mask || onlySelected.value) return order;
    const above = order.filter((row) => mask[row]);
    const all = new Uint32Array(order.length);
    all.set(order.filter((row) => !mask[row]));
    all.set(above, order.length - above.length);
    return all;
  });

  /** The colour of a category of the column on the map; of −1, of points without one; of null, where there are none. */
  const colourOf = (code: number | null, of = column.value): Rgb =>
    onGround(rgbOf(code === null ? plainColour : (of?.colours[code] ?? quietColour)), ground.value.kind);
  /** The colour of each row `[N, 4]`. */
  const pointColours = computed(() => {
    const { value } = column;
    const count = points.value?.count ?? 0;
    const { kind, rgb } = ground.value;
    const mask = onlySelected.value ? null : bright.value;
    if (steps.value) return coloursOf(steps.value, stepColours(kind), colourOf(-1), rgb, mask);
    const none = colourOf(value?.kind === 'category' ? -1 : null);
    const of =
      value?.kind === 'category' && value.values instanceof Int32Array ? value.values : new Int32Array(count).fill(-1);
    return coloursOf(of, value?.categories.map((_, code) => colourOf(code)) ?? [], none, rgb, mask);
  });

  /** The latent of the input image; for a row of the set, the latent of its point. */
  const inputLatent = computed(() => {
    const [current, row, size] = [points.value, selectedRow.value, latentSize.value];
    if (current && row !== null && row < current.count) return current.latents.subarray(row * size, (row + 1) * size);
    const read = input.value && reading.value;
    return read && read.image.row === null && read.latents.latent.length === size ? read.latents.latent : null;
  });
  /** The visible rows whose latents are nearest to the input image's, without itself. */
  const neighbours = computed(() => {
    const [current, row, mask, latent] = [points.value, selectedRow.value, shown.value, inputLatent.value];
    if (!current || !latent) return [];
    return nearestRows(current, latent, NEIGHBOURS, (other) => other !== row && (!mask || mask[other] === 1));
  });

  /** The map position of a row. */
  const positionOf = (row: number): Point => [
    positions.value[2 * row] ?? Number.NaN,
    positions.value[2 * row + 1] ?? Number.NaN,
  ];
  const positionOfLatent = (latent: Float32Array): Point | null => {
    const pair = dimensions.value;
    if (pair) return [latent[pair[0]] ?? Number.NaN, latent[pair[1]] ?? Number.NaN];
    return points.value && mapPosition({ ...points.value, map: positions.value }, latent);
  };
  /** The map position of the input image; null where there is none. */
  const inputPosition = computed<Point | null>(() => {
    const [row, latent] = [selectedRow.value, inputLatent.value];
    if (!points.value || !latent) return null;
    return row === null ? positionOfLatent(latent) : positionOf(row);
  });
  /** The map position of the decoded latent. */
  const latentPosition = computed<Point | null>(() => {
    const latent = currentLatent.value;
    return points.value && latent?.length === latentSize.value ? positionOfLatent(latent) : null;
  });

  const setOf = () => model.peek()?.points?.latents;
  let before = setOf();
  // Another model has other positions, rows and columns. New weights keep the points.
  const end = effect(() => {
    if (model.value?.points?.latents === before) return;
    const first = before === undefined;
    before = setOf();
    hovered.value = null;
    if (first) return;
    selection.value = null;
    onlySelected.value = false;
    axes.value = null;
    view.value = null;
    untracked(() => table.reset());
  });

  /** Colours by another column. */
  function setColumn(name: string): void {
    const previous = filtered.value;
    colourBy.value = name;
    if (filtered.value?.name !== previous?.name) shownClasses.value = null;
  }

  return {
    ...{ canDecode, chosenTool, showPlane, hovered, aiming, selection, onlySelected, ground, thumbnails, view },
    ...layout,
    tool,
    ...{ column, filtered, codes, selected, bright, shown, shownShuffled, range, drawnOrder, colourOf, pointColours },
    ...{ neighbours, inputLatent, positionOf, inputPosition, latentPosition },
    ...{ table, errorMaps: createErrorMaps(), end },
    /** Shows other axes, all of them. */
    setAxes(next: string | readonly [number, number] | null) {
      view.value = null;
      if (selection.value?.kind === 'lasso') selection.value = null; // its corners are positions
      axes.value = next;
    },
    setColumn,
    /** Joins a visitor's table and colours by its first column. */
    async addTable(file: File): Promise<void> {
      const name = await table.add(file);
      if (name !== null) setColumn(name);
    },
  };
}

export type MapState = ReturnType<typeof createMap>;

const Context = createContext<MapState | null>(null);
export const MapContext = Context.Provider;

/** The map that a component belongs to. */
export function useMap(): MapState {
  const map = useContext(Context);
  if (!map) throw new Error('there is no map around this component');
  return map;
}
