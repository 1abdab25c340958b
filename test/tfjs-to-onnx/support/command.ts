import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, vi } from 'vitest';
import type { Saved } from './saved.ts';

/** A new folder for each test of a file, and what the command prints in it. */
export function commandTests() {
  const scratch = mkdtempSync(join(tmpdir(), 'tfjs-to-onnx-'));
  const said = { stdout: '', stderr: '' };
  let folder = '';
  afterAll(() => rmSync(scratch, { recursive: true }));
  beforeEach(() => {
    folder = mkdtempSync(join(scratch, 'case-'));
    for (const stream of ['stdout', 'stderr'] as const) {
      said[stream] = '';
      vi.spyOn(process[stream], 'write').mockImplementation((text) => {
        said[stream] += text;
        return true;
      });
    }
  });
  afterEach(() => vi.restoreAllMocks());
  const at = (name: string) => join(folder, name);
  const write = ({ json, weights }: Saved): void => {
    writeFileSync(at('model.json'), JSON.stringify(json));
    writeFileSync(at('weights.bin'), weights);
  };
  return { folder: () => folder, at, write, said };
}
