import { effect, untracked } from '@preact/signals';
import { currentLatent, decoded, input, label, latentOrigin, model, reading, selectedRow } from '../../state/store.ts';
import type { Camera } from './camera.ts';
import { rgbOf } from './colours.ts';
import { firstPictures, pictureAt, pictureSpacing, picturesIn, pointDiameter } from './compose.ts';
import { Fade } from './fade.ts';
import { nearestPoint } from './grid.ts';
import * as state from './map-state.ts';
import { drawMarks, type Marks, SmallPicture } from './overlay.ts';
import { type Picture, reducedStore } from './painter.ts';
import { PlaneTiles } from './plane-tiles.ts';
import { Surface } from './surface.ts';
import { readTheme, watchTheme } from './theme.ts';
import { ThumbnailLevels } from './thumbnails.ts';
import { type Place, seen } from './transform.ts';

/** Larger images are downscaled to this for the map, in pixels. */
const MOST_PIXELS = 64;
const OPACITY = { plain: 0.82, plane: 0.72 } as const;

/** The drawn map: its canvases, their content, and when they are redrawn. */
export class Scene {
  readonly #stage: HTMLElement;
  readonly #marks: HTMLCanvasElement;
  readonly #camera: Camera;
  readonly #surface: Surface;
  readonly #small = { drawn: new SmallPicture(), decoded: new SmallPicture() };
  #theme: ReturnType<typeof readTheme>;
  /** Which images become thumbnails while zooming in, and the zoom at which the first do. */
  #levels: ThumbnailLevels | null = null;
  #first = 1;
  #pictures: readonly Picture[] = [];
  readonly #fade = new Fade();
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');
  #tiles: PlaneTiles | null = null;
  #active = false;
  /** The scheduled frame, and whether it redraws the points too, not just the marks. */
  #frame = 0;
  #whole = false;
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
      effect(() => this.#openPoints()),
      effect(() => this.#setLook()),
      effect(() => this.#setPlane()),
      effect(() => {
        const row = selectedRow.value;
        if (row !== null) untracked(() => state.inputPlace.value && camera.reveal(state.inputPlace.value));
      }),
      // Subscribes to everything that marks depend on; they are computed when drawn.
      effect(() => {
        void [currentLatent.value, latentOrigin.value, decoded.value, input.value, reading.value];
        void [state.hovered.value, state.lasso.value, state.aiming.value];
        this.#ask();
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
    this.#whole = true;
    this.#ask();
  };

  #ask(): void {
    if (!this.#active || this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#active || this.#camera.size.width === 0) return;
      const whole = this.#whole;
      this.#whole = false;
      const more = whole && this.#drawPoints();
      this.#drawMarks();
      if (more) this.refresh();
    });
  }

  /** The row whose thumbnail, or whose point within `reach` pixels, is at a screen position. */
  pick(at: Place, reach: number): number | null {
    const grid = state.grid.value;
    if (!grid) return null;
    const radius = reach / this.#camera.view.scale;
    return pictureAt(this.#pictures, at) ?? nearestPoint(grid, this.#camera.toMap(at), radius, state.shown.value);
  }

  #openPoints(): void {
    const [map, set] = [state.points.value?.map, model.value?.set];
    this.#surface.setPlaces(map ?? new Float32Array());
    const drawable = set && [1, 3].includes(set.about.channels);
    this.#surface.setStore(
      'thumbnails',
      drawable ? reducedStore({ shape: set.about, pixels: (row) => set.pixels(row) }, MOST_PIXELS) : null,
    );
    untracked(() => {
      state.lasso.value = null;
      state.hovered.value = null;
      this.#camera.open(state.bounds.value);
    });
  }

  #setLook(): void {
    this.#surface.setLook(state.pointColours.value, state.drawnOrder.value);
    this.#stage.dataset.points = String(state.drawnOrder.value.length);
    this.#levels = null;
    this.refresh();
  }

