import { isatty } from 'node:tty';
import { hideBin } from 'yargs/helpers';
import { failureOf, runCommand } from './commands/command-line.ts';
import { EnvironmentError, fileError, Interrupted } from './io/errors.ts';

/** Exit codes after a signal. A terminal that is closed sends SIGHUP. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 130, SIGHUP: 129 } as const;

type Interrupt = keyof typeof INTERRUPTED;
let interruptedBy: Interrupt | undefined;
/** Node restores the terminals that it started with when it exits, and aborts where one is gone. */
const onTerminal = [0, 1, 2].some((stream) => isatty(stream));

/**
 * Aborted by the first signal of `INTERRUPTED`; the second ends the process. SIGINT then has its default effect, so that it does even
 * where a computation keeps this program from handling it. Until here bin/convae.cjs handles the signals.
 */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (name: Interrupt) => {
    if (controller.signal.aborted) return endBy(name);
    interruptedBy = name;
    controller.abort();
    if (process.stderr.isTTY) process.stderr.write('\nstopping; press Ctrl-C again to exit immediately\n');
    setImmediate(() => process.removeAllListeners('SIGINT')); // after a second one that waits already
  };
  for (const name of Object.keys(INTERRUPTED) as Interrupt[]) {
    process.removeAllListeners(name).on(name, () => interrupt(name));
  }
  return controller.signal;
}

/** Ends the process, by the signal itself where exiting would wait for worker threads or abort. */
function endBy(name: Interrupt): void {
  if (name === 'SIGINT' || (name === 'SIGHUP' && onTerminal)) {
    process.removeAllListeners(name);
    process.kill(process.pid, name);
  }
  process.exit(INTERRUPTED[name]);
}

/** Prints an error on stderr. Returns the exit code. */
function printError(error: unknown): number {
  const { code, message } = failureOf(error);
  process.stderr.write(message);
  return error instanceof Interrupted ? INTERRUPTED[interruptedBy ?? 'SIGINT'] : code;
}

process.on('uncaughtException', (error) => process.exit(printError(error)));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return; // the reader (head, less) has closed the pipe: the work goes on
  const { message } = fileError(error, 'cannot write to stdout') as Error;
  process.exitCode = printError(new EnvironmentError(message));
});
try {
  const args = hideBin(process.argv);
  await runCommand(args.length > 0 ? args : ['--help'], interruptSignal());
  if (interruptedBy === 'SIGHUP' && onTerminal) endBy('SIGHUP');
} catch (error) {
  const code = printError(error);
  if (interruptedBy === 'SIGHUP' && onTerminal) endBy('SIGHUP');
  process.exit(code);
}
