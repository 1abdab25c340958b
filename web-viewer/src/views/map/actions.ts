import { showLatent, showRow } from '../../state/explore.ts';
import type { Camera } from './camera.ts';
import type { MapState } from './create-map.ts';
import type { Actions } from './gestures.ts';
import { cornersOf } from './grid.ts';
import type { Scene } from './scene.ts';
import { lassoAround } from './selection.ts';
import { type Point, roundToPixel, visibleBounds } from './transform.ts';

/** How close the pointer and the map's centre must be to a point, in CSS pixels. */
const REACH = { pointer: 9, aim: 28 } as const;
const STEP = { move: 60, decode: 6, zoom: 1.5 } as const;
/** Pause between two selections of an unfinished lasso, as a multiple of the time that one takes: many points take long. */
const PAUSE = 4;
const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Decodes a position of the latent plane, at the screen's resolution. */
function decodePlace({ isPlane }: MapState, [x, y]: Point, scale: number): void {
  if (isPlane.value) showLatent(Float32Array.of(roundToPixel(x, scale), roundToPixel(y, scale)), 'map');
}

function hoverAt(
  { hovered, positionOf }: MapState,
  scene: Scene,
  camera: Camera,
  at: Point | null,
  reach: number,
): void {
  const row = at && scene.pick(at, reach);
  if (row === null) hovered.value = null;
  else if (row !== hovered.peek()?.row) hovered.value = { row, at: camera.toScreen(positionOf(row)) };
}

/** Pointer actions on the map. */
export function pointerActions(map: MapState, scene: Scene, camera: Camera): Actions {
  const { clearSelection, isPlane, latentPosition, outline, selection, tool, chosenTool } = map;
  let nextSelection = 0;
  const isOnLatent = (at: Point) => {
    if (!isPlane.value || !latentPosition.value) return false;
    const [x, y] = camera.toScreen(latentPosition.value);
    return Math.hypot(x - at[0], y - at[1]) < 14;
  };
  return {
    toolAt: (at) => (tool.value !== 'lasso' && isOnLatent(at) ? 'decode' : tool.value),
    move: (dx, dy) => camera.move(dx, dy),
    zoom: (at, factor) => camera.zoom(at, factor),
    reset: () => camera.reset(),
    decode: (at) => decodePlace(map, camera.toMap(at), camera.view.scale),
    lasso(path, done) {
      const polygon = path?.flatMap((x, i) => (i % 2 ? [] : camera.toMap([x, path[i + 1] as number])));
      const began = performance.now();
      outline.value = done || !polygon ? null : polygon;
      if (!polygon || (done && polygon.length < 6)) clearSelection();
      else if (done || began > nextSelection) {
        selection.value = done ? lassoAround(polygon) : { kind: 'lasso', polygon };
        nextSelection = began + (1 + PAUSE) * (performance.now() - began);
      }
      // After one lasso, return to the default tool.
      if (done) chosenTool.value = null;
    },
    click(at) {
      const row = scene.pick(at, REACH.pointer);
      if (row !== null) showRow(row);
      else if (tool.value === 'decode') decodePlace(map, camera.toMap(at), camera.view.scale);
    },
    hover: (at) => hoverAt(map, scene, camera, at, REACH.pointer),
  };
}

/** Puts a lasso around everything in view. */
export function lassoView({ selection }: MapState, camera: Camera): void {
  selection.value = lassoAround(cornersOf(visibleBounds(camera.view, camera.size)));
}

/** Actions of the toolbar's buttons and of the + and − keys. */
export const zoomStep = (camera: Camera, direction: 1 | -1): void =>
  camera.zoom(camera.middle, STEP.zoom ** direction, true);

/** Keyboard actions on the map: they act on its centre, which is then marked. @returns whether the key was handled */
export function pressKey(event: KeyboardEvent, map: MapState, scene: Scene, camera: Camera): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const arrow = arrows[event.key];
  if (arrow) {
    const [x, y] = arrow;
    if (event.shiftKey) {
      const [px, py] = map.latentPosition.value ?? [0, 0];
      const { scale } = camera.view;
      decodePlace(map, [px + (x * STEP.decode) / scale, py - (y * STEP.decode) / scale], scale);
    } else camera.move(-x * STEP.move, -y * STEP.move);
  } else if (event.key === '+' || event.key === '=') camera.zoom(camera.middle, STEP.zoom);
  else if (event.key === '-') camera.zoom(camera.middle, 1 / STEP.zoom);
  else if (event.key === '0') camera.reset();
  else if (event.key === 'Enter') {
    const row = scene.pick(camera.middle, REACH.aim);
    if (row !== null) showRow(row);
  } else if (event.key === 'Escape') map.clearSelection();
  else return event.key === ' ';
  map.aiming.value = true;
  hoverAt(map, scene, camera, camera.middle, REACH.aim);
  return true;
}
