import type { Shape } from '../../ui/pixels.ts';
import { penDown, penMove, penUp } from './drawing.ts';

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
/** Model pixels per arrow key press, and with Shift. */
const STEP = 1;
const SHIFT_STEP = 4;

/** A pen for keyboard users: arrow keys move it, the space bar lowers and lifts it. */
export class KeyboardPen {
  readonly #canvas: () => Shape;
  readonly #pixelScale: () => number;
  readonly #show: (place: readonly [number, number]) => void;
  readonly #announce: (text: string) => void;
  /** As shares of the canvas. */
  #x = 0.5;
  #y = 0.25;
  #down = false;

  /**
   * @param canvas size of the painting
   * @param pixelScale painting pixels per model pixel
   * @param show receives the pen's position, in painting pixels
   * @param announce announces changes to screen readers
   */
  constructor(
    canvas: () => Shape,
    pixelScale: () => number,
    show: (place: readonly [number, number]) => void,
    announce: (text: string) => void,
  ) {
    this.#canvas = canvas;
    this.#pixelScale = pixelScale;
    this.#show = show;
    this.#announce = announce;
  }

  /** @returns whether the key was handled */
  press(key: string, far: boolean): boolean {
    const arrow = ARROWS[key];
    if (arrow) this.#move(arrow, far);
    else if (key === ' ') this.#toggle();
    else if (key === 'Escape' && this.#down) this.lift();
    else return false;
    return true;
  }

  lift(): void {
    if (!this.#down) return;
    this.#down = false;
    penUp();
    this.#announce('Pen up');
  }

  #move([x, y]: readonly [number, number], far: boolean): void {
    const { width, height } = this.#canvas();
    const step = this.#pixelScale() * (far ? SHIFT_STEP : STEP);
    this.#x = Math.min(1, Math.max(0, this.#x + (x * step) / width));
    this.#y = Math.min(1, Math.max(0, this.#y + (y * step) / height));
    this.#show(this.#place());
    if (this.#down) penMove([this.#place()]);
  }

  #toggle(): void {
    if (this.#down) {
      this.lift();
      return;
    }
    this.#down = true;
    this.#show(this.#place());
    penDown(...this.#place());
    this.#announce('Pen down');
  }

  #place(): readonly [number, number] {
    const { width, height } = this.#canvas();
    return [this.#x * width, this.#y * height];
  }
}
