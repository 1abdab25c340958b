import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import type { Command, Context } from './commands/command.ts';
import { doctorCommand } from './commands/doctor.ts';
import { encodeCommand } from './commands/encode.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { exportCommand } from './commands/export.ts';
import { galleryCommand } from './commands/gallery.ts';
import { modelsCommand } from './commands/models.ts';
import { reconstructCommand } from './commands/reconstruct.ts';
import { reportCommand } from './commands/report.ts';
import { sampleCommand } from './commands/sample.ts';
import { setupCommand } from './commands/setup.ts';
import { siteCommand } from './commands/site.ts';
import { trainCommand } from './commands/train.ts';
import { EnvironmentError, InputError, Interrupted } from './io/errors.ts';
import { version } from './io/installation.ts';

const INTERRUPTED = 130;
const BUG = 1;

/** @throws what a command throws, or InputError when the arguments are wrong */
async function run(args: readonly string[], context: Context): Promise<void> {
  const commands = [
    trainCommand,
    exportCommand,
    encodeCommand,
    evaluateCommand,
    reportCommand,
    sampleCommand,
    reconstructCommand,
    galleryCommand,
    siteCommand,
    modelsCommand,
    setupCommand,
    doctorCommand,
  ].map((command) => command(context));
  await yargs(args)
    .scriptName('convae')
    .usage('$0 <command> [options]\n\nConvolutional autoencoders for images: train, export to ONNX, encode in bulk.')
    .command(commands)
    .example('$0 train cae', 'train on MNIST into runs/cae')
    .example('$0 export runs/cae', 'ONNX models into exported/cae')
    .example('$0 encode exported/cae --data mnist --out latents.parquet', 'latents of 70,000 images')
    .epilogue(
      '`convae <command> --help` tells the options of a command.\n' +
        'Exit codes: 0 done, 2 the input is wrong, 3 the machine failed (disk, device, library), 130 interrupted.',
    )
    .demandCommand(1, 'a command is missing')
    .strict()
    .recommendCommands()
    .locale('en')
    .parserConfiguration({ 'duplicate-arguments-array': false, 'dot-notation': false })
    .version(version)
    .help()
    .alias('help', 'h')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      if (!message) throw error;
      const help = commands.map(nameOf).filter((name) => name === args[0]);
      throw new InputError(`${inOneLine(message)} (see \`${['convae', ...help, '--help'].join(' ')}\`)`);
    })
    .parseAsync();
}

const nameOf = ({ command }: Command) => command.split(' ')[0];

/** yargs' words about wrong arguments. */
const inOneLine = (message: string) =>
  message
    .replace('Invalid values:', '')
    .replace(/Argument: (\S+), Given: (.+), Choices: (.+)/g, '--$1 $2: expected one of $3')
    .replace(/^Not enough non-option arguments: .*/, 'an argument is missing')
    .replace(/^Not enough arguments following: (.+)/, '--$1 needs a value')
    .replace(/^Did you mean/, 'there is no such command; did you mean')
    .trim()
    .replace(/\s*\n\s*/g, ', ');

/** Aborted by the first SIGINT or SIGTERM; the second ends the process. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    if (process.stderr.isTTY) process.stderr.write('\nstopping; Ctrl-C again stops at once\n');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}

/** Says on stderr what went wrong. Returns the exit code. */
function report(error: unknown): number {
  if (error instanceof InputError || error instanceof EnvironmentError || error instanceof Interrupted) {
    process.stderr.write(`convae: ${error.message}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `${stack}\n\nThis is a bug in convae ${version} (Node ${process.version}, ${process.platform} ${process.arch}). ` +
      "Please report the lines above and the command that you ran to the project's issue tracker.\n",
  );
  return BUG;
}

process.on('uncaughtException', (error) => process.exit(report(error)));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read the results has seen enough.
  process.exit(error.code === 'EPIPE' ? 0 : report(error));
});
try {
  const args = hideBin(process.argv);
  await run(args.length > 0 ? args : ['--help'], { signal: interruptSignal() });
} catch (error) {
  process.exit(report(error));
}
