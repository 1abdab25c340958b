import { useEffect, useId, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { colourMap, input } from '../../state/store.ts';
import { coloursOf } from '../../ui/colour-map.ts';
import { focusable } from '../../ui/controls.tsx';
import { toImageData } from '../../ui/pixels.ts';
import { cssOf } from '../../ui/rgb.ts';
import type { Drawing, Shown } from './drawing.ts';
import { createKeyboardPen } from './keyboard-pen.ts';

/** Time that a drawing takes to move to where the model sees it, in milliseconds. */
const MOVE = 280;

/** The input image, to be drawn on. */
export function Canvas({ drawing }: { readonly drawing: Drawing }) {
  const element = useRef<HTMLCanvasElement>(null);
  const ring = useRef<HTMLSpanElement>(null);
  const announcement = useRef<HTMLSpanElement>(null);
  const help = useId();
  const { canvas, scale, conventions } = drawing.frame.value;
  const { height, width } = canvas;
  const content = drawing.shown.value;
  const colours = coloursOf(colourMap.value);

  useLayoutEffect(() => {
    const context = element.current?.getContext('2d');
    if (context && content) draw(context, content, colours);
    return element.current && content ? move(element.current, content, drawing.arrive) : undefined;
  }, [content, height, width, drawing, colours]);

  const pen = useMemo(
    () =>
      createKeyboardPen(
        drawing,
        (x, y) => moveRing(ring.current, x, y),
        (text) => {
          if (announcement.current) announcement.current.textContent = text;
        },
      ),
    [drawing],
  );
  useEffect(() => {
    const ends = element.current ? listen(element.current, ring.current, drawing) : undefined;
    return () => {
      ends?.();
      pen.lift();
    };
  }, [drawing, pen]);

  const onKeyDown = (event: KeyboardEvent) => {
    const { tool } = drawing;
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === 'z') drawing.undo();
    else if (command || event.altKey) return;
    else if (event.key === 'Delete' || event.key === 'Backspace') drawing.clear();
    else if (event.key.toLowerCase() === 'e') tool.value = tool.value === 'pen' ? 'eraser' : 'pen';
    else if (!pen.press(event.key, event.shiftKey)) return;
    event.preventDefault();
  };

  const origin = input.value?.origin;
  return (
    <div
      class="drawing"
      style={{
        '--brush': `${(100 * drawing.brush.value * scale) / width}%`,
        'aspect-ratio': `${width} / ${height}`,
        background: cssOf(conventions.background),
      }}
      role="application"
      {...focusable}
      aria-label={`Input image: draw here${origin === 'set' ? '; it shows an image of the set' : ''}`}
      aria-describedby={help}
      data-shows={content?.kind}
      onKeyDown={onKeyDown}
      onBlur={() => pen.lift()}
    >
      <canvas
        ref={element}
        class={`pixels drawing-canvas ${content?.kind === 'pixels' ? '' : 'smooth'}`}
        width={width}
        height={height}
      />
      <span ref={ring} class="drawing-ring" aria-hidden="true" />
      {!drawing.hasDrawn.value && (
        <span class="drawing-call" aria-hidden="true">
          Draw here
        </span>
      )}
      <span id={help} class="drawing-help">
        Arrow keys move the pen (further with Shift), Space lowers or lifts it, E switches to the eraser and back,
        Delete clears, Ctrl+Z undoes.
      </span>
      <span ref={announcement} class="visually-hidden" aria-live="polite" />
    </div>
  );
}

function draw(context: CanvasRenderingContext2D, content: Shown, colours: Uint8ClampedArray): void {
  if (content.kind === 'strokes') {
    context.drawImage(content.canvas, 0, 0);
    return;
  }
  const image = toImageData(content.picture.data, content.picture, colours);
  const buffer = new OffscreenCanvas(image.width, image.height);
  buffer.getContext('2d')?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(buffer, 0, 0, context.canvas.width, context.canvas.height);
}

/** Moves a drawing to where the model sees it, at once where reduced motion is preferred. @returns a function that stops it */
function move(canvas: HTMLCanvasElement, content: Shown, arrived: () => void): (() => void) | undefined {
  if (content.kind !== 'strokes' || !content.movesTo) return undefined;
  const { scale, x, y } = content.movesTo;
  const isThere = Math.abs(scale - 1) < 1e-6 && Math.hypot(x, y) < 1e-6;
  if (isThere || matchMedia('(prefers-reduced-motion: reduce)').matches) {
    arrived();
    return undefined;
  }
  const end = `translate(${(100 * x) / canvas.width}%, ${(100 * y) / canvas.height}%) scale(${scale})`;
  const motion = canvas.animate({ transform: ['none', end] }, { duration: MOVE, easing: 'ease-in-out' });
  motion.onfinish = arrived;
  return () => motion.cancel();
}

/** Moves the ring that shows the brush to a position, in shares of the canvas. */
function moveRing(ring: HTMLElement | null, x: number, y: number): void {
  ring?.style.setProperty('left', `${100 * x}%`);
  ring?.style.setProperty('top', `${100 * y}%`);
}

/** Draws with mouse, finger or stylus. @returns a function that stops it */
function listen(target: HTMLCanvasElement, ring: HTMLElement | null, drawing: Drawing): () => void {
  let pointer: number | null = null;
  const places = (events: readonly PointerEvent[]) => {
    const box = target.getBoundingClientRect();
    const [across, down] = [target.width / box.width, target.height / box.height];
    return events.map(({ clientX, clientY }) => [(clientX - box.left) * across, (clientY - box.top) * down] as const);
  };
  const follow = (event: PointerEvent) => {
    const [[x, y] = [0, 0]] = places([event]);
    moveRing(ring, x / target.width, y / target.height);
    return [x, y] as const;
  };
  const stop = new AbortController();
  const on = (type: `pointer${'down' | 'move' | 'up' | 'cancel'}`, listener: (event: PointerEvent) => void) =>
    target.addEventListener(type, listener, { signal: stop.signal });
  on('pointerdown', (event) => {
    if (pointer !== null || (event.button !== 0 && event.button !== 5)) return;
    pointer = event.pointerId;
    target.setPointerCapture(event.pointerId);
    const [x, y] = follow(event);
    // Button 5 is the eraser end of a stylus.
    if (event.button === 5) drawing.penDown(x, y, true);
    else drawing.penDown(x, y);
  });
  on('pointermove', (event) => {
    follow(event);
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents();
    drawing.penMove(places(between.length > 0 ? between : [event]));
  });
  const end = (event: PointerEvent) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    drawing.penUp();
  };
  on('pointerup', end);
  on('pointercancel', end);
  return () => stop.abort();
}
