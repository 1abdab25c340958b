import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import { input } from '../../state/store.ts';
import { toImageData } from '../../ui/pixels.ts';
import { clear, hasDrawn, penDown, penMove, penUp, type Shown, shown, undo } from './drawing.ts';
import { KeyboardPen } from './keyboard-pen.ts';
import { brush, canvas, pixelScale, tool } from './settings.ts';

/** Handles keys itself, as an application role may. */
const focusable = { tabIndex: 0 } as const;

/** The input image, to be drawn on. */
export function Canvas() {
  const element = useRef<HTMLCanvasElement>(null);
  const ring = useRef<HTMLSpanElement>(null);
  const announcement = useRef<HTMLSpanElement>(null);
  const help = useId();
  const pen = useRef<KeyboardPen | null>(null);
  const { height, width } = canvas.value;
  const diameter = (brush.value * pixelScale.value) / width;
  const content = shown.value;

  useLayoutEffect(() => {
    const context = element.current?.getContext('2d');
    if (context && content) draw(context, content);
  }, [content, height, width]);

  useEffect(() => {
    const target = element.current;
    if (!target) return;
    const keys = new KeyboardPen(
      () => canvas.peek(),
      () => pixelScale.peek(),
      ([x, y]) => moveRing(ring.current, x / canvas.peek().width, y / canvas.peek().height),
      (text) => {
        if (announcement.current) announcement.current.textContent = text;
      },
    );
    pen.current = keys;
    const ends = listen(target, ring.current);
    return () => {
      ends();
      keys.lift();
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === 'z') undo();
    else if (command || event.altKey) return;
    else if (event.key === 'Delete' || event.key === 'Backspace') clear();
    else if (event.key.toLowerCase() === 'e') tool.value = tool.value === 'pen' ? 'eraser' : 'pen';
    else if (!pen.current?.press(event.key, event.shiftKey)) return;
    event.preventDefault();
  };

  const origin = input.value?.origin;
  return (
    <div
      class="drawing"
      style={{ '--brush': `${100 * diameter}%`, 'aspect-ratio': `${width} / ${height}` }}
      role="application"
      {...focusable}
      aria-label={`Input image: draw here${origin === 'set' ? '; it shows a test image' : ''}`}
      aria-describedby={help}
      data-shows={content?.kind}
      onKeyDown={onKeyDown}
      onBlur={() => pen.current?.lift()}
    >
      <canvas
        ref={element}
        class={`pixels drawing-canvas ${content?.kind === 'pixels' ? '' : 'smooth'}`}
        width={width}
        height={height}
      />
      <span ref={ring} class="drawing-ring" aria-hidden="true" />
      {!hasDrawn.value && (
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

function draw(context: CanvasRenderingContext2D, content: Shown): void {
  const { width, height } = context.canvas;
  const image = toImageData(content.picture.data, content.picture);
  if (content.kind === 'strokes' && content.part.scale === 1 && content.part.x === 0 && content.part.y === 0) {
    context.putImageData(image, 0, 0);
    return;
  }
  const buffer = new OffscreenCanvas(image.width, image.height);
  buffer.getContext('2d')?.putImageData(image, 0, 0);
  if (content.kind === 'pixels') {
    context.imageSmoothingEnabled = false;
    context.drawImage(buffer, 0, 0, width, height);
    return;
  }
  // Fill the surroundings with the colour of the picture's corner.
  const [red, green, blue] = image.data;
  context.fillStyle = `rgb(${red} ${green} ${blue})`;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = true;
  const { scale, x, y } = content.part;
  context.drawImage(buffer, x, y, scale * width, scale * height);
}

/** Moves the ring that shows the brush to a position, in shares of the canvas. */
function moveRing(ring: HTMLElement | null, x: number, y: number): void {
  ring?.style.setProperty('left', `${100 * x}%`);
  ring?.style.setProperty('top', `${100 * y}%`);
}

/** Draws with mouse, finger or stylus. @returns a function that stops it */
function listen(target: HTMLCanvasElement, ring: HTMLElement | null): () => void {
  let drawing: number | null = null;
  const places = (events: readonly PointerEvent[]) => {
    const box = target.getBoundingClientRect();
    const scale = [target.width / box.width, target.height / box.height] as const;
    return events.map(({ clientX, clientY }) => {
      return [(clientX - box.left) * scale[0], (clientY - box.top) * scale[1]] as const;
    });
  };
  const follow = (event: PointerEvent) => {
    const [[x, y] = [0, 0]] = places([event]);
    moveRing(ring, x / target.width, y / target.height);
  };
  const stop = new AbortController();
  const on = (type: 'pointerdown' | 'pointermove' | 'pointerup' | 'pointercancel', act: (e: PointerEvent) => void) =>
    target.addEventListener(type, act, { signal: stop.signal });
  on('pointerdown', (event) => {
    if (drawing !== null || (event.button !== 0 && event.button !== 5)) return;
    drawing = event.pointerId;
    target.setPointerCapture(event.pointerId);
    follow(event);
    const [[x, y] = [0, 0]] = places([event]);
    // Button 5 is the eraser end of a stylus.
    if (event.button === 5) penDown(x, y, true);
    else penDown(x, y);
  });
  on('pointermove', (event) => {
    follow(event);
    if (event.pointerId !== drawing) return;
    const between = event.getCoalescedEvents();
    penMove(places(between.length > 0 ? between : [event]));
  });
  const end = (event: PointerEvent) => {
    if (event.pointerId !== drawing) return;
    drawing = null;
    penUp();
  };
  on('pointerup', end);
  on('pointercancel', end);
  return () => stop.abort();
}
