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
import { compose, filled, IN_PLACE, type Placement, type Raster, resample } from './raster.ts';
import { brush, canvas, centres, centring, colour, conventions, pixelScale, shape, tool } from './settings.ts';

/*
 * The drawing on the left. A drawing becomes the input image, and an input image set elsewhere can be drawn on. A drawing
 * has a higher resolution than the model's images. Shortly after a stroke it moves to where the model sees it.
 */

/** Pause after a stroke before the drawing is centred, in milliseconds. */
const PAUSE = 650;
const MAX_UNDO = 60;

/** An undo step. */
interface UndoStep {
  readonly sketch: Sketch;
  /** Where the picture comes from, until the visitor draws on it. */
  readonly source: { readonly image: InputImage } | { readonly file: Fitted } | null;
}

const BLANK: UndoStep = { sketch: EMPTY, source: null };

/** The canvas shows the strokes as drawn, possibly in motion, or the model's exact input. */
export type Shown =
  | { readonly kind: 'strokes'; readonly picture: Raster; readonly part: Placement }
  | { readonly kind: 'pixels'; readonly picture: Raster };

export const shown = signal<Shown | null>(null);
/** Whether the visitor has drawn anything. */
export const hasDrawn = signal(false);

const current = signal<UndoStep>(BLANK);
const undoSteps = signal<readonly UndoStep[]>([]);
/** The sketch's placement on the canvas. */
let camera: Placement = IN_PLACE;
let painting: Painting | null = null;
/** The current stroke. */
let stroke: (Stroke & { readonly points: number[] }) | null = null;
/** The pixels last published as the input image. */
let published: Uint8Array | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let finishGlide: (() => void) | null = null;

export const canUndo = computed(() => undoSteps.value.length > 0);
/** The shown file, if nothing was drawn on it. */
export const shownFile = computed(() => {
  const { source } = current.value;
  return source && 'file' in source ? source.file : null;
});

/** Shows input images that are set elsewhere. @returns a function that stops it */
export function followInput(): () => void {
  return effect(() => {
    const image = input.value;
    const size = shape.value;
    if (image && image.pixels.length === size.height * size.width * size.channels) {
      if (image.pixels !== published) adoptImage(image, size);
    } else if (!image && painting?.raster.data.length !== canvas.peek().height * canvas.peek().width * size.channels) {
      undoSteps.value = [];
      reset(BLANK);
    }
  });
}

/** Shows an image that was chosen elsewhere. */
function adoptImage(image: InputImage, size: Shape): void {
  const picture = { ...size, data: image.pixels };
  const { height, width } = canvas.peek();
  const base = resample(picture, { ...IN_PLACE, scale: pixelScale.peek() }, height, width, []);
  const before = current.peek();
  const drawn = before.source === null && before.sketch.strokes.length > 0;
  batch(() => {
    if (painting && painting.raster.data.length !== base.data.length) undoSteps.value = [];
    else if (drawn) undoSteps.value = remember(before);
    reset({ sketch: { base, strokes: [] }, source: { image } });
    published = image.pixels;
    shown.value = { kind: 'pixels', picture };
  });
}

const remember = (entry: UndoStep) => [...undoSteps.peek(), entry].slice(-MAX_UNDO);

/** Replaces the canvas' content. */
function reset(next: UndoStep, place = IN_PLACE): void {
  cancelScheduled();
  stroke = null;
  current.value = next;
  paint(place);
}

function paint(place: Placement): void {
  camera = place;
  painting = new Painting(canvas.peek(), sketchOf(current.peek()), camera, conventions.peek().background);
  shown.value = { kind: 'strokes', picture: painting.raster, part: IN_PLACE };
}

/** The sketch to paint: a file as a drawing where drawings are centred, else unchanged. */
function sketchOf({ sketch, source }: UndoStep): Sketch {
  if (!source || !('file' in source)) return sketch;
  return { ...sketch, base: (centres.peek() && source.file.drawing) || source.file.picture };
}

