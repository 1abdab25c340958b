import { type Point, type Size, tickTexts, toScreen, type View, visibleBounds } from './transform.ts';

/** Colours of the page, in CSS syntax. */
export interface Theme {
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly panel: string;
  readonly accent: string;
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
  const at = (place: Point) => toScreen(view, size, place);
  if (marks.axes) drawAxes(context, view, size, theme, marks.axes);
  const origin = marks.selected ?? marks.drawn?.place ?? null;
  if (origin) {
    const lines = new Path2D();
    for (const place of marks.neighbours) {
      lines.moveTo(...at(origin));
      lines.lineTo(...at(place));
    }
    stroke(context, lines, theme.panel, 3.5);
    stroke(context, lines, theme.ink, 1.25);
    for (const place of marks.neighbours) ring(context, at(place), 4.5, theme, theme.ink, 1.5);
  }
  if (marks.lasso) drawLasso(context, marks.lasso, at, theme);
  if (marks.selected) ring(context, at(marks.selected), 8, theme, theme.ink, 2.5);
  if (marks.hovered) ring(context, at(marks.hovered), 6.5, theme, theme.ink, 2);
  if (marks.decoded) {
    const place = at(marks.decoded.place);
    pin(context, place, marks.decoded.picture, 44, theme, theme.accent, 'above');
    disc(context, place, theme);
  }
  if (marks.drawn) {
    const place = at(marks.drawn.place);
    pin(context, place, marks.drawn.picture, 44, theme, theme.ink, 'below');
    diamond(context, place, theme);
  }
  if (marks.aim) drawAim(context, size, theme);
}

function stroke(context: CanvasRenderingContext2D, path: Path2D, colour: string, width: number): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}

function ring(
  context: CanvasRenderingContext2D,
  [x, y]: Point,
  radius: number,
  theme: Theme,
  colour: string,
  width: number,
) {
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  stroke(context, path, theme.panel, width + 2.5);
  stroke(context, path, colour, width);
}

function fill(context: CanvasRenderingContext2D, path: Path2D, theme: Theme, colour: string): void {
  stroke(context, path, theme.panel, 4);
  context.fillStyle = colour;
  context.fill(path);
}

function disc(context: CanvasRenderingContext2D, [x, y]: Point, theme: Theme): void {
  const path = new Path2D();
  path.arc(x, y, 6, 0, 2 * Math.PI);
  fill(context, path, theme, theme.accent);
}

function diamond(context: CanvasRenderingContext2D, [x, y]: Point, theme: Theme): void {
  const path = new Path2D(`M${x} ${y - 7.5}L${x + 7.5} ${y}L${x} ${y + 7.5}L${x - 7.5} ${y}Z`);
  fill(context, path, theme, theme.ink);
}

/** A picture on a short stem. */
function pin(
  context: CanvasRenderingContext2D,
  [x, y]: Point,
  picture: CanvasImageSource | null,
  side: number,
  theme: Theme,
  colour: string,
  where: 'above' | 'below',
): void {
  if (!picture) return;
  const top = where === 'above' ? y - side - 16 : y + 16;
  const path = new Path2D();
  path.roundRect(x - side / 2 - 2, top - 2, side + 4, side + 4, 5);
  stroke(context, path, theme.panel, 3);
  context.fillStyle = colour;
  context.fill(path);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, x - side / 2, top, side, side);
}

function drawLasso(
  context: CanvasRenderingContext2D,
  lasso: readonly number[],
  at: (place: Point) => Point,
  theme: Theme,
): void {
  const path = new Path2D();
  for (let i = 0; i < lasso.length; i += 2) path.lineTo(...at([lasso[i] as number, lasso[i + 1] as number]));
  path.closePath();
  context.globalAlpha = 0.12;
  context.fillStyle = theme.accent;
  context.fill(path);
  context.globalAlpha = 1;
  stroke(context, path, theme.panel, 4);
  stroke(context, path, theme.accent, 2);
}

function drawAim(context: CanvasRenderingContext2D, { width, height }: Size, theme: Theme): void {
  const [x, y] = [Math.round(width / 2), Math.round(height / 2)];
  const path = new Path2D(`M${x - 14} ${y}h8m12 0h8M${x} ${y - 14}v8m0 12v8`);
  stroke(context, path, theme.panel, 4);
  stroke(context, path, theme.ink, 1.5);
}

/** Axis labels along the lower and the left edge, and the lines on which a latent dimension is zero. */
function drawAxes(
  context: CanvasRenderingContext2D,
  view: View,
  size: Size,
  theme: Theme,
  axes: readonly [number, number],
): void {
  const box = visibleBounds(view, size);
  const zero = new Path2D();
  const marks = new Path2D();
  context.font = '11px system-ui, sans-serif';
  context.fillStyle = theme.quiet;
  context.strokeStyle = theme.panel;
  context.lineJoin = 'round';
  const write = (text: string, px: number, py: number) => {
    context.lineWidth = 3;
    context.strokeText(text, px, py);
    context.fillText(text, px, py);
  };
  const [middle, centre] = toScreen(view, size, [0, 0]);
  zero.moveTo(middle, 0);
  zero.lineTo(middle, size.height);
  zero.moveTo(0, centre);
  zero.lineTo(size.width, centre);
  stroke(context, zero, theme.line, 1);
  context.strokeStyle = theme.panel;
  context.textAlign = 'center';
  context.textBaseline = 'alphabetic';
  for (const { value, text } of tickTexts(box.left, box.right, size.width / 90)) {
    const [px] = toScreen(view, size, [value, 0]);
    if (px < 34 || px > size.width - 56) continue;
    marks.moveTo(px, size.height);
    marks.lineTo(px, size.height - 5);
    write(text, px, size.height - 8);
  }
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (const { value, text } of tickTexts(box.bottom, box.top, size.height / 90)) {
    const [, py] = toScreen(view, size, [0, value]);
    if (py < 74 || py > size.height - 22) continue;
    marks.moveTo(0, py);
    marks.lineTo(5, py);
    write(text, 8, py);
  }
  stroke(context, marks, theme.quiet, 1);
  context.fillStyle = theme.ink;
  context.strokeStyle = theme.panel;
  write(`z${axes[1]} ↑`, 8, 58);
  context.textAlign = 'right';
  write(`z${axes[0]} →`, size.width - 8, size.height - 12);
}
