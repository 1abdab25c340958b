import { computed, effect, type ReadonlySignal, signal, untracked } from '@preact/signals';
import type { VisitorFile } from '../../site/dropped.ts';
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
import { contextOf } from '../../ui/context.ts';
import type { PortableView } from './camera.ts';
import { createColumns } from './columns.ts';
import { createLayout, type Layout } from './create-layout.ts';
import { createPoints } from './create-points.ts';
import { createErrorMaps } from './error-maps.ts';
import { createStoredArrays } from './stored-arrays.ts';
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
  const drawn = createPoints(layout, table);
  const { filtered, onlySelected, selection } = drawn;
  const { axes, isPlane } = layout;
  /** The tool chosen by the visitor; null for the default of the map. */
  const chosenTool = signal<Tool | null>(null);
  const tool = computed<Tool>(() => {
    const wanted = chosenTool.value ?? (isPlane.value ? 'decode' : 'move');
    return wanted === 'decode' && !isPlane.value ? 'move' : wanted;
  });
  /** Whether the decoded plane is shown behind 2-D latents. */
  const showPlane = signal(true);
  /** Whether the model can compute yet. */
  const canDecode = computed(() => engine.value !== null);
  /** The row under the pointer, and its screen position where the pointer is on the map. */
  const hovered = signal<{ readonly row: number; readonly at: Point | null } | null>(null);
  /** The lasso that is being drawn `[x, y, …]`. */
  const outline = signal<readonly number[] | null>(null);
  /** Whether keys act on the centre of the map, which is then marked. */
  const aiming = signal(false);
  const thumbnails = signal(THUMBNAILS);
  /** The visible part; null for all. It follows the camera when that is at rest. */
  const view = signal<PortableView | null>(null);
  /** The row of a link that says what is visible: showing it does not move the map. */
  const linkedRow = signal<number | null>(null);

  const clearSelection = () => {
    selection.value = null;
    onlySelected.value = false;
  };
  let before = model.peek()?.points?.latents;
  // Another model has other positions, rows and columns. New weights keep the points.
  const end = effect(() => {
    const now = model.value?.points?.latents;
    if (now === before) return;
    const first = before === undefined;
    before = now;
    hovered.value = null;
    if (first) return;
    clearSelection();
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
    ...{ canDecode, chosenTool, tool, showPlane, hovered, outline, aiming, thumbnails, view, linkedRow, table, end },
    ...layout,
    ...drawn,
    ...createPlaces(layout, drawn.shown),
    errorMaps: createErrorMaps(),
    ...{ clearSelection, setColumn },
    /** Shows other axes, all of them. */
    setAxes(next: string | readonly [number, number] | null) {
      view.value = null;
      if (selection.value?.kind === 'lasso') clearSelection(); // its corners are positions
      axes.value = next;
    },
    /** Joins a visitor's table and colours by its first column. */
    async addTable(file: VisitorFile): Promise<void> {
      const name = await table.add(file);
      if (name !== null) setColumn(name);
    },
  };
}

/** Where the input image and the decoded latent are on the map, and which images are near. */
function createPlaces({ dimensions, latentSize, points, positions }: Layout, shown: ReadonlySignal<Uint8Array | null>) {
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

  return { neighbours, inputLatent, positionOf, inputPosition, latentPosition };
}

export type MapState = ReturnType<typeof createMap>;

export const [MapContext, useMap] = contextOf<MapState>('map');
