import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SpecResult } from './jasmine.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** What came of the specs. `counted` is how many calls could not be part of a graph. */
export interface Outcome {
  /** Where such calls run on tfjs's `cpu` backend. */
  readonly withFallback: readonly SpecResult[];
  /** Where they are refused: the specs that have such calls. */
  readonly withoutFallback: readonly SpecResult[];
}

/**
 * Runs tfjs-core's own specs on the eager backend, in a process of their own.
 * @param text runs only specs whose name has it
 * @throws Error when the backend does not start or the process dies
 */
export async function runSuite(text = ''): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-to-onnx-suite-'));
  try {
    const out = join(folder, 'results.json');
    await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD, out, text], { maxBuffer: 2 ** 26 });
    return JSON.parse(readFileSync(out, 'utf8')) as Outcome;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
