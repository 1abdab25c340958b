import { effect, untracked } from '@preact/signals';
import { currentLatent, decoded, input, label, latentOrigin, model, reading, selectedRow } from '../../state/store.ts';
import type { Camera } from './camera.ts';
import { rgbOf } from './colours.ts';
import { Fade, firstPictures, pictureAt, pictureSpacing, picturesIn, pointDiameter } from './compose.ts';
import { nearestPoint } from './grid.ts';
import * as state from './map-state.ts';
import { drawMarks, type Marks, SmallPicture } from './overlay.ts';
import { type Picture, reducedSource } from './painter.ts';
import { PlaneTiles } from './plane-tiles.ts';
import { Surface } from './surface.ts';
import { readTheme, watchTheme } from './theme.ts';
import { ThumbnailLevels } from './thumbnails.ts';
import { type Point, visibleBounds } from './transform.ts';

/** Larger images are downscaled to this for the map, in pixels. */
const MAX_SIDE = 64;
const OPACITY = { plain: 0.82, plane: 0.72 } as const;

/** The drawn map: its canvases, their content, and when they are redrawn. */
export class Scene {
  readonly #stage: HTMLElement;
  readonly #marks: HTMLCanvasElement;
  readonly #camera: Camera;
  readonly #surface: Surface;
  readonly #small = { drawn: new SmallPicture(), decoded: new SmallPicture() };
  #theme: ReturnType<typeof readTheme>;
  /** The images that become thumbnails while zooming in, and the scale at which the first do. */
  #thumbnails: ThumbnailLevels | null = null;
  #firstScale = 1;
  #pictures: readonly Picture[] = [];
  readonly #fade = new Fade();
  readonly #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  #tiles: PlaneTiles | null = null;
  #active = false;
  /** The scheduled frame, and whether it redraws the points besides the marks. */
  #frame = 0;
  #redrawPoints = false;
  readonly #ends: (() => void)[];

  constructor(stage: HTMLElement, base: HTMLElement, marks: HTMLCanvasElement, camera: Camera) {
    this.#stage = stage;
    this.#marks = marks;
    this.#camera = camera;
    this.#theme = readTheme(stage);
    this.#surface = new Surface(base, this.refresh);
    camera.onChange = () => {
      state.hovered.value = null;
      this.refresh();
    };
    const watch = new ResizeObserver(() => {
      const { width, height } = stage.getBoundingClientRect();
      if (width > 0 && height > 0) camera.resize({ width, height });
    });
    watch.observe(stage);
    this.#ends = [
      () => watch.disconnect(),
      watchTheme(() => {
        this.#theme = readTheme(stage);
        this.refresh();
      }),
      effect(() => this.#setPoints()),
      effect(() => this.#setStyle()),
      effect(() => this.#setPlane()),
      effect(() => {
        const row = selectedRow.value;
        if (row !== null) untracked(() => state.inputPosition.value && camera.reveal(state.inputPosition.value));
      }),
      // Subscribes to everything that marks depend on; they are computed when drawn.
      effect(() => {
        void [currentLatent.value, latentOrigin.value, decoded.value, input.value, reading.value];
        void [state.hovered.value, state.lasso.value, state.aiming.value];
        this.#schedule();
      }),
    ];
  }

  end(): void {
    for (const end of this.#ends) end();
    this.#tiles?.end();
    cancelAnimationFrame(this.#frame);
    this.#surface.end();
  }

  /** An inactive scene draws nothing. */
  setActive(active: boolean): void {
    this.#active = active;
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
      if (!this.#active || this.#camera.size.width === 0) return;
      const redrawPoints = this.#redrawPoints;
      this.#redrawPoints = false;
      const more = redrawPoints && this.#drawPoints();
      this.#drawMarks();
      if (more) this.refresh();
    });
  }

  /** The row whose thumbnail, or whose point within `reach` pixels, is at a screen position. */
  pick(at: Point, reach: number): number | null {
    const grid = state.grid.value;
    if (!grid) return null;
    const radius = reach / this.#camera.view.scale;
    return pictureAt(this.#pictures, at) ?? nearestPoint(grid, this.#camera.toMap(at), radius, state.shown.value);
  }

  #setPoints(): void {
    const [map, set] = [state.points.value?.map, model.value?.set];
    this.#surface.setPositions(map ?? new Float32Array());
    const drawable = set && [1, 3].includes(set.about.channels);
    this.#surface.setSource(
      'thumbnails',
      drawable ? reducedSource({ shape: set.about, pixels: (row) => set.pixels(row) }, MAX_SIDE) : null,
    );
    untracked(() => {
      state.lasso.value = null;
      state.hovered.value = null;
      this.#camera.open(state.bounds.value);
    });
  }

  #setStyle(): void {
    this.#surface.setStyle(state.pointColours.value, state.drawnOrder.value);
    this.#stage.dataset.points = String(state.drawnOrder.value.length);
    this.#thumbnails = null;
    this.refresh();
  }

  #setPlane(): void {
    this.#tiles?.end();
    const opened = state.isPlane.value && state.showPlane.value ? model.value : null;
    this.#tiles = opened && new PlaneTiles(opened, label.value, this.refresh);
    this.#surface.setSource('plane', this.#tiles && reducedSource(this.#tiles.source, MAX_SIDE));
    this.refresh();
  }

