import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SpecResult } from '../../tfjs-to-onnx/suite/jasmine.ts';

/** A spec that failed, or a group of specs whose preparation did. */
export interface Failure {
  readonly name: string;
  /** What was expected and what came. */
  readonly message: string;
}

export interface Outcome {
  /** How many specs were run, those that failed included. */
  readonly ran: number;
  readonly failed: readonly Failure[];
}

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/**
 * Runs tfjs-core's own specs on tfjs-node, in a process of their own.
 * @throws Error when it cannot be loaded or the process dies
 */
export async function runCoreSuite(): Promise<Outcome> {
  // TensorFlow convolves channels-first images on the CPU with oneDNN only.
  const options = { maxBuffer: 2 ** 26, env: { ...process.env, TF_ENABLE_ONEDNN_OPTS: '1' } };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD], options);
  const results = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as SpecResult[];
  const failed = results.filter(({ failures }) => failures.length > 0);
  return { ran: results.length, failed: failed.map(({ name, failures }) => ({ name, message: failures.join('\n') })) };
}
