import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { missingLibrary } from '../devices/cuda.ts';
import { EnvironmentError } from '../io/errors.ts';
import { nodeScript } from '../io/installation.ts';
import { publishFile } from '../io/publish.ts';
import { runTool, type SetupContext } from './tool.ts';
import { checkWheelsFit, pinsNamed, unpackWheels, type WheelSet, wheelFolder } from './wheels.ts';

/** The npm packages that bind TensorFlow's C library to tfjs. */
export type TfjsNode = 'tfjs-node' | 'tfjs-node-gpu';

const VERSION = '4.22.0';
/** N-API's headers: an addon compiled against them runs on every version of Node. */
const HEADERS = 'node-api-headers@1.9.0';

const include = 'tensorflow/include';
const members = [
  'tensorflow/libtensorflow_*.so.2',
  `${include}/tensorflow/c/*.h`,
  `${include}/tensorflow/core/platform/ctstring*.h`,
  `${include}/tsl/platform/ctstring*.h`,
  `${include}/xla/tsl/c/*.h`,
];
const wheels: Record<TfjsNode, WheelSet> = {
  'tfjs-node': {
    name: 'tensorflow-cpu-2.21.0',
    pins: pinsNamed('tensorflow-cpu.txt'),
    members,
    bytes: { download: 274e6, unpacked: 900e6 },
  },
  'tfjs-node-gpu': {
    name: 'tensorflow-cuda-2.21.0',
    pins: pinsNamed('tensorflow-cuda.txt'),
    // TensorFlow looks for CUDA's libraries next to its own folder.
    members: [...members, 'nvidia/*/lib/*', 'nvidia/cuda_nvcc/*'],
    bytes: { download: 3.4e9, unpacked: 5.7e9 },
  },
};

/** The node_modules that holds tfjs, which tfjs-node must share: the checkout's, or that of the user's project. */
const tfjs = createRequire(import.meta.url).resolve('@tensorflow/tfjs-core/package.json');
const packages = resolve(tfjs, '../../..');
const root = dirname(packages);
const tfjsFolder = (name: TfjsNode) => join(packages, '@tensorflow', name);

/**
 * Installs tfjs-node: the npm package without its installer, the library from TensorFlow's wheel, and the binding between
 * them, compiled here; then tries a training step. Finished steps are not repeated.
 * @returns a line that describes the engine
 * @throws EnvironmentError when something is missing or fails; Interrupted
 */
export async function setUpTfjsNode(name: TfjsNode, context: SetupContext): Promise<string> {
  const { signal, note } = context;
  await checkWheelsFit(signal);
  const compiler = await findCompiler(signal);
  await unpackWheels(wheels[name], context);
  note(`installing @tensorflow/${name} ${VERSION}`);
  const [sibling] = (Object.keys(wheels) as TfjsNode[]).filter((other) => other !== name);
  const present = sibling && existsSync(tfjsFolder(sibling)) ? [name, sibling] : [name];
  await installPackages(present, signal);
  for (const each of present) {
    const library = await wheelFolder(wheels[each]);
    if (existsSync(library)) await installAddons(each, library, compiler, context); // else installed in another way
  }
  note('training a few steps with it');
  const description = await prove(name, signal);
  const driver = name === 'tfjs-node-gpu' && missingLibrary('libcuda.so.1');
  return driver ? `${description}; this machine has no NVIDIA driver, which the GPU needs` : description;
}

/** Each `npm install` removes packages that package.json does not list, so all are installed together. */
async function installPackages(names: readonly TfjsNode[], signal: AbortSignal): Promise<void> {
  const wanted = names.map((name) => `@tensorflow/${name}@${VERSION}`);
  const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'];
  await runTool('installing with npm', 'npm', ['install', ...quiet, ...wanted, HEADERS], { signal, cwd: root });
}

/** The compiler's arguments for each addon of a package: sources, options, libraries. */
function addons(name: TfjsNode, tensorflow: string): Record<string, string[]> {
  const binding = join(tfjsFolder(name), 'binding');
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(binding, file));
  const includes = [tfjsFolder(name), binding, join(tensorflow, 'include')].map((folder) => `-I${folder}`);
  const libraries = ['-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'];
  return {
    'tfjs_binding.node': [
      ...[...sources, '-std=c++17', ...includes],
      ...[`-L${tensorflow}`, ...libraries, `-Wl,-rpath,${tensorflow}`],
    ],
    'stderr.node': [join(import.meta.dirname, 'stderr.cc')],
  };
}

/**
 * Copies a package's addons to where Node loads them. Each is compiled once into the cache, which survives `npm ci`.
 * @param library the folder of TensorFlow's wheel
 */
async function installAddons(name: TfjsNode, library: string, compiler: string, { signal, note }: SetupContext) {
  for (const [file, args] of Object.entries(addons(name, join(library, 'tensorflow')))) {
    const cached = join(library, `${name}-${VERSION}`, file);
    if (!existsSync(cached)) {
      const doing = `compiling ${file}`;
      note(doing);
      const headers = `-I${join(packages, 'node-api-headers', 'include')}`;
      const options = ['-shared', '-fPIC', '-O2', '-DNAPI_VERSION=8', '-w', headers];
      await publishFile(cached, async (path) => {
        await runTool(doing, compiler, [...options, ...args, '-o', path], { signal });
      });
    }
    await publishFile(join(tfjsFolder(name), 'lib', 'napi-v8', file), (path) => copyFile(cached, path));
  }
}

/** @throws EnvironmentError when no compiler runs */
async function findCompiler(signal: AbortSignal): Promise<string> {
  for (const compiler of process.env.CXX ? [process.env.CXX] : ['g++', 'c++', 'clang++']) {
    try {
      await runTool('looking for a compiler', compiler, ['--version'], { signal });
      return compiler;
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
    }
  }
  throw new EnvironmentError(
    `no C++ compiler was found for the binding (tried ${process.env.CXX ?? 'g++, c++, clang++'}); install one (Debian: apt-get install g++)`,
  );
}

/** Trains a few steps in a child process, so that a broken library cannot crash this one. */
async function prove(name: TfjsNode, signal: AbortSignal): Promise<string> {
  const command = [...nodeScript(import.meta.dirname, 'prove'), name];
  return (await runTool(`a training step with ${name}`, process.execPath, command, { signal, cwd: root })).trim();
}
