import { signal } from '@preact/signals';
import { pixelErrors } from '../../state/errors.ts';
import { engine, model, type OpenModel } from '../../state/store.ts';
import { reconstruct } from '../reconstruct.ts';

/** Images encoded and decoded per request: few enough that a slider never waits long. */
const BATCH = 8;
/** Error maps that are kept. */
const MOST = 500;

/** The error of each pixel of the set's images, computed when it is first shown. */
export function createErrorMaps() {
  const maps = signal<{ readonly of: OpenModel | null; readonly byRow: ReadonlyMap<number, Float32Array> }>({
    of: null,
    byRow: new Map(),
  });
  let waiting: number[] = [];
  let busy = false;

  async function compute(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      while (waiting.length > 0 && engine.value && model.value?.set) {
        const [by, opened, set] = [engine.value, model.value, model.value.set];
        // What was asked for last is what is seen.
        const rows = waiting.splice(-BATCH);
        const images = await set.ready(rows);
        const labels = Int32Array.from(rows, (row) => set.label(row) ?? 0);
        const made = await reconstruct(by, images, labels);
        if (model.value !== opened) continue;
        const { image, model: about } = opened.card;
        const found = rows.map((row, i) => {
          const [original, copy] = [images[i] as Uint8Array, made[i] as Float32Array];
          return [row, pixelErrors(about.error, original, copy, image.channels).errorMap] as const;
        });
        const before = maps.peek().of === opened ? [...maps.peek().byRow] : [];
        maps.value = { of: opened, byRow: new Map([...before, ...found].slice(-MOST)) };
      }
    } catch {
      // The engine has ended: the views of the model report that.
    } finally {
      waiting = [];
      busy = false;
    }
  }

  return {
    /** The error of each pixel of a row's image `[H, W]`, in the unit of the card's error; null until it is computed. */
    of(row: number): Float32Array | null {
      const found = maps.value.of === model.value ? maps.value.byRow.get(row) : undefined;
      // Asked again when there is an engine.
      if (!found && engine.value && !waiting.includes(row)) {
        waiting.push(row);
        queueMicrotask(() => void compute());
      }
      return found ?? null;
    },
  };
}
