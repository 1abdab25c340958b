import { tryWebgpu } from '../engine/choose.ts';
import type { Engine } from '../engine/client.ts';
import { engine, engineNote, type OpenModel } from './store.ts';
import { hostFor } from './workers.ts';

interface Gpu {
  requestAdapter(): Promise<{ info?: { isFallbackAdapter?: boolean } } | null>;
}

/**
 * Moves to WebGPU where that is worthwhile, and notes why or why not.
 * @param running the model on wasm
 * @param isWanted whether the model is still the last one requested
 */
export async function upgrade(running: Engine, model: OpenModel, isWanted: () => boolean): Promise<void> {
  const { gpu } = navigator as Navigator & { gpu?: Gpu };
  const note = (why: string) => {
    if (isWanted()) engineNote.value = why;
  };
  if (!gpu) return note('this browser has no WebGPU');
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (!adapter) return note('WebGPU finds no graphics adapter');
  if (adapter.info?.isFallbackAdapter) return note('WebGPU would run on the CPU here');
  const host = await hostFor('webgpu', () => undefined).catch((error: unknown) => {
    note(error instanceof Error ? error.message : String(error));
  });
  if (!host || !isWanted()) return;
  const found = await tryWebgpu(running, host, model.files, { pixels: probe(model), label: Int32Array.of(0) });
  if (!isWanted() || engine.value !== running) {
    found.engine?.release();
    return;
  }
  engineNote.value = found.why;
  if (!found.engine) return;
  engine.value = found.engine;
  running.release();
}

const probe = ({ set, card: { image } }: OpenModel) =>
  set?.pixels(0) ?? new Uint8Array(image.height * image.width * image.channels).fill(96);
