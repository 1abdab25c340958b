import { batch, computed, effect, signal } from '@preact/signals';
import { showImage } from '../../state/explore.ts';
import { type InputImage, input, model } from '../../state/store.ts';
import type { Fitted } from './fit.ts';
import { type Frame, fitToFrame, frameOf, inputOf } from './frame-of.ts';
import { EMPTY, Painting, type Sketch, type Stroke } from './painting.ts';
import { compose, IN_PLACE, type Placement, type Raster, resample } from './raster.ts';

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

/** The canvas shows the strokes as drawn, which may be moving to where the model sees them, or the model's exact input. */
export type Shown =
  | { readonly kind: 'strokes'; readonly canvas: OffscreenCanvas; readonly movesTo: Placement | null }
  | { readonly kind: 'pixels'; readonly picture: Raster };

export type Drawing = ReturnType<typeof createDrawing>;

/**
 * The drawing on the left. A drawing becomes the input image, and an input image set elsewhere can be drawn on. A drawing has
 * a higher resolution than the model's images. Shortly after a stroke it moves to where the model sees it.
 */
export function createDrawing() {
  const tool = signal<'pen' | 'eraser'>('pen');
  /** The brush's diameter in the model's pixels. */
  const brush = signal(2.6);
  /** Whether the visitor wants drawings centred, and whether they are: only where the set's images are. */
  const centring = signal(true);
  const frame = computed(() => frameOf(model.value));
  /** The pen's colour that the visitor has chosen for colour images `[3]`. */
  const chosenColour = signal<readonly number[] | null>(null);
  /** The pen's colour `[C]`, which contrasts with the background unless another one was chosen. */
  const colour = computed(() => {
    const { shape, conventions } = frame.value;
    return (shape.channels > 1 && chosenColour.value) || conventions.ink;
  });
  const centres = computed(() => centring.value && frame.value.conventions.centred);

  const shown = signal<Shown | null>(null);
  const hasDrawn = signal(false);
  const current = signal<UndoStep>(BLANK);
  const undoSteps = signal<readonly UndoStep[]>([]);

  /** The placement of the sketch on the canvas. */
  let camera: Placement = IN_PLACE;
  let painting: { readonly of: Frame['canvas']; readonly on: Painting } | null = null;
  let stroke: (Stroke & { readonly points: number[] }) | null = null;
  /** The pixels last published as the input image. */
  let published: Uint8Array | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const fits = ({ height, width, channels }: Frame['canvas']) =>
    painting?.of.height === height && painting.of.width === width && painting.of.channels === channels;

  /** The sketch to paint: a file as a drawing where drawings are centred, else unchanged. */
  function sketchOf({ sketch, source }: UndoStep): Sketch {
    if (!source || !('file' in source)) return sketch;
    return { ...sketch, base: (centres.peek() && source.file.drawing) || source.file.picture };
  }

  function paint(place: Placement): Painting {
    const { canvas, conventions } = frame.peek();
    camera = place;
    const on = new Painting(canvas, sketchOf(current.peek()), camera, conventions.background);
    painting = { of: canvas, on };
    shown.value = { kind: 'strokes', canvas: on.canvas, movesTo: null };
    return on;
  }

  /** Replaces the canvas' content. */
  function reset(next: UndoStep, place = IN_PLACE): void {
    arrive();
    stroke = null;
    current.value = next;
    paint(place);
  }

  /** Shows an image that was chosen elsewhere. */
  function adopt(image: InputImage): void {
    const { shape, canvas, scale } = frame.peek();
    const picture = { ...shape, data: image.pixels };
    const base = resample(picture, { ...IN_PLACE, scale }, canvas.height, canvas.width, []);
    const before = current.peek();
    const drawn = before.source === null && before.sketch.strokes.length > 0;
    batch(() => {
      if (painting && !fits(canvas)) undoSteps.value = [];
      else if (drawn) remember(before);
      reset({ sketch: { base, strokes: [] }, source: { image } });
      published = image.pixels;
      shown.value = { kind: 'pixels', picture };
    });
  }

  const remember = (entry: UndoStep) => {
    undoSteps.value = [...undoSteps.peek(), entry].slice(-MAX_UNDO);
  };

  const inputNow = () => inputOf((painting?.on ?? paint(camera)).raster, frame.peek(), centres.peek());

  function publish(): void {
    const { picture } = inputNow();
    published = picture.data;
    showImage({ pixels: picture.data, origin: current.peek().source ? 'file' : 'drawn', row: null, label: null });
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

  function settleSoon(): void {
    arrive();
    timer = setTimeout(() => {
      const { canvas } = shown.peek() as Shown & { kind: 'strokes' };
      const { placement } = inputNow();
      const { scale } = frame.peek();
      const movesTo = { scale: scale * placement.scale, x: scale * placement.x, y: scale * placement.y };
      shown.value = { kind: 'strokes', canvas, movesTo };
    }, PAUSE);
  }

  /** Ends the move to where the model sees the drawing: shows the model's pixels. Later strokes start from there. */
  function arrive(): void {
    clearTimeout(timer);
    const before = shown.peek();
    if (before?.kind !== 'strokes' || !before.movesTo) return;
    const { picture } = inputNow();
    paint(compose(before.movesTo, camera));
    shown.value = { kind: 'pixels', picture };
  }

  /** Continues the stroke. The brush stays inside the canvas, so that nothing of a drawing is lost. */
  function penMove(places: readonly (readonly [number, number])[]): void {
    if (!stroke) return;
    const { on } = painting ?? { on: paint(camera) };
    const { height, width } = frame.peek().canvas;
    const edge = Math.min(stroke.radius * camera.scale * 1.4, width / 2, height / 2);
    for (const [x, y] of places) {
      const inside = [Math.min(width - edge, Math.max(edge, x)), Math.min(height - edge, Math.max(edge, y))] as const;
      stroke.points.push((inside[0] - camera.x) / camera.scale, (inside[1] - camera.y) / camera.scale);
    }
    on.draw(stroke);
    shown.value = { kind: 'strokes', canvas: on.canvas, movesTo: null };
    publish();
  }

  return {
    tool,
    brush,
    colour,
    chosenColour,
    centring,
    frame,
    shown,
    hasDrawn,
    arrive,
    canUndo: computed(() => undoSteps.value.length > 0),
    /** The shown file, if nothing was drawn on it. */
    shownFile: computed(() => {
      const { source } = current.value;
      return source && 'file' in source ? source.file : null;
    }),

    /** Shows input images that are set elsewhere. @returns a function that stops it */
    follow: () =>
      effect(() => {
        const image = input.value;
        const { shape, canvas } = frame.value;
        if (image && image.pixels.length === shape.height * shape.width * shape.channels) {
          if (image.pixels !== published) adopt(image);
        } else if (!image && !fits(canvas)) {
          undoSteps.value = [];
          reset(BLANK);
        }
      }),

    /** Starts a stroke. Coordinates are canvas pixels. @param erases overrides the chosen tool */
    penDown(x: number, y: number, erases = tool.peek() === 'eraser'): void {
      arrive();
      const { scale, conventions } = frame.peek();
      const before = current.peek();
      remember(before);
      // A pen starts a new drawing; the eraser edits the existing one.
      if (before.source && !erases) reset(BLANK);
      else current.value = { sketch: sketchOf(before), source: null };
      const radius = (brush.peek() * scale) / 2 / camera.scale;
      stroke = { points: [], radius, colour: erases ? conventions.background : colour.peek() };
      hasDrawn.value = true;
      penMove([[x, y]]);
    },

    penMove,

    /** Ends the stroke. */
    penUp(): void {
      if (!stroke) return;
      painting?.on.finish();
      const { sketch } = current.peek();
      current.value = { sketch: { ...sketch, strokes: [...sketch.strokes, stroke] }, source: null };
      stroke = null;
      settleSoon();
    },

    /** Undoes the last step. */
    undo(): void {
      const before = undoSteps.peek().at(-1);
      if (!before) return;
      const left = undoSteps.peek().slice(0, -1);
      const sameFrame = before.source === null && before.sketch.base === current.peek().sketch.base;
      show(before, sameFrame ? camera : IN_PLACE);
      undoSteps.value = left;
    },

    clear(): void {
      remember(current.peek());
      show(BLANK);
    },

    /** Makes a file's picture the input. */
    showFile(picture: ImageData): void {
      const file = fitToFrame(picture, frame.peek(), model.peek()?.card, centres.peek());
      remember(current.peek());
      show({ sketch: { base: file.picture, strokes: [] }, source: { file } });
    },

    /** Whether drawings and files are centred; an image of the set is never moved. */
    setCentring(on: boolean): void {
      centring.value = on;
      const step = current.peek();
      if (!step.source || 'file' in step.source) show(step);
    },
  };
}
