import type { Tool } from './create-map.ts';
import type { Point } from './transform.ts';

/** Gesture callbacks of the map; positions are CSS pixels from its top left. */
export interface Actions {
  /** What dragging from a position does. */
  toolAt(at: Point): Tool;
  move(dx: number, dy: number): void;
  zoom(at: Point, factor: number): void;
  reset(): void;
  decode(at: Point): void;
  /** The path of a lasso so far, `[x, y, …]`, with `done` on release; null when cancelled. */
  lasso(path: readonly number[] | null, done: boolean): void;
  click(at: Point): void;
  hover(at: Point | null): void;
}

/** A press that moves less than this, in pixels, is a click. */
const SLACK = 4;

interface Drag {
  readonly tool: Tool;
  readonly from: Point;
  last: Point;
  moved: boolean;
  readonly path: number[];
}

/**
 * Handles mouse, pen, touch and wheel on the map: one pointer drags with the tool (with the space bar, the right or the
 * middle button it pans, with Shift it draws a lasso), two pointers pinch and pan, the wheel zooms.
 * @returns a function that stops it
 */
export function listenToPointers(stage: HTMLElement, actions: Actions): () => void {
  const held = new Map<number, Point>();
  let drag: Drag | null = null;
  let space = false;
  const placeOf = (event: MouseEvent): Point => {
    const { left, top } = stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const stopLasso = () => {
    if (drag?.tool === 'lasso' && drag.moved) actions.lasso(null, true);
    drag = null;
  };

  const down = (event: PointerEvent) => {
    const at = placeOf(event);
    stage.setPointerCapture(event.pointerId);
    held.set(event.pointerId, at);
    actions.hover(null);
    if (held.size > 1) {
      stopLasso();
      return;
    }
    const moving = space || event.button > 0;
    const tool = moving ? 'move' : event.shiftKey ? 'lasso' : actions.toolAt(at);
    drag = { tool, from: at, last: at, moved: moving, path: [...at] };
  };

  const moveOne = (current: Drag, at: Point) => {
    if (!current.moved && Math.hypot(at[0] - current.from[0], at[1] - current.from[1]) < SLACK) return;
    current.moved = true;
    if (current.tool === 'move') actions.move(at[0] - current.last[0], at[1] - current.last[1]);
    else if (current.tool === 'decode') actions.decode(at);
    else {
      current.path.push(...at);
      actions.lasso(current.path, false);
    }
    current.last = at;
  };

  const movePinch = (id: number, at: Point) => {
    const [before, other] = [held.get(id), [...held].find(([key]) => key !== id)?.[1]];
    if (!before || !other) return;
    const distance = (place: Point) => Math.max(1, Math.hypot(place[0] - other[0], place[1] - other[1]));
    const middle = (place: Point): Point => [(place[0] + other[0]) / 2, (place[1] + other[1]) / 2];
    const [old, next] = [middle(before), middle(at)];
    actions.move(next[0] - old[0], next[1] - old[1]);
    actions.zoom(next, distance(at) / distance(before));
  };

  const move = (event: PointerEvent) => {
    const at = placeOf(event);
    if (held.size > 1) movePinch(event.pointerId, at);
    else if (drag) moveOne(drag, at);
    else if (event.pointerType !== 'touch') actions.hover(at);
    if (held.has(event.pointerId)) held.set(event.pointerId, at);
  };

  const up = (event: PointerEvent) => {
    if (!held.delete(event.pointerId) || !drag) return;
    const ended = drag;
    drag = null;
    if (event.type === 'pointercancel') {
      if (ended.tool === 'lasso' && ended.moved) actions.lasso(null, true);
    } else if (!ended.moved) actions.click(ended.from);
    else if (ended.tool === 'lasso') actions.lasso(ended.path, true);
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const pixels = event.deltaY * ([1, 33, 400][event.deltaMode] ?? 1);
    actions.zoom(placeOf(event), Math.exp(-Math.max(-240, Math.min(240, pixels)) * (event.ctrlKey ? 0.01 : 0.002)));
  };

  const key = (event: KeyboardEvent) => {
    if (event.key === ' ') space = event.type === 'keydown';
  };

  const end = new AbortController();
  const { signal } = end;
  stage.addEventListener('pointerdown', down, { signal });
  stage.addEventListener('pointermove', move, { signal });
  stage.addEventListener('pointerup', up, { signal });
  stage.addEventListener('pointercancel', up, { signal });
  stage.addEventListener('pointerleave', () => actions.hover(null), { signal });
  stage.addEventListener('wheel', wheel, { signal, passive: false });
  stage.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
  stage.addEventListener('dblclick', () => actions.reset(), { signal });
  window.addEventListener('keydown', key, { signal });
  window.addEventListener('keyup', key, { signal });
  return () => end.abort();
}
