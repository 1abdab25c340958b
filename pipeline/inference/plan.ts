import type { DataOptions } from '../data/options.ts';
import { type Device, defaultThreads } from '../devices/device.ts';
import type { PoolOptions, Provider } from './pool.ts';

/**
 * Default batch size: images, and bytes of the pixels that are encoded or decoded, at most. A CPU core is fastest with what
 * stays in its cache (on MNIST 32 to 256 images take equal time), and larger batches are fewer to pass between threads; a GPU
 * needs larger ones still to be busy.
 */
const BATCH: { readonly [provider in Provider]: { readonly bytes: number; readonly images: number } } = {
  cpu: { bytes: 2 ** 20, images: 256 },
  cuda: { bytes: 2 ** 24, images: 1024 },
  webgpu: { bytes: 2 ** 22, images: 256 }, // an adapter need not have buffers of more than 128 MiB
};
/**
 * Worker count per provider where `threads` does not decide it. Two share a CUDA device: one's batch is copied while the
 * other's is computed.
 */
const WORKERS: { readonly [provider in Provider]?: number } = { cuda: 2, webgpu: 1 };

/** How a model is run. */
export interface ComputeOptions {
  readonly device: Device;
  /** Number of threads that compute; default: the number of cores, at most 16. */
  readonly threads?: number | undefined;
  /** Images per batch; the default depends on their size. */
  readonly batchSize?: number | undefined;
  /** Interrupts the work; nothing is written then. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a command that runs an exported model and writes files. */
export interface CommandOptions extends ComputeOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** The file or folder to write. */
  readonly out: string;
  /** How to read the data, except for what the model decides. */
  readonly dataOptions?: DataOptions | undefined;
  /** Prints a line. */
  readonly note?: ((line: string) => void) | undefined;
  /** Called as images are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** `error` computes reconstruction errors and needs `decoder`. */
export type GraphName = 'encoder' | 'decoder' | 'error';

export interface SessionOptions extends ComputeOptions {
  readonly graphs: readonly GraphName[];
  /** Number of images that will be run: a few need only a few workers. */
  readonly images: number;
}

/** The graphs that encoding takes. */
export const encodingGraphs = (errors: boolean): GraphName[] =>
  errors ? ['encoder', 'decoder', 'error'] : ['encoder'];

/** The execution provider of a device; `auto` is the CPU. */
export const providerOf = (device: Device): Provider => (device === 'auto' ? 'cpu' : device);

/** Batch size and worker threads. @param pixels values of an image: bytes for the encoder, float32 from the decoder */
export function planSessions(
  pixels: number,
  { graphs, images, device, threads = defaultThreads(), batchSize }: SessionOptions,
): PoolOptions & { readonly batchSize: number } {
  const provider = providerOf(device);
  const limit = BATCH[provider];
  const fitting = Math.floor(limit.bytes / (graphs.includes('decoder') ? 4 * pixels : pixels));
  const size = batchSize ?? Math.max(1, Math.min(limit.images, fitting));
  const workers = Math.max(1, Math.min(WORKERS[provider] ?? threads, Math.ceil(images / size)));
  const session = {
    executionProviders: [provider],
    intraOpNumThreads: Math.max(1, Math.floor(threads / workers)),
    interOpNumThreads: 1,
    logSeverityLevel: 4 as const,
  };
  return { provider, batchSize: size, workers, session };
}
