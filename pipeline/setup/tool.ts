import { spawn } from 'node:child_process';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../io/cache.ts';
import { EnvironmentError, Interrupted } from '../io/errors.ts';

/** What a setup needs from its caller. */
export interface SetupContext {
  /** Interrupts the setup; the next one skips what is finished. */
  readonly signal: AbortSignal;
  /** Reports the current step in one line. */
  note(line: string): void;
}

export interface ToolOptions {
  readonly signal: AbortSignal;
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Passes the tool's output on to stderr as it arrives. */
  readonly show?: boolean | undefined;
}

/**
 * Runs a program quietly.
 * @param doing begins the error message when it fails: "compiling the binding"
 * @returns its stdout
 * @throws EnvironmentError when it is missing or fails: one line with its own reason and the path of the full log;
 * Interrupted after `signal`
 */
export async function runTool(
  doing: string,
  command: string,
  args: readonly string[],
  { signal, cwd, env, show }: ToolOptions,
): Promise<string> {
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
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(interrupted());
      else reject(new EnvironmentError(`${doing}: cannot run ${command} (${error.code ?? error.message})`));
    });
    child.on('close', (code, killed) => resolve(code ?? killed ?? 'unknown'));
  });
  if (signal.aborted) throw interrupted();
  if (code === 0) return stdout;
  const log = await keepLog([command, ...args].join(' '), output);
  throw new EnvironmentError(`${doing} failed (${reasonIn(output) ?? `${command} ended with ${code}`}); see ${log}`);
}

const interrupted = () => new Interrupted('interrupted; run the same command again to resume');

/** The line of a tool's output that explains its failure: the first that mentions an error, else the last. */
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
