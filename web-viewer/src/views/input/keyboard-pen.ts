import type { Drawing } from './drawing.ts';

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** Model pixels per arrow key press, and with Shift. */
const STEP = 1;
const SHIFT_STEP = 4;

/**
 * A pen for keyboard users: arrow keys move it, the space bar lowers and lifts it.
 * @param show receives the pen's position, as shares of the canvas
 * @param announce announces changes to screen readers
 */
export function createKeyboardPen(
  drawing: Drawing,
  show: (x: number, y: number) => void,
  announce: (text: string) => void,
) {
  // Shares of the canvas.
  let [x, y] = [0.5, 0.25];
  let down = false;
  const place = () => {
    const { width, height } = drawing.frame.peek().canvas;
    return [x * width, y * height] as const;
  };
  const move = ([right, below]: readonly [number, number], far: boolean) => {
    const { width, height } = drawing.frame.peek().shape;
    const step = far ? SHIFT_STEP : STEP;
    x = Math.min(1, Math.max(0, x + (right * step) / width));
    y = Math.min(1, Math.max(0, y + (below * step) / height));
    show(x, y);
    if (down) drawing.penMove([place()]);
  };
  const lift = () => {
    if (!down) return;
    down = false;
    drawing.penUp();
    announce('Pen up');
  };
  const lower = () => {
    down = true;
    show(x, y);
    drawing.penDown(...place());
    announce('Pen down');
  };
  return {
    lift,
    /** @returns whether the key was handled */
    press(key: string, far: boolean): boolean {
      const arrow = ARROWS[key];
      if (arrow) move(arrow, far);
      else if (key === ' ') (down ? lift : lower)();
      else if (key === 'Escape' && down) lift();
      else return false;
      return true;
    },
  };
}
