import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The command in this checkout, which runs its source. */
export const SOURCE = fileURLToPath(new URL('../../bin/convae.cjs', import.meta.url));
/** The command, compiled where `compiled.ts` has done so. */
export const compiled = (): string => process.env.CONVAE_COMPILED ?? SOURCE;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  /** Resolves when stderr has matched; rejects when the process ends before. */
  said(pattern: RegExp): Promise<void>;
  readonly end: Promise<Ended>;
}

interface Options {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly program?: string;
}

/** Starts the command as a user does, in some folder. */
export function start(args: readonly string[], { cwd, env, program = compiled() }: Options): Running {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let ended = false;
  const end = once(child, 'close').then(([code]) => {
    ended = true;
    return { code: code as number | null, stdout, stderr };
  });
  return {
    process: child,
    end,
    async said(pattern) {
      while (!pattern.test(stderr)) {
        if (ended) throw new Error(`the process ended before it said ${pattern}: ${stderr}`);
        await Promise.race([once(child.stderr, 'data'), end]);
      }
    },
  };
}

/** Runs the command to its end. */
export const convae = (args: readonly string[], options: Options): Promise<Ended> => start(args, options).end;

/** The result that `--json` prints. */
export const convaeJson = async <T>(args: readonly string[], options: Options): Promise<T> =>
  resultOf<T>(args, await convae([...args, '--json'], options));

/** What a command has printed as JSON. */
export function resultOf<T>(args: readonly string[], { code, stdout, stderr }: Ended): T {
  if (code !== 0) throw new Error(`convae ${args.join(' ')} ended with ${code}: ${stderr}`);
  if (!/^[^\n]+\n$/.test(stdout)) throw new Error(`not one line: ${stdout}`);
  return JSON.parse(stdout) as T;
}
