import { EnvironmentError, Unavailable } from '../io/errors.ts';
import { cudaProvider, restoreCudaProvider } from '../setup/cuda.ts';
import { missingLibrary } from './libraries.ts';

export const INSTALL_DRIVER = 'install the NVIDIA driver (Debian: apt-get install nvidia-driver)';

const unavailable = (reason: string, remedy: string) =>
  new Unavailable(`--device cuda: ${reason}`, remedy, 'use --device cpu');

/**
 * Makes sure that ONNX Runtime's CUDA provider is there, and all libraries that it needs.
 * @throws Unavailable
 */
export async function checkCuda(): Promise<void> {
  if (!(await restoreCudaProvider())) {
    throw unavailable("ONNX Runtime's CUDA provider is not installed", 'run `npm run setup:cuda`');
  }
  const missing = missingLibrary(cudaProvider());
  if (missing?.startsWith('libcuda.so')) throw unavailable(`there is no NVIDIA driver (${missing})`, INSTALL_DRIVER);
  if (missing !== undefined) {
    throw unavailable(`ONNX Runtime's CUDA provider does not load (${missing})`, 'run `npm run setup:cuda`');
  }
}

/**
 * What to say when ONNX Runtime cannot use CUDA though all is installed.
 * @param reason ONNX Runtime's words
 */
export const cudaFailure = (reason: string): EnvironmentError =>
  new EnvironmentError(
    `--device cuda: ${reason.replace(/\s+/g, ' ').trim()}; look at what nvidia-smi says, or use --device cpu`,
  );
