import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../errors.ts';

/** Where the model is run; `auto` is the CPU. */
export type Device = 'auto' | 'cpu' | 'cuda';

/** More threads than this are only used when asked for: one thread has to feed them all. */
const MAX_DEFAULT_THREADS = 16;

/** How many threads compute when nobody says. */
export const defaultThreads = (): number => Math.min(availableParallelism(), MAX_DEFAULT_THREADS);

/** onnxruntime-node's own installer, which `npm ci` does not run here. */
const FETCH_CUDA = 'node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12';

/**
 * @throws EnvironmentError when CUDA is asked for and ONNX Runtime's provider for it is not installed
 */
export function checkDevice(device: Device): void {
  if (device !== 'cuda') return;
  const provider = cudaProvider();
  if (existsSync(provider)) return;
  throw new EnvironmentError(
    `--device cuda: ONNX Runtime's CUDA provider is not installed (${provider} is missing); fetch it with \`${FETCH_CUDA}\`, or use --device cpu`,
  );
}

/**
 * Says why CUDA could not be used: ONNX Runtime itself only says that loading failed.
 * @param reason ONNX Runtime's words
 */
export function cudaFailure(reason: string): EnvironmentError {
  const driver = loadFailure('libcuda.so.1');
  if (driver !== undefined) {
    return new EnvironmentError(
      `--device cuda: this machine has no NVIDIA driver (${driver}); install the driver, or use --device cpu`,
    );
  }
  const library = loadFailure(cudaProvider());
  if (library !== undefined) {
    return new EnvironmentError(
      `--device cuda: ONNX Runtime's CUDA provider cannot be loaded (${library}); it needs the CUDA 12 and cuDNN 9 libraries on LD_LIBRARY_PATH, or use --device cpu`,
    );
  }
  return new EnvironmentError(`--device cuda: ${reason.replace(/\s+/g, ' ').trim()}; or use --device cpu`);
}

function cudaProvider(): string {
  const root = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  return join(root, 'bin', 'napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so');
}

/**
 * Tries to load a shared library.
 * @returns what the dynamic linker misses, or undefined where it misses no library
 */
function loadFailure(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // A library that loads, but is no Node module, is an error as well.
    return /[^\s:]+: cannot open shared object file/.exec(message)?.[0];
  }
}
