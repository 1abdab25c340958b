import { computed, signal } from '@preact/signals';
import { mapPosition, nearestRows } from '../../state/neighbours.ts';
import { colourBy, currentLatent, input, model, reading, selectedRow, shownClasses } from '../../state/store.ts';
import { colourOfClass } from '../../ui/class-colours.ts';
import {
  coloursByClass,
  coloursByError,
  errorRange,
  type Ground,
  onGround,
  type Rgb,
  rgbOf,
  shownRows,
  UNLABELLED,
} from './colours.ts';
import { makeGrid } from './grid.ts';
import { rowsInside } from './lasso.ts';
import { shuffledRows } from './thumbnails.ts';
import { boundsOf, type Point } from './transform.ts';

/** What dragging does: pans, draws a lasso, or decodes the position under the pointer (2-D latents only). */
export type Tool = 'decode' | 'move' | 'lasso';

/** The tool chosen by the visitor; null for the default of the map. */
export const chosenTool = signal<Tool | null>(null);
/** Whether the decoded plane is shown behind 2-D latents. */
export const showPlane = signal(true);
/** The row under the pointer, and its screen position where the pointer is on the map. */
export const hovered = signal<{ readonly row: number; readonly at: Point | null } | null>(null);
/** Whether keys act on the centre of the map, which is then marked. */
export const aiming = signal(false);
/** The corners of the lasso on the map, or null. */
export const lasso = signal<readonly number[] | null>(null);
/** The background that points are drawn on. */
export const ground = signal<Ground>('light');

export const points = computed(() => model.value?.points ?? null);
/** Whether the map is the latent plane itself, so that each position can be decoded. */
export const isPlane = computed(() => points.value?.method === 'codes' && model.value?.card.latent.size === 2);
export const tool = computed<Tool>(() => {
  const wanted = chosenTool.value ?? (isPlane.value ? 'decode' : 'move');
  return wanted === 'decode' && !isPlane.value ? 'move' : wanted;
});

const labels = computed(() => model.value?.set?.labels ?? null);
/** The names of the classes that points have; empty without labels. */
export const pointClasses = computed(() => (labels.value && model.value?.set?.about.classes) || []);

/** The classes that points have, by index, and last `UNLABELLED` where some have none. */
export const pointLabels = computed(() => [
  ...pointClasses.value.keys(),
  ...(pointClasses.value.length > 0 && labels.value?.some((label) => label < 0) ? [UNLABELLED] : []),
]);

export const bounds = computed(() => boundsOf(points.value?.map ?? new Float32Array()));
export const grid = computed(() => points.value && makeGrid(points.value.map, bounds.value));
/** 1 for each row that passes the class filter; null for all. */
export const shown = computed(() => shownRows(labels.value, pointClasses.value.length, shownClasses.value));

const shuffled = computed(() => {
  const finite = grid.value && new Set(grid.value.order);
  return shuffledRows(points.value?.count ?? 0).filter((row) => finite?.has(row));
});
const byError = computed(() => {
  const errors = points.value?.errors ?? new Float32Array();
  return shuffled.value.slice().sort((a, b) => (errors[a] as number) - (errors[b] as number));
});
/** The visible rows, in random order. */
export const shownShuffled = computed(() => onlyShown(shuffled.value));
/** The drawn rows, the topmost last: the worst reconstructed on top where colours show errors. */
export const drawnOrder = computed(() => (colourBy.value === 'error' ? onlyShown(byError.value) : shownShuffled.value));
const onlyShown = (rows: Uint32Array) => {
  const mask = shown.value;
  return mask ? rows.filter((row) => mask[row]) : rows;
};

export const errorEnds = computed(() => errorRange(points.value?.sortedErrors ?? new Float32Array()));
/** The colour of a class on the map. */
export const colourOnMap = (label: number | null): Rgb => onGround(rgbOf(colourOfClass(label)), ground.value);
/** The colour of each row `[N, 4]`. */
export const pointColours = computed(() => {
  if (!points.value) return new Uint8Array();
  return colourBy.value === 'error'
    ? coloursByError(points.value.errors, errorEnds.value, ground.value)
    : coloursByClass(points.value.count, labels.value, colourOnMap);
});

/** The visible rows inside the lasso, in the set's order; null without a lasso. */
export const lassoed = computed(() => {
  if (!lasso.value || !grid.value) return null;
  const rows = rowsInside(grid.value, lasso.value);
  const mask = shown.value;
  return mask ? rows.filter((row) => mask[row]) : rows;
});

const NEIGHBOURS = 8;
/** The visible rows whose latents are nearest to the input image's, without itself. */
export const neighbours = computed(() => {
  const [current, row, mask] = [points.value, selectedRow.value, shown.value];
  const latent = inputLatent.value;
  if (!current || !latent) return [];
  return nearestRows(current, latent, NEIGHBOURS, (other) => other !== row && (!mask || mask[other] === 1));
});

/** The latent of the input image; for a row of the set, the latent of its point. */
const inputLatent = computed(() => {
  const [current, row] = [points.value, selectedRow.value];
  const size = model.value?.card.latent.size ?? 0;
  if (current && row !== null && row < current.count) return current.latents.subarray(row * size, (row + 1) * size);
  const read = input.value && reading.value;
  return read && read.image.row === null && read.latents.latent.length === size ? read.latents.latent : null;
});

/** The map position of a row. */
export const positionOf = (row: number): Point => {
  const map = points.value?.map;
  return [map?.[2 * row] ?? Number.NaN, map?.[2 * row + 1] ?? Number.NaN];
};

/** The map position of the input image; null where there is none. */
export const inputPosition = computed<Point | null>(() => {
  const [current, row] = [points.value, selectedRow.value];
  if (!current || !inputLatent.value) return null;
  return row === null ? mapPosition(current, inputLatent.value) : positionOf(row);
});

/** The map position of the decoded latent. */
export const latentPosition = computed<Point | null>(() => {
  const [current, latent] = [points.value, currentLatent.value];
  if (!current || !latent || latent.length !== model.value?.card.latent.size) return null;
  return mapPosition(current, latent);
});
