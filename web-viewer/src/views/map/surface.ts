import type { Frame, Painter, Store, StoreName } from './painter.ts';
import { canvasPainter } from './painter-canvas.ts';
import { webglPainter } from './painter-gl.ts';

/** How long to wait for a lost WebGL context, in ms, before giving it up. */
const PATIENCE = 2000;

/**
 * The canvas of the points: WebGL where available, else a 2-D canvas. It survives the loss of its WebGL context: what is
 * drawn is kept here and handed to the next painter.
 */
export class Surface {
  readonly #host: HTMLElement;
  readonly #onChange: () => void;
  #painter: Painter | null = null;
  #places = new Float32Array();
  #look: readonly [colours: Uint8Array, order: Uint32Array] = [new Uint8Array(), new Uint32Array()];
  readonly #stores = new Map<StoreName, Store | null>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onChange called when everything must be redrawn */
  constructor(host: HTMLElement, onChange: () => void) {
    this.#host = host;
    this.#onChange = onChange;
    this.#start(webglPainter);
    if (!this.#painter) this.#start(canvasPainter);
  }

  get kind(): Painter['kind'] | 'none' {
    return this.#painter?.kind ?? 'none';
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#painter = null;
    this.#host.replaceChildren();
  }

  setPlaces(map: Float32Array): void {
    this.#places = map as Float32Array<ArrayBuffer>;
    this.#look = [new Uint8Array(), new Uint32Array()];
    this.#painter?.setPlaces(map);
  }

  setLook(colours: Uint8Array, order: Uint32Array): void {
    this.#look = [colours, order];
    this.#painter?.setLook(colours, order);
  }

  setStore(name: StoreName, store: Store | null): void {
    this.#stores.set(name, store);
    this.#painter?.setStore(name, store);
  }

  /** @returns whether pictures are left for the next frame */
  draw(frame: Frame): boolean {
    if (!this.#painter) return false;
    const { canvas } = this.#painter;
    const [width, height] = [frame.size.width * frame.ratio, frame.size.height * frame.ratio].map(Math.round);
    if (canvas.width !== width) canvas.width = width ?? 0;
    if (canvas.height !== height) canvas.height = height ?? 0;
    return this.#painter.draw(frame);
  }

  /** Creates a painter on a new canvas: a canvas has only one kind of context. */
  #start(make: (canvas: HTMLCanvasElement) => Painter | null): void {
    const canvas = document.createElement('canvas');
    canvas.setAttribute('aria-hidden', 'true');
    canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault();
      this.#painter = null;
      this.#timer = setTimeout(() => this.#start(canvasPainter), PATIENCE);
    });
    canvas.addEventListener('webglcontextrestored', () => {
      clearTimeout(this.#timer);
      this.#use(make(canvas));
    });
    this.#host.replaceChildren(canvas);
    this.#use(make(canvas));
  }

  #use(painter: Painter | null): void {
    this.#painter = painter;
    if (!painter) return;
    painter.setPlaces(this.#places);
    painter.setLook(...this.#look);
    for (const [name, store] of this.#stores) painter.setStore(name, store);
    this.#onChange();
  }
}