  /** @returns whether the next frame has more to draw */
  #drawPoints(): boolean {
    const { view, size, zoomed } = this.#camera;
    const count = state.points.value?.count ?? 0;
    this.#fade.begin(performance.now());
    this.#pictures = this.#visibleThumbnails();
    this.#tiles?.request(view, size);
    const more = this.#surface.draw({
      size,
      ratio: window.devicePixelRatio,
      view,
      diameter: pointDiameter(count, size, zoomed),
      alpha: this.#tiles ? OPACITY.plane : OPACITY.plain,
      ground: rgbOf(this.#theme.panel),
      ink: rgbOf(this.#theme.ink),
      plane: this.#visiblePlane(),
      thumbnails: this.#pictures,
    });
    return more || this.#fade.unfinished;
  }

  #drawMarks(): void {
    const { view, size } = this.#camera;
    const ratio = window.devicePixelRatio;
    const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
    if (this.#marks.width !== width) this.#marks.width = width;
    if (this.#marks.height !== height) this.#marks.height = height;
    const context = this.#marks.getContext('2d');
    if (context) drawMarks(context, view, size, ratio, this.#theme, this.#currentMarks());
    this.#describe();
  }

  #visibleThumbnails(): Picture[] {
    const { view, size, full } = this.#camera;
    const { grid, set } = { grid: state.grid.value, set: model.value?.set };
    if (!grid || !set) return [];
    if (!this.#thumbnails) {
      const rows = state.shownShuffled.value;
      this.#firstScale = firstPictures(rows.length, size) * full.scale;
      this.#thumbnails = new ThumbnailLevels(grid.map, rows, pictureSpacing(1, this.#firstScale));
    }
    const { width, height } = set.about;
    const zoom = view.scale / this.#firstScale;
    const opacity = (row: number) => (this.#reducedMotion.matches ? 1 : this.#fade.opacity(row));
    return picturesIn(grid, this.#thumbnails, view, size, zoom, width / height, state.pointColours.value, opacity);
  }

  #visiblePlane(): Picture[] {
    const { view, size } = this.#camera;
    return Array.from(this.#tiles?.within(visibleBounds(view, size)) ?? [], ({ key, left, right, bottom, top }) => {
      const [x, y] = this.#camera.toScreen([left, top]);
      const [width, height] = [(right - left) * view.scale, (top - bottom) * view.scale];
      return { key, left: x, top: y, width, height, alpha: 1, frame: [0, 0, 0] };
    });
  }

  #currentMarks(): Marks {
    const [row, opened] = [selectedRow.value, model.value];
    const [inputPlace, latentPosition, hovered] = [
      state.inputPosition.value,
      state.latentPosition.value,
      state.hovered.value,
    ];
    const shape = opened?.card.image ?? { height: 1, width: 1, channels: 1 };
    return {
      axes: state.isPlane.value,
      selected: row === null ? null : inputPlace,
      neighbours: state.neighbours.value.map((neighbour) => state.positionOf(neighbour.row)),
      hovered: hovered && state.positionOf(hovered.row),
      drawn:
        row === null && inputPlace && input.value
          ? { place: inputPlace, picture: this.#small.drawn.show(input.value.pixels, shape) }
          : null,
      // The input's own latent is already marked.
      decoded:
        latentPosition && latentOrigin.value !== 'input'
          ? { place: latentPosition, picture: this.#small.decoded.show(decoded.value, shape) }
          : null,
      lasso: state.lasso.value,
      aim: state.aiming.value,
    };
  }

  /** Records the state of the drawing in data attributes. */
  #describe(): void {
    const { x, y, scale } = this.#camera.view;
    const { dataset } = this.#stage;
    const attributes = {
      painter: this.#surface.kind,
      view: `${x},${y},${scale}`,
      selected: String(selectedRow.value ?? ''),
      input: state.inputPosition.value?.join() ?? '',
      latent: state.latentPosition.value?.join() ?? '',
      pictures: String(this.#pictures.length),
      plane: this.#tiles?.isComplete ? 'complete' : '',
    };
    for (const [name, value] of Object.entries(attributes)) if (dataset[name] !== value) dataset[name] = value;
  }
}
