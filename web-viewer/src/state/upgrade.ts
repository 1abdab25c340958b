import type { Engine, Host } from '../engine/client.ts';
import type { ModelFiles } from '../engine/protocol.ts';
import { messageOf } from '../site/problem.ts';
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
    note(messageOf(error));
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
  (set?.has(0) && set.pixels(0)) || new Uint8Array(image.height * image.width * image.channels).fill(96);

/** The largest difference of pixels, in [0, 1], and of latents with which two runtimes agree. */
const AGREEMENT = 1e-3;
const TRIALS = 8;

/**
 * Tries a model on WebGPU: WebGPU is used where its results agree with those of `engine` and it is no slower.
 * @param host of WebGPU
 * @param probe an image `[1, H, W, C]`, with its label where the model takes one
 * @returns the model on WebGPU, and why; where WebGPU is rejected, only why
 */
async function tryWebgpu(
  engine: Engine,
  host: Host,
  files: ModelFiles,
  probe: { readonly pixels: Uint8Array; readonly label: Int32Array },
): Promise<{ engine?: Engine; why: string }> {
  let other: Engine | undefined;
  const reject = (why: string) => {
    other?.release();
    return { why };
  };
  try {
    other = await host.load(files);
    const [ours, theirs] = [await trial(engine, probe), await trial(other, probe)];
    const difference = Math.max(maxDifference(ours.latent, theirs.latent), maxDifference(ours.image, theirs.image));
    const times = `${theirs.time.toFixed(1)} ms for an image, wasm ${ours.time.toFixed(1)} ms`;
    if (!(difference <= AGREEMENT)) return reject(`WebGPU differs from wasm by ${difference.toPrecision(2)}`);
    if (theirs.time > ours.time) return reject(`WebGPU takes ${times}`);
    return { engine: other, why: `it agrees with wasm to ${difference.toPrecision(1)} and takes ${times}` };
  } catch (error) {
    return reject(messageOf(error));
  }
}

async function trial(engine: Engine, { pixels, label }: { pixels: Uint8Array; label: Int32Array }) {
  const { latent } = await engine.encode(1, pixels, label);
  const image = await engine.decode(1, latent, label);
  const began = performance.now();
  for (let i = 0; i < TRIALS; i++) await engine.decode(1, latent, label);
  return { latent, image, time: (performance.now() - began) / TRIALS };
}

/** The largest absolute difference; NaN where a value is NaN. */
function maxDifference(a: Float32Array, b: Float32Array): number {
  let most = a.length === b.length ? 0 : Number.NaN;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
  return most;
}
