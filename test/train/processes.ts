import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHILD = await compiled(fileURLToPath(new URL('child.ts', import.meta.url)));

/** A program as JavaScript in one file, which starts in a third of the time. It goes with the tests' cache. */
async function compiled(program: string): Promise<string> {
  const folder = mkdtempSync(join(process.env.XDG_CACHE_HOME ?? tmpdir(), 'convae-child-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name));
  const outfile = join(folder, 'child.mjs');
  const converter = join(ROOT, 'pipeline/tfjs-to-onnx/src');
  await build({
    entryPoints: [program],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    alias: { 'tfjs-to-onnx': join(converter, 'index.ts'), 'tfjs-to-onnx/backend': join(converter, 'eager.ts') },
    logLevel: 'error',
  });
  return outfile;
}

/** A training process under test. */
export interface Training {
  readonly process: ChildProcess;
  /** Resolves once it has printed that word; rejects if it exits first. */
  printed(word: 'loaded' | 'training'): Promise<void>;
  /** Exit code (null after a signal) and contents of stderr. */
  readonly end: Promise<{ code: number | null; stderr: string }>;
}

/** Starts `child.ts` with these arguments. */
export function startTraining(args: readonly string[]): Training {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const end = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return {
    process: child,
    end,
    async printed(word) {
      let ended = false;
      void end.then(() => {
        ended = true;
      });
      while (!stdout.includes(`${word}\n`)) {
        if (ended) throw new Error(`the training process exited before it printed '${word}': ${stderr}`);
        await Promise.race([once(child.stdout, 'data'), end]);
      }
    },
  };
}
