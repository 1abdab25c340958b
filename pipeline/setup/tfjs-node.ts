import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { missingLibrary } from '../devices/libraries.ts';
import { EnvironmentError, fileError } from '../io/errors.ts';
import { nodeScript } from '../io/installation.ts';
import { runTool, type SetupContext } from './tool.ts';
import { checkWheelsFit, pinsNamed, unpackWheels, type WheelSet, wheelFolder } from './wheels.ts';

/** The npm packages that bind TensorFlow's C library to tfjs. */
export type TfjsNode = 'tfjs-node' | 'tfjs-node-gpu';

const VERSION = '4.22.0';
/** N-API's headers: an addon compiled against them runs on every Node. */
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
    // TensorFlow looks for CUDA's libraries beside its own folder.
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
 * Makes an engine of tfjs-node: the npm package without its installer, the library from TensorFlow's wheel, the binding
 * between them compiled here. Doing it again does what is missing only.
 * @returns a line that describes the engine, which has done a training step then
 * @throws EnvironmentError when something is missing or fails; Interrupted
 */
export async function setUpTfjsNode(name: TfjsNode, context: SetupContext): Promise<string> {
  const { signal, note } = context;
  await checkWheelsFit(signal);
  const compiler = await findCompiler(signal);
  await unpackWheels(wheels[name], context);
  note(`installing @tensorflow/${name} ${VERSION}`);
  const [sibling] = (Object.keys(wheels) as TfjsNode[]).filter((other) => other !== name);
  const present = sibling && (await isThere(tfjsFolder(sibling))) ? [name, sibling] : [name];
  await installPackages(present, signal);
  for (const each of present) {
    const library = await wheelFolder(wheels[each]);
    if (!(await isThere(library))) continue; // a sibling that another installer brought
    for (const addon of addons(each, join(library, 'tensorflow'))) await place(addon, compiler, context);
  }
  note('training a few steps with it');
  const description = await prove(name, signal);
  const driver = name === 'tfjs-node-gpu' && missingLibrary('libcuda.so.1');
  return driver ? `${description}; this machine has no NVIDIA driver, which the GPU needs` : description;
}

/** npm drops what no package.json names when it installs something else, and clears their folders: all go together. */
async function installPackages(names: readonly TfjsNode[], signal: AbortSignal): Promise<void> {
  const wanted = names.map((name) => `@tensorflow/${name}@${VERSION}`);
  const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'];
  await runTool('npm', ['install', ...quiet, ...wanted, HEADERS], { signal, cwd: root, doing: 'installing with npm' });
}

interface Addon {
  /** Where Node loads it from. */
  readonly target: string;
  /** Where it is kept between installs. */
  readonly kept: string;
  readonly sources: readonly string[];
  readonly options: readonly string[];
}

function addons(name: TfjsNode, tensorflow: string): Addon[] {
  const folder = tfjsFolder(name);
  const binding = join(folder, 'binding');
  const addon = (file: string, about: Pick<Addon, 'sources' | 'options'>): Addon => ({
    target: join(folder, 'lib', 'napi-v8', file),
    kept: join(dirname(tensorflow), `${name}-${VERSION}`, file),
    ...about,
  });
  return [
    addon('tfjs_binding.node', {
      sources: [join(binding, 'tfjs_backend.cc'), join(binding, 'tfjs_binding.cc')],
      options: [
        ...['-std=c++17', `-I${folder}`, `-I${binding}`, `-I${join(tensorflow, 'include')}`, `-L${tensorflow}`],
        ...['-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', `-Wl,-rpath,${tensorflow}`],
      ],
    }),
    addon('stderr.node', { sources: [join(import.meta.dirname, 'stderr.cc')], options: [] }),
  ];
}

/** Puts an addon where it is loaded from, compiling it first where that was not done before. */
async function place({ target, kept, sources, options }: Addon, compiler: string, context: SetupContext) {
  const { signal, note } = context;
  const partial = `${kept}.${process.pid}.partial`;
  try {
    await mkdir(dirname(kept), { recursive: true });
    if (!(await isThere(kept))) {
      note(`compiling ${basename(target)}`);
      const headers = `-I${join(packages, 'node-api-headers', 'include')}`;
      const common = ['-shared', '-fPIC', '-O2', '-DNAPI_VERSION=8', '-w', headers];
      await runTool(compiler, [...common, ...sources, ...options, '-o', partial], {
        signal,
        doing: `compiling ${basename(target)}`,
      });
      await rename(partial, kept);
    }
    await mkdir(dirname(target), { recursive: true });
    await copyFile(kept, `${target}.partial`);
    await rename(`${target}.partial`, target);
  } catch (error) {
    throw fileError(error, `cannot write ${target}`);
  } finally {
    await rm(partial, { force: true });
  }
}

/** @throws EnvironmentError when there is none */
async function findCompiler(signal: AbortSignal): Promise<string> {
  for (const compiler of process.env.CXX ? [process.env.CXX] : ['g++', 'c++', 'clang++']) {
    try {
      await runTool(compiler, ['--version'], { signal, doing: 'looking for a compiler' });
      return compiler;
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
    }
  }
  throw new EnvironmentError(
    `no C++ compiler is found (${process.env.CXX ?? 'g++, c++, clang++'}); it compiles the binding: install one (Debian: apt-get install g++)`,
  );
}

/** Trains a little in a process of its own, which a broken library cannot take down this one with. */
async function prove(name: TfjsNode, signal: AbortSignal): Promise<string> {
  const said = await runTool(process.execPath, [...nodeScript(import.meta.dirname, 'prove'), name], {
    signal,
    cwd: root,
    doing: `a training step with ${name}`,
  });
  return said.trim();
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
