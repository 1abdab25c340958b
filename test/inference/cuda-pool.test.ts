import { afterAll, expect, test, vi } from 'vitest';
import { cudaSessions } from '../../pipeline/devices/cuda-sessions.ts';
import { OrtApi, type OrtFunction } from '../../pipeline/devices/ort-c-api.ts';
import { startCudaPool } from '../../pipeline/inference/cuda-pool.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { type Graphs, type Job, type Pool, startPool } from '../../pipeline/inference/pool.ts';
import { errorGraph } from '../../pipeline/inference/reconstruction-error.ts';
import { scratchFolder } from '../data/support.ts';
import { exportTiny, tiny } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const model = await openExported(await exportTiny(scratch('tiny')));
const graphs: Graphs = {
  encoder: { source: model.encoder },
  decoder: { source: model.decoder, outputs: { image: 'reconstruction' } },
  error: { source: await errorGraph(model.card.model.error, model.card.image) },
};
const options = { provider: 'cuda', workers: 2, session: { intraOpNumThreads: 1, logSeverityLevel: 4 } } as const;

/** Options of the CUDA provider of each session. Without the provider, sessions compute on the CPU. */
const given: Record<string, string>[] = [];
const { call, pointer, release } = OrtApi.prototype;
vi.spyOn(OrtApi.prototype, 'call').mockImplementation(function (this: OrtApi, name: OrtFunction, ...args: unknown[]) {
  const [, keys, values] = args as [unknown, string[], string[]];
  if (name === 'UpdateCudaOptions') given.push(Object.fromEntries(keys.map((key, i) => [key, values[i] ?? ''])));
  else if (name !== 'AppendCudaProvider') call.call(this, name, ...args);
});
vi.spyOn(OrtApi.prototype, 'pointer').mockImplementation(function (this: OrtApi, name, ...args) {
  return name === 'CreateCudaOptions' ? 1n : pointer.call(this, name, ...args);
});
vi.spyOn(OrtApi.prototype, 'release').mockImplementation(function (this: OrtApi, what, address) {
  if (what !== 'CudaOptions') release.call(this, what, address);
});
afterAll(() => vi.restoreAllMocks());

const { height, width, channels } = model.card.image;
function jobOf(count: number, seed: number): Job {
  const dims = [count, height, width, channels];
  const image = Uint8Array.from({ length: count * tiny.pixels }, (_, i) => (i * 31 + seed * 17) % 256);
  return {
    graphs: ['encoder', 'decoder', 'error'],
    tensors: {
      image: { dims, data: image },
      latent: { dims: [count, 2], data: new Float32Array(2 * count) },
      reconstruction: { dims },
      error: { dims: [count], data: new Float32Array(count) },
    },
  };
}

async function results(pool: Pool): Promise<unknown[]> {
  try {
    const jobs = [3, 7, 7, 1].map((count, seed) => pool.run(jobOf(count, seed)));
    return (await Promise.all(jobs)).map(({ tensors: { latent, error } }) => [latent?.data, error?.data]);
  } finally {
    await pool.stop();
  }
}

test('sessions for CUDA compute as those of onnxruntime-node, and TF32 is off in all of them', async () => {
  const expected = await results(await startPool(graphs, { ...options, provider: 'cpu' }));
  expect(await results(await startCudaPool(graphs, options))).toEqual(expected);
  expect(given).toHaveLength(2 * Object.keys(graphs).length);
  for (const cuda of given) expect(cuda).toMatchObject({ use_tf32: '0', enable_cuda_graph: '0' });
});

test('what cannot be loaded is an error of CUDA, and a failing job leaves the others', async () => {
  const unusable = { encoder: { source: new Uint8Array(8) } };
  await expect(startCudaPool(unusable, options)).rejects.toThrow(/--device cuda/);
  const pool = await startCudaPool(graphs, options, cudaSessions());
  const bad = { ...jobOf(2, 0), tensors: { ...jobOf(2, 0).tensors, image: { dims: [2, 1], data: new Uint8Array(2) } } };
  await expect(pool.run(bad)).rejects.toThrow(/cannot run it/);
  expect((await pool.run(jobOf(2, 0))).tensors.error?.data).toHaveLength(2);
  await pool.stop();
});
