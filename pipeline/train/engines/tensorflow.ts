import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { Unavailable } from '../../io/errors.ts';

/** The addon that the setup puts beside the binding. */
interface Stderr {
  silence(): void;
  restore(): void;
}

const require = createRequire(import.meta.url);

/**
 * Loads tfjs-node or tfjs-node-gpu, which registers the tfjs backend `tensorflow`, without a word on stderr.
 * @param threads how many TensorFlow may use; 0 leaves it to TensorFlow
 * @throws Unavailable when it is not set up or does not load
 */
export async function loadTensorFlow(name: 'tfjs-node' | 'tfjs-node-gpu', threads: number): Promise<void> {
  const unavailable = (reason: string, cause?: unknown) =>
    new Unavailable(
      `the engine ${name} ${reason}`,
      `run \`npm run setup:${name}\``,
      'use --engine onnx, which needs nothing',
      { cause },
    );
  const entry = installed(`@tensorflow/${name}`);
  if (!entry) throw unavailable('is not set up');
  // TensorFlow reads these once, when it is loaded.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  if (threads > 0) process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  restoreUtil();
  const stderr = stderrAddon(entry);
  const { noDeprecation } = process;
  process.noDeprecation = true; // of what its dependencies call
  stderr?.silence();
  try {
    require(entry);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw unavailable(`does not load (${message})`, cause);
  } finally {
    stderr?.restore();
    process.noDeprecation = noDeprecation ?? false;
  }
}

/** Whether the setup has put the engine's package and its binding in place. */
export function isSetUp(name: 'tfjs-node' | 'tfjs-node-gpu'): boolean {
  const entry = installed(`@tensorflow/${name}`);
  return entry !== undefined && existsSync(join(addonFolder(entry), 'tfjs_binding.node'));
}

function installed(library: string): string | undefined {
  try {
    return require.resolve(library);
  } catch {
    return undefined;
  }
}

function stderrAddon(entry: string): Stderr | undefined {
  const path = join(addonFolder(entry), 'stderr.node');
  return existsSync(path) ? (require(path) as Stderr) : undefined;
}

const addonFolder = (entry: string) => join(dirname(dirname(entry)), 'lib', 'napi-v8');

/** tfjs-node calls two functions of `util` that Node 23 removed. */
function restoreUtil(): void {
  const target: Record<string, unknown> = util as never;
  target.isArray ??= Array.isArray;
  target.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}
