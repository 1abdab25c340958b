/** Times that a page records for the benchmark, in milliseconds since it was opened. */
export interface Watched {
  /** For each decoded image: the time until the worker's answer. */
  decodes: number[];
  /** When the decoded image was drawn last and first. */
  drawn: number;
  firstDrawn: number;
  /** When the map was drawn first. */
  firstMap: number;
}

declare global {
  interface Window {
    watched: Watched;
  }
}

/** Runs in the page before its scripts: records when an image is decoded and when the decoded image is drawn. */
export function watchDecoding(): void {
  const watched: Watched = { decodes: [], drawn: Number.NaN, firstDrawn: Number.NaN, firstMap: Number.NaN };
  window.watched = watched;
  const lookForMap = () => {
    // A frame with points has been drawn.
    if (document.querySelector('[data-points]:not([data-points="0"])[data-view]')) watched.firstMap = performance.now();
    else requestAnimationFrame(lookForMap);
  };
  requestAnimationFrame(lookForMap);
  const asked = new Map<string, number>();
  const post = Worker.prototype.postMessage;
  // Comlink's messages.
  Worker.prototype.postMessage = function (this: Worker & { watched?: boolean }, message: unknown, ...rest: never[]) {
    const { id, path, argumentList } = message as { id: string; path: string[]; argumentList: { value: unknown }[] };
    if (path?.[0] === 'decode' && argumentList[1]?.value === 1) asked.set(id, performance.now());
    if (!this.watched) {
      this.watched = true;
      this.addEventListener('message', ({ data: { id } }: MessageEvent<{ id: string }>) => {
        const began = asked.get(id);
        if (began !== undefined) watched.decodes.push(performance.now() - began);
        asked.delete(id);
      });
    }
    post.call(this, message, ...rest);
  };
  const put = CanvasRenderingContext2D.prototype.putImageData as (
    this: CanvasRenderingContext2D,
    ...rest: unknown[]
  ) => void;
  Object.assign(CanvasRenderingContext2D.prototype, {
    putImageData(this: CanvasRenderingContext2D, ...rest: unknown[]) {
      put.apply(this, rest);
      if (this.canvas !== document.querySelector('section[aria-label="Latent and decoded image"] canvas.pixels'))
        return;
      watched.drawn = performance.now();
      if (Number.isNaN(watched.firstDrawn)) watched.firstDrawn = watched.drawn;
    },
  });
}
