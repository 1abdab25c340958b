import { batch, computed, effect, signal } from '@preact/signals';
import { showImage } from '../../state/explore.ts';
import { type InputImage, input } from '../../state/store.ts';
import type { Shape } from '../../ui/pixels.ts';
import type { Stroke } from './brush.ts';
import { centre } from './centre.ts';
import { type Conventions, fromInk, toInk } from './conventions.ts';
import type { Fitted } from './fit.ts';
import { glide } from './glide.ts';
import { EMPTY, Painting, type Sketch } from './painting.ts';
import { after, IN_PLACE, type Placement, plain, type Raster, resample } from './raster.ts';
import { brush, canvas, centres, centring, colour, conventions, grain, shape, tool } from './settings.ts';

/*
 * The drawing on the left. A drawing becomes the input image, and an input image set elsewhere can be drawn on. A drawing
 * has a finer resolution than the model. Shortly after a stroke it glides to the position in which the model sees it.
 */

/** The longest pause within a drawing. */
const PAUSE = 650;
const MOST_UNDO = 60;

/** An undo step. */
interface Work {
  readonly sketch: Sketch;
  /** What the picture is of, until the visitor draws on it. */
  readonly source: { readonly image: InputImage } | { readonly file: Fitted } | null;
}

const BLANK: Work = { sketch: EMPTY, source: null };

/** What the canvas shows: the strokes as drawn, possibly in motion, or exactly the model's input. */
export type Shown =
  | { readonly kind: 'strokes'; readonly picture: Raster; readonly part: Placement }
  | { readonly kind: 'pixels'; readonly picture: Raster };

export const shown = signal<Shown | null>(null);
/** Whether the visitor has drawn anything. */
export const hasDrawn = signal(false);

const work = signal<Work>(BLANK);
const past = signal<readonly Work[]>([]);
/** The sketch's placement on the canvas. */
let camera: Placement = IN_PLACE;
let painting: Painting | null = null;
/** The current stroke. */
let stroke: (Stroke & { readonly points: number[] }) | null = null;
/** The pixels last given to the model from here. */
let ours: Uint8Array | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let arrive: (() => void) | null = null;

export const canUndo = computed(() => past.value.length > 0);
/** The shown file, if nothing was drawn on it. */
export const shownFile = computed(() => {
  const { source } = work.value;
  return source && 'file' in source ? source.file : null;
});

/** Follows the input image, wherever it is set. @returns a function that stops it */
export function startEasel(): () => void {
  return effect(() => {
    const image = input.value;
    const size = shape.value;
    if (image && image.pixels.length === size.height * size.width * size.channels) {
      if (image.pixels !== ours) adopt(image, size);
    } else if (!image && painting?.raster.data.length !== canvas.peek().height * canvas.peek().width * size.channels) {
      past.value = [];
      reset(BLANK);
    }
  });
}

/** Shows an image that was chosen elsewhere. */
function adopt(image: InputImage, size: Shape): void {
  const picture = { ...size, data: image.pixels };
  const { height, width } = canvas.peek();
  const base = resample(picture, { ...IN_PLACE, scale: grain.peek() }, height, width, []);
  const before = work.peek();
  const drawn = before.source === null && before.sketch.strokes.length > 0;
  batch(() => {
    if (painting && painting.raster.data.length !== base.data.length) past.value = [];
    else if (drawn) past.value = remember(before);
    reset({ sketch: { base, strokes: [] }, source: { image } });
    ours = image.pixels;
    shown.value = { kind: 'pixels', picture };
  });
}

const remember = (entry: Work) => [...past.peek(), entry].slice(-MOST_UNDO);

/** Replaces the canvas' content. */
function reset(next: Work, place = IN_PLACE): void {
  still();
  stroke = null;
  work.value = next;
  paint(place);
}

function paint(place: Placement): void {
  camera = place;
  painting = new Painting(canvas.peek(), sketchOf(work.peek()), camera, conventions.peek().background);
  shown.value = { kind: 'strokes', picture: painting.raster, part: IN_PLACE };
}

/** Placement of a file: as a drawing where drawings are centred, else unchanged. */
function sketchOf({ sketch, source }: Work): Sketch {
  if (!source || !('file' in source)) return sketch;
  return { ...sketch, base: (centres.peek() && source.file.drawing) || source.file.picture };
}

