import { canvasPainter } from './painter-canvas.ts';
import { webglPainter } from './painter-gl.ts';
import { type Frame, fitCanvas, type Painter } from './point-layer.ts';

/** How long to wait for a lost WebGL context before falling back to a 2-D canvas, in ms. */
const RESTORE_TIMEOUT = 2000;
/** What is on a canvas without points, and on one that must be drawn. */
const [NOTHING, OLD] = ['nothing', 'old'];

/**
 * The canvas of the points: at first a 2-D canvas, which is there at once, and then WebGL where there is a GPU. It survives
 * the loss of its WebGL context: its content is kept here and passed to the next painter.
 */
export class Surface {
  readonly #parent: HTMLElement;
  readonly #onChange: () => void;
  #painter: Painter | null = null;
  #positions = new Float32Array();
  #style: readonly [colours: Uint8Array, order: Uint32Array] = [new Uint8Array(), new Uint32Array()];
  /** What is on the canvas: a frame as text, nothing, or something old. */
  #drawn = NOTHING;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onChange called when everything must be redrawn */
  constructor(parent: HTMLElement, onChange: () => void) {
    this.#parent = parent;
    this.#onChange = onChange;
    this.#start(canvasPainter);
  }

  /** Draws by the GPU from now on, if there is one. Starting it takes a while. */
  accelerate(): void {
    this.#start(webglPainter);
  }

  get kind(): Painter['kind'] | 'none' {
    return this.#painter?.kind ?? 'none';
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#painter = null;
    this.#parent.replaceChildren();
  }

  setPositions(map: Float32Array): void {
    this.#positions = map as Float32Array<ArrayBuffer>;
    this.#style = [new Uint8Array(), new Uint32Array()];
    this.forget();
    this.#painter?.setPositions(map);
  }

  setStyle(colours: Uint8Array, order: Uint32Array): void {
    this.#style = [colours, order];
    this.forget();
    this.#painter?.setStyle(colours, order);
  }

  /** Forgets that the last frame is on the canvas. */
  forget(): void {
    if (this.#drawn !== NOTHING) this.#drawn = OLD;
  }

  /** Draws a frame, unless it is there: where no GPU helps, that takes long. @returns whether points are left for the next frame */
  draw(frame: Frame): boolean {
    const asked = this.#style[1].length > 0 ? JSON.stringify(frame) : NOTHING;
    if (!this.#painter || asked === this.#drawn) return false;
    fitCanvas(this.#painter.canvas, frame.size, frame.ratio);
    const more = this.#painter.draw(frame);
    this.#drawn = more ? OLD : asked;
    return more;
  }

  /** Creates a painter on a new canvas: a canvas has only one kind of context. */
  #start(make: (canvas: HTMLCanvasElement) => Painter | null): void {
    const canvas = document.createElement('canvas');
    canvas.setAttribute('aria-hidden', 'true');
    canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault();
      this.#painter = null;
      this.#timer = setTimeout(() => this.#start(canvasPainter), RESTORE_TIMEOUT);
    });
    canvas.addEventListener('webglcontextrestored', () => {
      this.#show(make(canvas));
    });
    this.#show(make(canvas));
  }

  /** Shows a painter's canvas instead of the one before. */
  #show(painter: Painter | null): void {
    if (!painter) return;
    clearTimeout(this.#timer);
    this.#painter = painter;
    this.#drawn = NOTHING;
    this.#parent.replaceChildren(painter.canvas);
    painter.setPositions(this.#positions);
    painter.setStyle(...this.#style);
    this.#onChange();
  }
}
