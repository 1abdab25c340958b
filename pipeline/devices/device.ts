import { availableParallelism } from 'node:os';
import { checkCuda } from './cuda.ts';
import { webgpuAdapter } from './webgpu.ts';

/** Where a model runs; `auto` is the CPU. */
export type Device = 'auto' | 'cpu' | 'cuda' | 'webgpu';

/** More threads than this are used on request only: one thread has to feed them all. */
const MAX_DEFAULT_THREADS = 16;

/** Number of compute threads unless the user chooses. */
export const defaultThreads = (): number => Math.min(availableParallelism(), MAX_DEFAULT_THREADS);

/**
 * Checks that a device can be used.
 * @throws Unavailable
 */
export async function checkDevice(device: Device): Promise<void> {
  if (device === 'cuda') await checkCuda();
  if (device === 'webgpu') await webgpuAdapter();
}
