import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SpecResult } from './jasmine.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

export interface SuiteOptions {
  /** Whether kernels without a rule run on tfjs's `cpu` backend. */
  readonly cpuFallback: boolean;
  /** Runs only specs whose name has this text. */
  readonly only?: string;
  /** Runs only specs of these names. */
  readonly names?: readonly string[];
}

/**
 * Runs tfjs-core's own specs on the eager backend, in a process of their own. `counted` is how many calls ran on tfjs's
 * `cpu` backend because they could not be part of a graph.
 * @throws Error when the backend does not start or the process dies
 */
export async function runSuite({ cpuFallback, only = '', names }: SuiteOptions): Promise<SpecResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-to-onnx-suite-'));
  try {
    const [out, list] = [join(folder, 'results.json'), join(folder, 'names.json')];
    if (names) writeFileSync(list, JSON.stringify(names));
    const flags = ['--only', only, ...(names ? ['--names', list] : []), ...(cpuFallback ? ['--cpu-fallback'] : [])];
    await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD, ...flags, out], { maxBuffer: 2 ** 26 });
    return JSON.parse(readFileSync(out, 'utf8')) as SpecResult[];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
