import { vi } from 'vitest';
import { failureOf, runCommand } from '../../pipeline/commands/command-line.ts';
import { type Ended, resultOf } from './convae.ts';

interface Options {
  readonly cwd: string;
}

/**
 * Runs the command to its end in this process, where nothing has to be loaded again. Only one can run at a time: folder
 * and output are those of the process.
 */
export async function call(args: readonly string[], { cwd }: Options): Promise<Ended> {
  const before = process.cwd();
  const output = { stdout: '', stderr: '' };
  const capture = (stream: keyof typeof output) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      output[stream] += text;
      return true;
    });
  const log = vi.spyOn(console, 'log').mockImplementation((text) => {
    output.stdout += `${text}\n`;
  });
  const spies = [capture('stdout'), capture('stderr'), log];
  process.chdir(cwd);
  try {
    await runCommand(args, new AbortController().signal);
    return { code: 0, ...output };
  } catch (error) {
    const { code, message } = failureOf(error);
    return { ...output, code, stderr: output.stderr + message };
  } finally {
    process.chdir(before);
    for (const spy of spies) spy.mockRestore();
  }
}

/** The result that `--json` prints. */
export const callJson = async <T>(args: readonly string[], options: Options): Promise<T> =>
  resultOf<T>(args, await call([...args, '--json'], options));
