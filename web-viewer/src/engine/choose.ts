import type { Engine, Host } from './client.ts';
import type { ModelFiles } from './protocol.ts';

/** The largest difference of pixels, in [0, 1], and of latents with which two runtimes agree. */
const AGREEMENT = 1e-3;
const TRIALS = 8;

/**
 * Tries a model on WebGPU: WebGPU is used where its results agree with those of `engine` and it is no slower.
 * @param host of WebGPU
 * @param probe an image `[1, H, W, C]`, with its label where the model takes one
 * @returns the model on WebGPU, and why; where WebGPU is rejected, only why
 */
export async function tryWebgpu(
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
    return reject(error instanceof Error ? error.message : String(error));
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