  #setPlane(): void {
    this.#tiles?.end();
    const opened = state.isPlane.value && state.planeWanted.value ? model.value : null;
    this.#tiles = opened && new PlaneTiles(opened, label.value, this.refresh);
    this.#surface.setStore('plane', this.#tiles && reducedStore(this.#tiles.store, MOST_PIXELS));
    this.refresh();
  }

  /** @returns whether the next frame has more to draw */
  #drawPoints(): boolean {
    const { view, size, zoomed } = this.#camera;
    const count = state.points.value?.count ?? 0;
    this.#fade.begin(performance.now());
    this.#pictures = this.#picturesNow();
    this.#tiles?.want(view, size);
    const more = this.#surface.draw({
      size,
      ratio: window.devicePixelRatio,
      view,
      diameter: pointDiameter(count, size, zoomed),
      alpha: this.#tiles ? OPACITY.plane : OPACITY.plain,
      ground: rgbOf(this.#theme.panel),
      ink: rgbOf(this.#theme.ink),
      plane: this.#planeNow(),
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
    if (context) drawMarks(context, view, size, ratio, this.#theme, this.#marksNow());
    this.#tell();
  }

  #picturesNow(): Picture[] {
    const { view, size, whole } = this.#camera;
    const { grid, set } = { grid: state.grid.value, set: model.value?.set };
    if (!grid || !set) return [];
    if (!this.#levels) {
      const rows = state.shownScattered.value;
      this.#first = firstPictures(rows.length, size) * whole.scale;
      this.#levels = new ThumbnailLevels(grid.map, rows, pictureSpacing(1, this.#first));
    }
    const { width, height } = set.about;
    const zoom = view.scale / this.#first;
    const opacity = (row: number) => (this.#still.matches ? 1 : this.#fade.opacity(row));
    return picturesIn(grid, this.#levels, view, size, zoom, width / height, state.pointColours.value, opacity);
  }

  #planeNow(): Picture[] {
    const { view, size } = this.#camera;
    return Array.from(this.#tiles?.within(seen(view, size)) ?? [], ({ key, left, right, bottom, top }) => {
      const [x, y] = this.#camera.toScreen([left, top]);
      const [width, height] = [(right - left) * view.scale, (top - bottom) * view.scale];
      return { key, left: x, top: y, width, height, alpha: 1, frame: [0, 0, 0] };
    });
  }

  #marksNow(): Marks {
    const [row, opened] = [selectedRow.value, model.value];
    const [inputPlace, latentPosition, hovered] = [
      state.inputPlace.value,
      state.latentPosition.value,
      state.hovered.value,
    ];
    const shape = opened?.card.image ?? { height: 1, width: 1, channels: 1 };
    return {
      axes: state.isPlane.value,
      selected: row === null ? null : inputPlace,
      neighbours: state.neighbours.value.map((neighbour) => state.placeOf(neighbour.row)),
      hovered: hovered && state.placeOf(hovered.row),
      drawn:
        row === null && inputPlace && input.value
          ? { place: inputPlace, picture: this.#small.drawn.show(input.value.pixels, shape) }
          : null,
      // The input's own latent has the input's mark.
      decoded:
        latentPosition && latentOrigin.value !== 'input'
          ? { place: latentPosition, picture: this.#small.decoded.show(decoded.value, shape) }
          : null,
      lasso: state.lasso.value,
      aim: state.aiming.value,
    };
  }

  /** Describes the drawing for screen readers. */
  #tell(): void {
    const { x, y, scale } = this.#camera.view;
    const { dataset } = this.#stage;
    const attributes = {
      painter: this.#surface.kind,
      view: `${x},${y},${scale}`,
      selected: String(selectedRow.value ?? ''),
      input: state.inputPlace.value?.join() ?? '',
      latent: state.latentPosition.value?.join() ?? '',
      pictures: String(this.#pictures.length),
      plane: this.#tiles?.isComplete ? 'complete' : '',
    };
    for (const [name, value] of Object.entries(attributes)) if (dataset[name] !== value) dataset[name] = value;
  }
}
