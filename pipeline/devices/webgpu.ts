import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Unavailable } from '../io/errors.ts';

/** The JSON that `webgpu-probe.js` prints. */
export interface ProbeAnswer {
  /** This build of ONNX Runtime has no WebGPU. */
  readonly missing?: boolean;
  /** ONNX Runtime's error; absent where the computation succeeded. */
  readonly failure?: string;
}

const PROBE = fileURLToPath(new URL('./webgpu-probe.js', import.meta.url));
/** The probe adds four numbers: a driver that takes longer hangs. */
const TIMEOUT_MS = 60_000;

const unavailable = (reason: string, remedy: string) =>
  new Unavailable(`--device webgpu: ${reason}`, remedy, 'use --device cpu');

let found: Promise<string> | undefined;

/**
 * Checks, once per process, that onnxruntime-node can compute on WebGPU.
 * @returns the adapter's name, if known
 * @throws Unavailable when there is no WebGPU or no adapter
 */
export function webgpuAdapter(): Promise<string> {
  found ??= probe();
  return found;
}

async function probe(): Promise<string> {
  // With this variable the Vulkan loader logs the device that Dawn chose; ONNX Runtime does not name it.
  const child = spawn(process.execPath, [PROBE], {
    env: { ...process.env, VK_LOADER_DEBUG: 'driver' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const [printed, log, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  const reason = printed === '' ? `the driver ended the process: ${signal ?? `code ${code}`}` : undefined;
  const { missing, failure = reason } = JSON.parse(printed || '{}') as ProbeAnswer;
  if (missing) {
    const platform = `${process.platform}-${process.arch}`;
    throw unavailable(`onnxruntime-node has no WebGPU for ${platform}`, 'use another machine');
  }
  if (failure !== undefined) throw refusal(failure, log);
  return /Using "([^"]+)" with driver/.exec(log)?.[1] ?? 'an unnamed adapter';
}

/** Whether an adapter computes on the CPU, by its name: those of Mesa, Chromium and Windows. */
export const isSoftware = (adapter: string): boolean => /llvmpipe|SwiftShader|Microsoft Basic Render/i.test(adapter);

/**
 * Why no adapter is usable.
 * @param failure ONNX Runtime's error
 * @param log stderr of Dawn and the Vulkan loader, which is more specific
 */
export function refusal(failure: string, log: string): Unavailable {
  const loader = /Couldn't load Vulkan: (.+)/.exec(log)?.[1];
  if (loader !== undefined) {
    const remedy = 'install it (Debian: apt-get install libvulkan1) with a Vulkan driver for the GPU';
    return unavailable(`the Vulkan loader is missing (${loader})`, remedy);
  }
  const adapters = new Set([...log.matchAll(/^INFO \| DRIVER: +\[\d+\] (.+?) *$/gm)].map(([, name]) => name ?? ''));
  if (adapters.size > 0 && [...adapters].every(isSoftware)) {
    return unavailable(
      `Vulkan finds no GPU, only ${[...adapters].join(', ')}, which computes on the CPU and lacks what WebGPU needs`,
      "if this machine has a GPU, install the GPU's own Vulkan driver",
    );
  }
  const noDriver = log.includes('VK_ERROR_INCOMPATIBLE_DRIVER') ? 'Vulkan finds no driver' : undefined;
  const warning = [...log.matchAll(/^Warning: (.+?)\.?$/gm)].at(-1)?.[1];
  const message = failure.split(' was false. ').at(-1)?.replace(/\s+/g, ' ').trim();
  return unavailable(
    `no WebGPU adapter is usable (${noDriver ?? warning ?? message})`,
    `install or update the GPU's ${process.platform === 'linux' ? 'Vulkan' : 'graphics'} driver`,
  );
}
