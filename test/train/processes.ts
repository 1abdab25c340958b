import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** A training process under test. */
export interface Training {
  readonly process: ChildProcess;
  /** Resolves when it has printed that word; rejects when it exits before. */
  said(word: 'loaded' | 'training'): Promise<void>;
  /** Exit code (null after a signal) and what it wrote to stderr. */
  readonly end: Promise<{ code: number | null; stderr: string }>;
}

/** Starts `child.ts` with arguments. */
export function startTraining(args: readonly string[]): Training {
  const process_ = spawn(process.execPath, ['--import', 'tsx', CHILD, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  process_.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  process_.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const end = once(process_, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return {
    process: process_,
    end,
    async said(word) {
      let ended = false;
      void end.then(() => {
        ended = true;
      });
      while (!stdout.includes(`${word}\n`)) {
        if (ended) throw new Error(`the training process ended before it was ${word}: ${stderr}`);
        await Promise.race([once(process_.stdout, 'data'), end]);
      }
    },
  };
}
