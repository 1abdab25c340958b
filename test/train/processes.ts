import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '../faults/compile.ts';

const FOLDER = mkdtempSync(join(process.env.XDG_CACHE_HOME ?? tmpdir(), 'convae-child-')); // it goes with the tests' cache
process.once('exit', () => rmSync(FOLDER, { recursive: true, force: true }));
const CHILD = await compile(new URL('child.ts', import.meta.url), FOLDER);

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
