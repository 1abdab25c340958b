import { webgpuAdapter } from '../../pipeline/devices/webgpu.ts';
import { EnvironmentError } from '../../pipeline/io/errors.ts';

/** Why WebGPU is unavailable here; undefined where it is available. */
export const noWebgpu = await webgpuAdapter().then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof EnvironmentError) return error.message;
    throw error;
  },
);
if (noWebgpu !== undefined) console.log(`skipped: ${noWebgpu}`);
