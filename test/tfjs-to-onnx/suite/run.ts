import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
  /** How many processes share the specs. */
  readonly processes?: number;
}

/**
 * Runs tfjs-core's own specs on the eager backend, in processes of their own.
 * @throws Error when the backend does not start or a process dies
 */
export async function runSuite({ cpuFallback, only = '', processes = 2 }: SuiteOptions): Promise<SpecResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-to-onnx-suite-'));
  try {
    const parts = Array.from({ length: processes }, async (_, i) => {
      const out = join(folder, `${i}.json`);
      const flags = ['--part', `${i}/${processes}`, '--only', only, ...(cpuFallback ? ['--cpu-fallback'] : [])];
      await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD, ...flags, out], { maxBuffer: 2 ** 26 });
      return JSON.parse(readFileSync(out, 'utf8')) as SpecResult[];
    });
    return (await Promise.all(parts)).flat();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
