import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { cacheFolder } from '../io/cache.ts';
import { EnvironmentError, Interrupted } from '../io/errors.ts';
import { makeFolder } from '../io/folders.ts';

/** What a setup needs from its caller. */
export interface SetupContext {
  /** Interrupts the setup; the next one skips what is finished. */
  readonly signal: AbortSignal;
  /** Reports the current step in one line. */
  note(line: string): void;
}

interface ToolOptions extends Pick<SpawnOptions, 'cwd' | 'env'> {
  readonly signal: AbortSignal;
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
  { show, ...options }: ToolOptions,
): Promise<string> {
  const output = show ? process.stderr : 'pipe';
  const child = spawn(command, args, { ...options, stdio: ['ignore', output, output] });
  const printed = Promise.all([child.stdout, child.stderr].map((stream) => (stream ? text(stream) : '')));
  const [code, killed] = (await once(child, 'close').catch((error: NodeJS.ErrnoException) => {
    if (options.signal.aborted) return [];
    throw new EnvironmentError(`${doing}: cannot run ${command} (${error.code ?? error.message})`);
  })) as [number?, string?];
  if (options.signal.aborted) throw new Interrupted('interrupted; run the same command again to resume');
  const [stdout = '', stderr = ''] = await printed;
  if (code === 0) return stdout;
  const log = await keepLog([command, ...args].join(' '), stdout + stderr).catch(() => undefined); // on a full disk
  const reason = reasonIn(stdout + stderr) ?? `${command} ended with ${code ?? killed}`;
  throw new EnvironmentError(`${doing} failed (${reason})${log ? `; see ${log}` : ''}`);
}

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
  await makeFolder(cacheFolder());
  await appendFile(log, `${new Date().toISOString()} ${command}\n${output}\n`);
  return log;
}
