import type { Card } from '../artifacts/card.ts';
import { Unavailable } from '../io/errors.ts';
import { type Graphs, type Job, type JobTensor, type Pool, type PoolOptions, startPool } from './pool.ts';

/** The largest difference from the CPU's numbers, relative to the largest of them, that rounding explains. */
const MOST = 0.01;
const COUNT = 2;

/**
 * Compares what a pool computes with the CPU: ONNX Runtime's WebGPU computes some convolutions wrong, with no error.
 * @param graphs of the pool, of which `encoder` and `decoder` are compared
 * @param card of the model
 * @throws Unavailable where they differ
 */
export async function compareWithCpu(
  pool: Pool,
  graphs: Graphs,
  { session }: PoolOptions,
  { image, latent }: { readonly image: Card['image']; readonly latent: { readonly size: number } },
): Promise<void> {
  const { height, width, channels } = image;
  const compared = Object.fromEntries(Object.entries(graphs).filter(([name]) => name !== 'error'));
  const cpu = await startPool(compared, {
    provider: 'cpu',
    workers: 1,
    session: { ...session, executionProviders: ['cpu'] },
  });
  try {
    for (const graph of Object.keys(compared)) {
      const numbers = (dims: readonly number[], value: (i: number) => number) => ({
        dims,
        data: Float32Array.from({ length: dims.reduce((size, d) => size * d) }, (_, i) => value(i)),
      });
      const code = () => numbers([COUNT, latent.size], Math.sin);
      const pixels = [COUNT, height, width, channels];
      const job = (): Job => ({
        graphs: [graph],
        tensors: {
          image: { dims: pixels, data: Uint8Array.from(numbers(pixels, (i) => (i * 2_654_435_761) >>> 24).data) },
          label: { dims: [COUNT], data: new Int32Array(COUNT) },
          latent: code(),
          logvar: code(),
          reconstruction: numbers(pixels, () => 0),
        },
      });
      const [got, expected] = await Promise.all([pool.run(job()), cpu.run(job())]);
      const outputs = graph === 'encoder' ? ['latent', 'logvar'] : ['reconstruction'];
      for (const name of outputs) {
        const difference = largestDifference(got.tensors[name], expected.tensors[name]);
        if (difference <= MOST) continue;
        throw new Unavailable(
          `--device webgpu: it computes this model wrong: its ${graph} differs by ${Math.round(100 * difference)} % from the CPU's`,
          "update the GPU's driver",
          'use --device cpu',
        );
      }
    }
  } finally {
    await cpu.stop();
  }
}

/** Relative to the largest number; infinite where one is not finite and the other is. */
function largestDifference(got: JobTensor | undefined, expected: JobTensor | undefined): number {
  const [a, b] = [got?.data as Float32Array, expected?.data as Float32Array];
  const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);
  return b.reduce((most, value, i) => {
    const difference = Object.is(a[i], value) ? 0 : Math.abs((a[i] as number) - value) / scale;
    return Math.max(most, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }, 0);
}
