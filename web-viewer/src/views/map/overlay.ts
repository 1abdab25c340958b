import { currentLatent, decoded, imageShape, input, latentOrigin, selectedRow } from '../../state/store.ts';
import { type Shape, toImageData } from '../../ui/pixels.ts';
import type { MapState } from './create-map.ts';
import { type Point, type Size, tickTexts, toScreen, type View, visibleBounds } from './transform.ts';

/** Colours of the page, in CSS syntax. */
export interface Theme {
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly panel: string;
  readonly accent: string;
}

/** The page's current colours. */
export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  // A canvas writes every colour as #rrggbb.
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  const colour = (name: string) => {
    if (context) context.fillStyle = style.getPropertyValue(name);
    return String(context?.fillStyle ?? '#808080');
  };
  return {
    ink: colour('--ink'),
    quiet: colour('--ink-2'),
    line: colour('--line-strong'),
    panel: colour('--panel'),
    accent: colour('--accent'),
  };
}

/** A picture with its own position on the map. */
export interface Marker {
  readonly place: Point;
  readonly picture: HTMLCanvasElement | OffscreenCanvas | null;
}

/** Everything drawn over the points. */
export interface Marks {
  /** The latent dimensions along x and y; null where coordinates mean nothing. */
  readonly axes: readonly [number, number] | null;
  readonly selected: Point | null;
  readonly neighbours: readonly Point[];
  readonly hovered: Point | null;
  /** An image from outside the set. */
  readonly drawn: Marker | null;
  readonly decoded: Marker | null;
  readonly lasso: readonly number[] | null;
  /** Whether keys act on the centre of the map. */
  readonly aim: boolean;
}

/** Draws everything over the points: axes, lines to neighbours, rings, markers, the lasso. */
export function drawMarks(
  context: CanvasRenderingContext2D,
  view: View,
  size: Size,
  ratio: number,
  theme: Theme,
  marks: Marks,
): void {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  const brush = new Brush(context, theme);
  const at = (place: Point) => toScreen(view, size, place);
  if (marks.axes) drawAxes(brush, view, size, marks.axes);
  const origin = marks.selected ?? marks.drawn?.place ?? null;
  if (origin) {
    const lines = new Path2D();
    for (const place of marks.neighbours) {
      lines.moveTo(...at(origin));
      lines.lineTo(...at(place));
    }
    brush.line(lines, theme.ink, 1.25, 3.5);
    for (const place of marks.neighbours) brush.ring(at(place), 4.5, 1.5);
  }
  if (marks.lasso) {
    const path = new Path2D();
    for (let i = 0; i < marks.lasso.length; i += 2) {
      path.lineTo(...at([marks.lasso[i] as number, marks.lasso[i + 1] as number]));
    }
    path.closePath();
    context.globalAlpha = 0.12;
    context.fillStyle = theme.accent;
    context.fill(path);
    context.globalAlpha = 1;
    brush.line(path, theme.accent, 2, 4);
  }
  if (marks.selected) brush.ring(at(marks.selected), 8, 2.5);
  if (marks.hovered) brush.ring(at(marks.hovered), 6.5, 2);
  if (marks.decoded) {
    const [x, y] = at(marks.decoded.place);
    brush.pin(marks.decoded.picture, x, y - SIDE - 16, theme.accent);
    brush.area(circle([x, y], 6), theme.accent, 4);
  }
  if (marks.drawn) {
    const [x, y] = at(marks.drawn.place);
    brush.pin(marks.drawn.picture, x, y + 16, theme.ink);
    brush.area(new Path2D(`M${x} ${y - 7.5}L${x + 7.5} ${y}L${x} ${y + 7.5}L${x - 7.5} ${y}Z`), theme.ink, 4);
  }
  if (marks.aim) {
    const [x, y] = [Math.round(size.width / 2), Math.round(size.height / 2)];
    brush.line(new Path2D(`M${x - 14} ${y}h8m12 0h8M${x} ${y - 14}v8m0 12v8`), theme.ink, 1.5, 4);
  }
}

/** Side of a marker's picture, in pixels. */
const SIDE = 44;

function circle([x, y]: Point, radius: number): Path2D {
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  return path;
}

/** Draws shapes with a margin in the background's colour, so that they stand out from points. */
class Brush {
  readonly context: CanvasRenderingContext2D;
  readonly theme: Theme;

  constructor(context: CanvasRenderingContext2D, theme: Theme) {
    this.context = context;
    this.theme = theme;
  }

  stroke(path: Path2D, colour: string, width: number): void {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.stroke(path);
  }