/** Starts a stroke. Coordinates are canvas pixels. @param erases overrides the chosen tool */
export function penDown(x: number, y: number, erases = tool.peek() === 'eraser'): void {
  still();
  const { background, ink } = conventions.peek();
  const before = work.peek();
  past.value = remember(before);
  // A pen starts a new drawing; the eraser edits the existing one.
  if (before.source && !erases) reset(BLANK);
  else work.value = { sketch: sketchOf(before), source: null };
  if (!painting) paint(camera);
  const pen = shape.peek().channels === 1 ? ink : colour.peek();
  stroke = { points: [], radius: (brush.peek() * grain.peek()) / 2, colour: erases ? background : pen };
  hasDrawn.value = true;
  penMove([[x, y]]);
}

/** Continues the stroke. The brush stays inside the canvas, so that nothing of a drawing is lost. */
export function penMove(places: readonly (readonly [number, number])[]): void {
  if (!stroke || !painting) return;
  const { height, width } = painting.raster;
  const from = stroke.points.length;
  const edge = Math.min(stroke.radius * 1.4, width / 2, height / 2);
  for (const [x, y] of places) {
    stroke.points.push(Math.min(width - edge, Math.max(edge, x)), Math.min(height - edge, Math.max(edge, y)));
  }
  painting.draw(stroke, from);
  shown.value = { kind: 'strokes', picture: painting.raster, part: IN_PLACE };
  publish();
}

/** Ends the stroke. */
export function penUp(): void {
  if (!stroke || !painting) return;
  painting.finish();
  const { sketch } = work.peek();
  const points = stroke.points.map((at, i) => (at - (i % 2 === 0 ? camera.x : camera.y)) / camera.scale);
  const done = { ...stroke, points, radius: stroke.radius / camera.scale };
  work.value = { sketch: { ...sketch, strokes: [...sketch.strokes, done] }, source: null };
  stroke = null;
  settleSoon();
}

/** Undoes the last step. */
export function undo(): void {
  const before = past.peek().at(-1);
  if (!before) return;
  const left = past.peek().slice(0, -1);
  const sameFrame = before.source === null && before.sketch.base === work.peek().sketch.base;
  show(before, sameFrame ? camera : IN_PLACE);
  past.value = left;
}

/** Clears the canvas. */
export function clear(): void {
  past.value = remember(work.peek());
  show(BLANK);
}

/** Makes a file's picture the input. @param fit fits it to the painting */
export function showFile(fit: (frame: Shape, conventions: Conventions) => Fitted): void {
  const file = fit(canvas.peek(), conventions.peek());
  past.value = remember(work.peek());
  show({ sketch: { base: file.picture, strokes: [] }, source: { file } });
}

/** Whether drawings and files are centred; an image of the set is never moved. */
export function setCentring(on: boolean): void {
  centring.value = on;
  const current = work.peek();
  if (!current.source || 'file' in current.source) show(current);
}

function show(next: Work, place = IN_PLACE): void {
  if (next.source && 'image' in next.source) {
    // It comes back as an image from elsewhere does.
    ours = null;
    showImage(next.source.image);
    return;
  }
  reset(next, place);
  publish();
  settleSoon();
}

/** The model's input made of the painting, and the painting's placement in it. */
function modelSees(): { picture: Raster; placement: Placement } {
  const size = shape.peek();
  const found = conventions.peek();
  const placement = { ...IN_PLACE, scale: 1 / grain.peek() };
  if (!painting) return { picture: plain(size, found.background), placement };
  if (!centres.peek()) {
    return { picture: resample(painting.raster, placement, size.height, size.width, found.background), placement };
  }
  const centred = centre(toInk(painting.raster, found), size.height, size.width);
  return { ...centred, picture: fromInk(centred.picture, found) };
}

function publish(): void {
  const { picture } = modelSees();
  ours = picture.data;
  showImage({ pixels: picture.data, origin: work.peek().source ? 'file' : 'drawn', row: null, label: null });
}

/** Cancels what is scheduled. */
function still(): void {
  clearTimeout(timer);
  arrive?.();
}

function settleSoon(): void {
  still();
  timer = setTimeout(settle, PAUSE);
}

/** Lets the painting glide to the position in which the model sees it, then shows the model's pixels. Later strokes start there. */
function settle(): void {
  if (!painting) return;
  const { raster } = painting;
  const { picture, placement } = modelSees();
  const size = grain.peek();
  const to = { scale: size * placement.scale, x: size * placement.x, y: size * placement.y };
  arrive = glide(
    to,
    (part) => {
      shown.value = { kind: 'strokes', picture: raster, part };
    },
    () => {
      arrive = null;
      paint(after(to, camera));
      shown.value = { kind: 'pixels', picture };
    },
  );
}
