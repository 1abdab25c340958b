import { effect, untracked } from '@preact/signals';
import { currentLatent, decoded, input, label, latentOrigin, model, reading, selectedRow } from '../../state/store.ts';
import { isDark } from '../../state/theme.ts';
import { rgbOf } from '../../ui/rgb.ts';
import type { Camera } from './camera.ts';
import type { MapState } from './create-map.ts';
import { nearestPoint } from './grid.ts';
import { drawMarks, type Marks, marksOf, readTheme, type Theme } from './overlay.ts';
import { dimmedSource, type Picture, PictureLayer, type PictureSource } from './pictures.ts';
import { PlaneTiles } from './plane-tiles.ts';
import { fitCanvas } from './point-layer.ts';
import { Surface } from './surface.ts';
import { type Point, type Size, visibleBounds } from './transform.ts';
import { VisibleThumbnails } from './visible-thumbnails.ts';

const OPACITY = { plain: 0.82, plane: 0.72 } as const;
/** Time after which a moved view is at rest, in ms. */
const REST = 200;

/** Diameter of the points in CSS pixels: smaller on dense maps, growing while zooming in. */
function pointDiameter(count: number, { width, height }: Size, zoom: number): number {
  const first = Math.min(7, Math.max(2.2, 0.55 * Math.sqrt((width * height) / Math.max(1, count))));
  return Math.min(13, first * Math.max(1, zoom) ** 0.4);
}

/** The drawn map: its canvases, their content, and when they are redrawn. */
export class Scene {
  readonly #map: MapState;
  readonly #stage: HTMLElement;
  readonly #marks: HTMLCanvasElement;
  readonly #camera: Camera;
  readonly #surface: Surface;
  readonly #currentMarks: () => Marks;
  /** The page's colours; null after they have changed. */
  #theme: Theme | null = null;
  readonly #thumbnails: VisibleThumbnails;
  /** The decoded plane below the points. */
  readonly #plane = new PictureLayer<string>();
  #planeSource: PictureSource<string> | null = null;
  #tiles: PlaneTiles | null = null;
  #active = false;
  #rest: ReturnType<typeof setTimeout> | undefined;
  /** The scheduled frame, and whether it redraws the points besides the marks. */
  #frame = 0;
  #redrawPoints = false;
  #waits = false;
  readonly #ends: (() => void)[];

