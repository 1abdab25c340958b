import { existsSync } from 'node:fs';
import { webgpuAdapter } from '../../pipeline/devices/webgpu.ts';
import { EnvironmentError } from '../../pipeline/io/errors.ts';

/** A driver that computes on the CPU, which comes with Chromium. A GPU is preferred to it. */
const SOFTWARE = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome']
  .map((folder) => `${folder}/vk_swiftshader_icd.json`)
  .find((path) => existsSync(path));
if (SOFTWARE) process.env.VK_ADD_DRIVER_FILES ??= SOFTWARE;

/** Why WebGPU is unavailable here; undefined where it is available. */
export const noWebgpu = await webgpuAdapter().then(
  () => undefined,
  (error: unknown) => {
    if (error instanceof EnvironmentError) return error.message;
    throw error;
  },
);
if (noWebgpu !== undefined) console.log(`skipped: ${noWebgpu}`);
