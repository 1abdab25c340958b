import { hideBin } from 'yargs/helpers';
import { failureOf, runCommand } from './commands/command-line.ts';

const INTERRUPTED = 130;

/** Aborted by the first SIGINT or SIGTERM; the second ends the process. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    if (process.stderr.isTTY) process.stderr.write('\nstopping; press Ctrl-C again to exit immediately\n');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}

/** Prints an error on stderr. Returns the exit code. */
function printError(error: unknown): number {
  const { code, message } = failureOf(error);
  process.stderr.write(message);
  return code;
}

process.on('uncaughtException', (error) => process.exit(printError(error)));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // EPIPE: the reader (head, less) has closed the pipe.
  process.exit(error.code === 'EPIPE' ? 0 : printError(error));
});
try {
  const args = hideBin(process.argv);
  await runCommand(args.length > 0 ? args : ['--help'], interruptSignal());
} catch (error) {
  process.exit(printError(error));
}
