import { webgpuAdapter } from '../../pipeline/devices/webgpu.ts';
import { EnvironmentError } from '../../pipeline/io/errors.ts';

/** Why nothing can be computed on WebGPU here; undefined where it can. */
export const noWebgpu = await webgpuAdapter().then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof EnvironmentError) return error.message;
    throw error;
  },
);
if (noWebgpu !== undefined) console.log(`skipped: ${noWebgpu}`);
