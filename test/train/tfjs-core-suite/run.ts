import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Outcome, SuiteBackend } from './child.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/**
 * Runs tfjs-core's own specs on a backend, in a process of their own.
 * @throws Error when the backend cannot be loaded or the process dies
 */
export async function runCoreSuite(backend: SuiteBackend): Promise<Outcome> {
  // TensorFlow convolves channels-first images on the CPU with oneDNN only.
  const options = { maxBuffer: 2 ** 26, env: { ...process.env, TF_ENABLE_ONEDNN_OPTS: '1' } };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD, backend], options);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Outcome;
}