  constructor(map: MapState, stage: HTMLElement, base: HTMLElement, marks: HTMLCanvasElement, camera: Camera) {
    this.#map = map;
    this.#stage = stage;
    this.#marks = marks;
    this.#camera = camera;
    this.#currentMarks = marksOf(map);
    this.#thumbnails = new VisibleThumbnails(map, camera);
    const points = document.createElement('div');
    points.className = 'map-points';
    base.replaceChildren(this.#plane.canvas, points, this.#thumbnails.canvas);
    this.#surface = new Surface(points, this.refresh);
    const starting = new AbortController();
    const accelerate = () => {
      starting.abort();
      this.#surface.accelerate();
    };
    // Before the map is first moved.
    for (const type of ['pointerenter', 'wheel', 'keydown'] as const)
      stage.addEventListener(type, accelerate, { signal: starting.signal, passive: true });
    camera.onChange = () => {
      map.hovered.value = null;
      this.refresh();
      clearTimeout(this.#rest);
      this.#rest = setTimeout(() => {
        map.view.value = camera.chosen;
      }, REST);
    };
    const watch = new ResizeObserver(() => this.#measure());
    watch.observe(stage);
    this.#ends = [
      () => watch.disconnect(),
      () => starting.abort(),
      // The page has the new colours in the next frame.
      effect(() => {
        void isDark.value;
        this.#theme = null;
        this.refresh();
      }),
      effect(() => this.#thumbnails.setImages()),
      // Images of a large set that come later.
      effect(() => {
        model.value?.set?.has(0);
        this.refresh();
      }),
      effect(() => this.#setPoints()),
      effect(() => {
        const { value } = map.view;
        if (value !== camera.chosen) camera.open(map.bounds.peek(), value);
      }),
      effect(() => this.#setStyle()),
      effect(() => this.#setPlane()),
      effect(() => {
        const row = selectedRow.value;
        if (row === null || row === map.linkedRow.peek()) return;
        map.linkedRow.value = null;
        untracked(() => map.inputPosition.value && camera.reveal(map.inputPosition.value));
      }),
      // What marks depend on; they are computed when drawn.
      effect(() => {
        void [currentLatent.value, latentOrigin.value, decoded.value, input.value, reading.value];
        void [map.hovered.value, map.selection.value, map.outline.value, map.aiming.value];
        this.#schedule();
      }),
    ];
  }

  end(): void {
    for (const end of this.#ends) end();
    clearTimeout(this.#rest);
    this.#tiles?.end();
    cancelAnimationFrame(this.#frame);
    this.#surface.end();
  }

  /** An inactive scene draws nothing. */
  setActive(active: boolean): void {
    this.#active = active;
    this.#surface.forget(); // browsers may drop what is on a hidden canvas
    this.refresh();
  }

  /** Schedules a redraw. */
  readonly refresh = (): void => {
    this.#redrawPoints = true;
    this.#schedule();
  };

  #schedule(): void {
    if (!this.#active || this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      // What is around the map changes with its points. After the layout they are drawn in a frame of its own, so that a slow
      // phone stays responsive; while the window is resized, in every second one.
      this.#waits = this.#measure() && !this.#waits;
      if (!this.#active || this.#waits || this.#camera.size.width === 0) return;
      const redrawPoints = this.#redrawPoints;
      this.#redrawPoints = false;
      const more = redrawPoints && this.#drawPoints();
      this.#drawMarks();
      if (more) this.refresh();
    });
  }

  /** Follows the size of the stage, and schedules a redraw where it has changed. @returns whether it has */
  #measure(): boolean {
    const { width, height } = this.#stage.getBoundingClientRect();
    const { size } = this.#camera;
    if (width === 0 || height === 0 || (width === size.width && height === size.height)) return false;
    this.#thumbnails.forget(); // how many there is room for depends on the size
    this.#camera.resize({ width, height });
    return true;
  }

  /** The row whose thumbnail, or whose point within `reach` pixels, is at a screen position. */
  pick(at: Point, reach: number): number | null {
    const { grid, shown } = this.#map;
    const radius = reach / this.#camera.view.scale;
    return this.#thumbnails.at(at) ?? nearestPoint(grid.value, this.#camera.toMap(at), radius, shown.value);
  }

  #colours(): Theme {
    if (this.#theme) return this.#theme;
    this.#theme = readTheme(this.#stage);
    const rgb = rgbOf(this.#theme.panel);
    this.#map.ground.value = { kind: rgb[0] + rgb[1] + rgb[2] < 384 ? 'dark' : 'light', rgb };
    this.#plane.setSource(this.#planeSource); // in the new colours
    return this.#theme;
  }

  #setPoints(): void {
    const { positions, bounds, view } = this.#map;
    this.#surface.setPositions(positions.value);
    untracked(() => this.#camera.open(bounds.value, view.value));
  }

  #setStyle(): void {
    const { pointColours, drawnOrder, positions, thumbnails } = this.#map;
    void [positions.value, thumbnails.value];
    this.#surface.setStyle(pointColours.value, drawnOrder.value);
    this.#stage.dataset.points = String(drawnOrder.value.length);
    this.#thumbnails.forget();
    this.refresh();
  }

  #setPlane(): void {
    this.#tiles?.end();
    const { canDecode, isPlane, showPlane } = this.#map;
    const opened = canDecode.value && isPlane.value && showPlane.value ? model.value : null;
    this.#tiles = opened && new PlaneTiles(opened, label.value, this.refresh);
    const colours = () => {
      const { panel, ink } = this.#colours();
      return [rgbOf(panel), rgbOf(ink)] as const;
    };
    this.#planeSource = this.#tiles && dimmedSource(this.#tiles.source, colours);
    this.#plane.setSource(this.#planeSource);
    this.refresh();
  }

  /** @returns whether the next frame has more to draw */
  #drawPoints(): boolean {
    const { view, size, zoomed } = this.#camera;
    const count = this.#map.points.value?.count ?? 0;
    const ratio = window.devicePixelRatio;
    this.#colours();
    this.#tiles?.request(view, size);
    const diameter = pointDiameter(count, size, zoomed);
    const alpha = this.#tiles ? OPACITY.plane : OPACITY.plain;
    return [
      this.#plane.draw(this.#visiblePlane(), size, ratio),
      this.#surface.draw({ size, ratio, view, diameter, alpha }),
      this.#thumbnails.draw(performance.now(), ratio),
    ].includes(true);
  }

  #drawMarks(): void {
    const { view, size } = this.#camera;
    const ratio = window.devicePixelRatio;
    fitCanvas(this.#marks, size, ratio);
    const context = this.#marks.getContext('2d');
    if (context) drawMarks(context, view, size, ratio, this.#colours(), this.#currentMarks());
    this.#describe();
  }

  #visiblePlane(): Picture<string>[] {
    const { view, size } = this.#camera;
    return Array.from(this.#tiles?.within(visibleBounds(view, size)) ?? [], ({ key, left, right, bottom, top }) => {
      const [x, y] = this.#camera.toScreen([left, top]);
      const [width, height] = [(right - left) * view.scale, (top - bottom) * view.scale];
      return { key, left: x, top: y, width, height, alpha: 1, frame: null };
    });
  }

  /** Records the state of the drawing in data attributes. */
  #describe(): void {
    const { x, y, scale } = this.#camera.view;
    const { dataset } = this.#stage;
    const attributes = {
      painter: this.#surface.kind,
      view: `${x},${y},${scale}`,
      selected: String(selectedRow.value ?? ''),
      input: this.#map.inputPosition.value?.join() ?? '',
      latent: this.#map.latentPosition.value?.join() ?? '',
      pictures: String(this.#thumbnails.pictures.length),
      plane: this.#tiles?.isComplete ? 'complete' : '',
    };
    for (const [name, value] of Object.entries(attributes)) if (dataset[name] !== value) dataset[name] = value;
  }
}
