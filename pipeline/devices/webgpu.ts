import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Unavailable } from '../io/errors.ts';

/** What the probing process prints, as JSON. */
export interface ProbeAnswer {
  /** This build of ONNX Runtime has no WebGPU. */
  readonly missing?: boolean;
  /** What ONNX Runtime said; absent where it computed. */
  readonly failure?: string;
}

const PROBE = fileURLToPath(new URL('./webgpu-probe.js', import.meta.url));
/** A driver that has not added four numbers by then never will. */
const PATIENCE_MS = 60_000;

const unavailable = (reason: string, remedy: string) =>
  new Unavailable(`--device webgpu: ${reason}`, remedy, 'use --device cpu');

let found: Promise<string> | undefined;

/**
 * Finds out, once per process, whether onnxruntime-node computes on WebGPU here.
 * @returns the adapter's name, as far as it is known
 * @throws Unavailable when there is no WebGPU or no adapter
 */
export function webgpuAdapter(): Promise<string> {
  found ??= probe();
  return found;
}

async function probe(): Promise<string> {
  // The Vulkan loader then names the device that Dawn has chosen; ONNX Runtime does not.
  const child = spawn(process.execPath, [PROBE], {
    env: { ...process.env, VK_LOADER_DEBUG: 'driver' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
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
    throw unavailable(`onnxruntime-node has no WebGPU for ${platform}`, 'take another machine');
  }
  if (failure !== undefined) throw refusal(failure, log);
  return /Using "([^"]+)" with driver/.exec(log)?.[1] ?? 'an unnamed adapter';
}

/**
 * @param failure what ONNX Runtime threw
 * @param log what Dawn and the Vulkan loader wrote to stderr; it knows more
 */
function refusal(failure: string, log: string): Unavailable {
  const loader = /Couldn't load Vulkan: (.+)/.exec(log)?.[1];
  if (loader !== undefined) {
    const remedy = 'install it (Debian: apt-get install libvulkan1) with a Vulkan driver for the GPU';
    return unavailable(`the Vulkan loader is missing (${loader})`, remedy);
  }
  const noDriver = log.includes('VK_ERROR_INCOMPATIBLE_DRIVER') ? 'Vulkan finds no driver' : undefined;
  const warning = [...log.matchAll(/^Warning: (.+?)\.?$/gm)].at(-1)?.[1];
  const said = failure.split(' was false. ').at(-1)?.replace(/\s+/g, ' ').trim();
  return unavailable(
    `no WebGPU adapter is usable (${noDriver ?? warning ?? said})`,
    `install or update the GPU's ${process.platform === 'linux' ? 'Vulkan' : 'graphics'} driver`,
  );
}
