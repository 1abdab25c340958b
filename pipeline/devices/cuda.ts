import { existsSync, readdirSync, statSync } from 'node:fs';
import { readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../io/cache.ts';
import { EnvironmentError, fileError, Unavailable } from '../io/errors.ts';
import { libraryFolder } from './ort-library.ts';

/** The CUDA provider that is installed must be of the same build as onnxruntime-node. */
export const CUDA_PROVIDER_VERSION = '1.30.0';
/** The provider's folder in the cache; a digest of what was requested follows the name. */
export const CUDA_PROVIDER_NAME = `onnxruntime-cuda-${CUDA_PROVIDER_VERSION}`;
const CACHED = new RegExp(`^${CUDA_PROVIDER_NAME.replaceAll('.', '\\.')}-[0-9a-f]{8}$`);
/** The provider itself, and the library it talks to ONNX Runtime through. */
export const PROVIDER_FILES = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'] as const;
export const INSTALL_DRIVER = 'install the NVIDIA driver (Debian: apt-get install nvidia-driver)';

/** Where onnxruntime-node looks for the CUDA provider: next to its own library. */
const cudaProvider = (): string => join(libraryFolder(), PROVIDER_FILES[0]);

/**
 * Checks that ONNX Runtime's CUDA provider and all libraries it needs are installed, and turns off TF32 in this process:
 * with its mantissa of 10 bits latents differed from the CPU's by 2e-4 of the largest, without it by 5e-7.
 * @throws Unavailable
 */
export async function checkCuda(): Promise<void> {
  process.env.NVIDIA_TF32_OVERRIDE = '0'; // of all libraries that read it; ONNX Runtime is given an option as well
  const unavailable = (reason: string, remedy: string) =>
    new Unavailable(`--device cuda: ${reason}`, remedy, 'use --device cpu');
  if (!(await restoreCudaProvider())) {
    throw unavailable("ONNX Runtime's CUDA provider is not installed", setUpOnGpu('cuda'));
  }
  const missing = missingLibrary(cudaProvider());
  if (missing?.startsWith('libcuda.so')) throw unavailable(`there is no NVIDIA driver (${missing})`, INSTALL_DRIVER);
  if (missing !== undefined) {
    throw unavailable(`ONNX Runtime's CUDA provider does not load (${missing})`, 'run `npx convae setup cuda`');
  }
}

/** How to set up what computes on an NVIDIA GPU; it needs a driver, too. */
export function setUpOnGpu(name: 'cuda' | 'tfjs-node-gpu'): string {
  const run = `run \`npx convae setup ${name}\``;
  return missingLibrary('libcuda.so.1') ? `if this machine has an NVIDIA GPU, ${INSTALL_DRIVER} and ${run}` : run;
}

/**
 * The error for CUDA failing although everything is installed.
 * @param reason ONNX Runtime's message
 */
export const cudaFailure = (reason: string): EnvironmentError =>
  new EnvironmentError(`--device cuda: ${reason.replace(/\s+/g, ' ').trim()}; run nvidia-smi, or use --device cpu`);

/**
 * Tries to load a shared library.
 * @param library a path, or a name for the dynamic linker to look up
 * @returns the dynamic linker's message ("libcuda.so.1: cannot open shared object file"), or undefined where nothing is
 * missing
 */
export function missingLibrary(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // A library that loads but is not a Node addon fails too, with another message.
    return /[^\s:]+: cannot open shared object file/.exec(message)?.[0];
  }
}

/**
 * Links the provider next to ONNX Runtime's library again where reinstalling that has removed it.
 * @returns whether the provider is installed
 */
export async function restoreCudaProvider(): Promise<boolean> {
  if (existsSync(cudaProvider())) return true;
  const lib = installedProvider();
  if (lib !== undefined) await linkCudaProvider(lib);
  return lib !== undefined;
}

/** Links the provider's files from the folder they are installed in to where onnxruntime-node looks for them. */
export async function linkCudaProvider(lib: string): Promise<void> {
  try {
    for (const file of PROVIDER_FILES) {
      const [target, path] = [join(lib, file), join(libraryFolder(), file)];
      if ((await readlink(path).catch(() => undefined)) === target) continue;
      await rm(path, { force: true });
      await symlink(target, path);
    }
  } catch (error) {
    throw fileError(error, `cannot link ${cudaProvider()}`);
  }
}

/** The newest of the folders of libraries that `setup cuda` has left in the cache. */
function installedProvider(): string | undefined {
  if (!existsSync(cacheFolder())) return undefined;
  const timeOf = (lib: string) => statSync(join(lib, PROVIDER_FILES[0]), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return readdirSync(cacheFolder())
    .filter((name) => CACHED.test(name))
    .map((name) => join(cacheFolder(), name, 'lib'))
    .filter((lib) => timeOf(lib) > 0)
    .sort((a, b) => timeOf(b) - timeOf(a))[0];
}