  line(path: Path2D, colour: string, width: number, withMargin: number): void {
    this.stroke(path, this.theme.panel, withMargin);
    this.stroke(path, colour, width);
  }

  area(path: Path2D, colour: string, margin: number): void {
    this.stroke(path, this.theme.panel, margin);
    this.context.fillStyle = colour;
    this.context.fill(path);
  }

  ring(place: Point, radius: number, width: number): void {
    this.line(circle(place, radius), this.theme.ink, width, width + 2.5);
  }

  /** A picture in a frame, centred at x. */
  pin(picture: CanvasImageSource | null, x: number, top: number, colour: string): void {
    if (!picture) return;
    const path = new Path2D();
    path.roundRect(x - SIDE / 2 - 2, top - 2, SIDE + 4, SIDE + 4, 5);
    this.area(path, colour, 3);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(picture, x - SIDE / 2, top, SIDE, SIDE);
  }

  text(text: string, x: number, y: number, colour: string): void {
    const { context } = this;
    context.strokeStyle = this.theme.panel;
    context.lineWidth = 3;
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }
}

/** Axis labels along the lower and the left edge, and the lines on which a latent dimension is zero. */
function drawAxes(brush: Brush, view: View, size: Size, axes: readonly [number, number]): void {
  const { context, theme } = brush;
  const box = visibleBounds(view, size);
  const marks = new Path2D();
  context.font = '11px system-ui, sans-serif';
  context.lineJoin = 'round';
  const [x0, y0] = toScreen(view, size, [0, 0]);
  brush.stroke(new Path2D(`M${x0} 0V${size.height}M0 ${y0}H${size.width}`), theme.line, 1);
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  for (const { value, text } of tickTexts(box.left, box.right, size.width / 90)) {
    const [x] = toScreen(view, size, [value, 0]);
    if (x < 34 || x > size.width - 56) continue;
    marks.moveTo(x, size.height);
    marks.lineTo(x, size.height - 5);
    brush.text(text, x, size.height - 8, theme.quiet);
  }
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (const { value, text } of tickTexts(box.bottom, box.top, size.height / 90)) {
    const [, y] = toScreen(view, size, [0, value]);
    if (y < 74 || y > size.height - 22) continue;
    marks.moveTo(0, y);
    marks.lineTo(5, y);
    brush.text(text, 8, y, theme.quiet);
  }
  brush.stroke(marks, theme.quiet, 1);
  brush.text(`z${axes[1]} ↑`, 8, 58, theme.ink);
  context.textAlign = 'right';
  brush.text(`z${axes[0]} →`, size.width - 8, size.height - 12, theme.ink);
}

/** Makes a function that gives what is drawn over the points now. It reads signals, so an effect that calls it follows them. */
export function marksOf(map: MapState): () => Marks {
  const [ofInput, ofLatent] = [new SmallPicture(), new SmallPicture()];
  return () => {
    const row = selectedRow.value;
    const [inputPlace, latentPlace, shape] = [map.inputPosition.value, map.latentPosition.value, imageShape.value];
    const [hovered, selection] = [map.hovered.value, map.selection.value];
    const own = row === null && input.value?.pixels;
    // The input's own latent is already marked.
    const isOther = currentLatent.value !== null && latentOrigin.value !== 'input';
    return {
      axes: map.dimensions.value,
      selected: row === null ? null : inputPlace,
      neighbours: map.neighbours.value.map((neighbour) => map.positionOf(neighbour.row)),
      hovered: hovered && map.positionOf(hovered.row),
      drawn: own && inputPlace ? { place: inputPlace, picture: ofInput.show(own, shape) } : null,
      decoded: isOther && latentPlace ? { place: latentPlace, picture: ofLatent.show(decoded.value, shape) } : null,
      lasso: map.outline.value ?? (selection?.kind === 'lasso' ? selection.polygon : null),
      aim: map.aiming.value,
    };
  };
}

/** A small canvas of pixels, redrawn only when they change. */
class SmallPicture {
  readonly canvas = document.createElement('canvas');
  #shown: Uint8Array | Float32Array | null = null;

  /** @returns the canvas; null without pixels */
  show(pixels: Uint8Array | Float32Array | null, shape: Shape): HTMLCanvasElement | null {
    if (!pixels || pixels.length !== shape.height * shape.width * shape.channels) return null;
    if (pixels !== this.#shown) {
      this.#shown = pixels;
      this.canvas.width = shape.width;
      this.canvas.height = shape.height;
      this.canvas.getContext('2d')?.putImageData(toImageData(pixels, shape), 0, 0);
    }
    return this.canvas;
  }
}