/** Starts a stroke. Coordinates are canvas pixels. @param erases overrides the chosen tool */
export function penDown(x: number, y: number, erases = tool.peek() === 'eraser'): void {
  cancelScheduled();
  const { background, ink } = conventions.peek();
  const before = current.peek();
  undoSteps.value = remember(before);
  // A pen starts a new drawing; the eraser edits the existing one.
  if (before.source && !erases) reset(BLANK);
  else current.value = { sketch: sketchOf(before), source: null };
  if (!painting) paint(camera);
  const pen = shape.peek().channels === 1 ? ink : colour.peek();
  stroke = { points: [], radius: (brush.peek() * pixelScale.peek()) / 2, colour: erases ? background : pen };
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
  const { sketch } = current.peek();
  const points = stroke.points.map((at, i) => (at - (i % 2 === 0 ? camera.x : camera.y)) / camera.scale);
  const done = { ...stroke, points, radius: stroke.radius / camera.scale };
  current.value = { sketch: { ...sketch, strokes: [...sketch.strokes, done] }, source: null };
  stroke = null;
  settleSoon();
}

/** Undoes the last step. */
export function undo(): void {
  const before = undoSteps.peek().at(-1);
  if (!before) return;
  const left = undoSteps.peek().slice(0, -1);
  const sameFrame = before.source === null && before.sketch.base === current.peek().sketch.base;
  show(before, sameFrame ? camera : IN_PLACE);
  undoSteps.value = left;
}

/** Clears the canvas. */
export function clear(): void {
  undoSteps.value = remember(current.peek());
  show(BLANK);
}

/** Makes a file's picture the input. @param fit fits it to the painting */
export function showFile(fit: (frame: Shape, conventions: Conventions) => Fitted): void {
  const file = fit(canvas.peek(), conventions.peek());
  undoSteps.value = remember(current.peek());
  show({ sketch: { base: file.picture, strokes: [] }, source: { file } });
}

/** Whether drawings and files are centred; an image of the set is never moved. */
export function setCentring(on: boolean): void {
  centring.value = on;
  const step = current.peek();
  if (!step.source || 'file' in step.source) show(step);
}

function show(next: UndoStep, place = IN_PLACE): void {
  if (next.source && 'image' in next.source) {
    // Handled like an image set elsewhere.
    published = null;
    showImage(next.source.image);
    return;
  }
  reset(next, place);
  publish();
  settleSoon();
}

/** The model's input as computed from the painting, and the painting's placement in it. */
function modelInput(): { picture: Raster; placement: Placement } {
  const size = shape.peek();
  const found = conventions.peek();
  const placement = { ...IN_PLACE, scale: 1 / pixelScale.peek() };
  if (!painting) return { picture: filled(size, found.background), placement };
  if (!centres.peek()) {
    return { picture: resample(painting.raster, placement, size.height, size.width, found.background), placement };
  }
  const centred = centre(toInk(painting.raster, found), size.height, size.width);
  return { ...centred, picture: fromInk(centred.picture, found) };
}

function publish(): void {
  const { picture } = modelInput();
  published = picture.data;
  showImage({ pixels: picture.data, origin: current.peek().source ? 'file' : 'drawn', row: null, label: null });
}

/** Cancels a scheduled glide and finishes a running one. */
function cancelScheduled(): void {
  clearTimeout(timer);
  finishGlide?.();
}

function settleSoon(): void {
  cancelScheduled();
  timer = setTimeout(settle, PAUSE);
}

/** Moves the painting to where the model sees it, then shows the model's pixels. Later strokes start from there. */
function settle(): void {
  if (!painting) return;
  const { raster } = painting;
  const { picture, placement } = modelInput();
  const size = pixelScale.peek();
  const to = { scale: size * placement.scale, x: size * placement.x, y: size * placement.y };
  finishGlide = glide(
    to,
    (part) => {
      shown.value = { kind: 'strokes', picture: raster, part };
    },
    () => {
      finishGlide = null;
      paint(compose(to, camera));
      shown.value = { kind: 'pixels', picture };
    },
  );
}
