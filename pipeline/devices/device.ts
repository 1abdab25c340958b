import { availableParallelism } from 'node:os';
import { checkCuda } from './cuda.ts';
import { webgpuAdapter } from './webgpu.ts';

/** Where the model is run; `auto` is the CPU. */
export type Device = 'auto' | 'cpu' | 'cuda' | 'webgpu';

/** More threads than this are only used when asked for: one thread has to feed them all. */
const MAX_DEFAULT_THREADS = 16;

/** How many threads compute when nobody says. */
export const defaultThreads = (): number => Math.min(availableParallelism(), MAX_DEFAULT_THREADS);

/** @throws Unavailable when the device is not to be had */
export async function checkDevice(device: Device): Promise<void> {
  if (device === 'cuda') await checkCuda();
  if (device === 'webgpu') await webgpuAdapter();
}
