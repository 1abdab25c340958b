/** Times that a page records for the benchmark, in milliseconds since it was opened. */
export interface Watched {
  /** For each decoded image: the worker's time, and the time until its answer. */
  decodes: { computed: number; answered: number }[];
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
    if (document.querySelector('[data-points]')) watched.firstMap = performance.now();
    else requestAnimationFrame(lookForMap);
  };
  requestAnimationFrame(lookForMap);
  const asked = new Map<number, number>();
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (this: Worker & { watched?: boolean }, message: unknown, ...rest: never[]) {
    const { id, call, ask } = message as { id: number; call: string; ask: { count?: number } };
    if (call === 'decode' && ask.count === 1) asked.set(id, performance.now());
    if (!this.watched) {
      this.watched = true;
      this.addEventListener('message', ({ data }: MessageEvent<{ id?: number; took?: number }>) => {
        const began = data.id === undefined ? undefined : asked.get(data.id);
        if (began === undefined) return;
        asked.delete(data.id as number);
        watched.decodes.push({ computed: data.took ?? Number.NaN, answered: performance.now() - began });
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
