import { spawn } from 'node:child_process';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../io/cache.ts';
import { EnvironmentError, Interrupted } from '../io/errors.ts';

/** What a setup needs from whoever runs it. */
export interface SetupContext {
  /** Stops; what is finished by then is not done again. */
  readonly signal: AbortSignal;
  /** Says in one line what is being done. */
  note(line: string): void;
}

export interface ToolOptions {
  readonly signal: AbortSignal;
  /** What it is run for, as a clause; begins the message when it fails ("compiling the binding"). */
  readonly doing: string;
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Shows what the tool says as it says it, on stderr. */
  readonly show?: boolean | undefined;
}

/**
 * Runs a program quietly and returns what it printed on stdout.
 * @throws EnvironmentError when it is not there or fails: one line with its own reason, and the log that has the rest;
 * Interrupted after `signal`
 */
export async function runTool(command: string, args: readonly string[], options: ToolOptions): Promise<string> {
  const { signal, doing, cwd, env, show } = options;
  const { code, stdout, output } = await new Promise<{ code: number | string; stdout: string; output: string }>(
    (resolve, reject) => {
      const child = spawn(command, args, {
        signal,
        cwd,
        env: env ?? process.env,
        stdio: ['ignore', show ? process.stderr : 'pipe', show ? process.stderr : 'pipe'],
      });
      let [stdout, output] = ['', ''];
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        output += text;
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (signal.aborted) reject(new Interrupted('interrupted; the same command goes on where it stopped'));
        else reject(new EnvironmentError(`${doing}: cannot run ${command} (${error.code ?? error.message})`));
      });
      child.on('close', (code, killed) => resolve({ code: code ?? killed ?? 'unknown', stdout, output }));
    },
  );
  if (signal.aborted) throw new Interrupted('interrupted; the same command goes on where it stopped');
  if (code === 0) return stdout;
  const log = await keepLog([command, ...args].join(' '), output);
  throw new EnvironmentError(`${doing} failed (${reasonIn(output) ?? `${command} ended with ${code}`}); see ${log}`);
}

/** The line of a tool's output that says why it failed: the first that speaks of an error, else the last. */
function reasonIn(output: string): string | undefined {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.find((line) => /\berror\b|fatal:/i.test(line)) ?? lines.at(-1);
}

async function keepLog(command: string, output: string): Promise<string> {
  const log = join(cacheFolder(), 'setup.log');
  await mkdir(cacheFolder(), { recursive: true });
  await appendFile(log, `${new Date().toISOString()} ${command}\n${output}\n`);
  return log;
}
