import yargs from 'yargs';
import { EnvironmentError, InputError, Interrupted } from '../io/errors.ts';
import { version } from '../io/installation.ts';
import { printableLine } from '../io/printable.ts';
import { cluster } from './clusters.ts';
import { gallery, site } from './collections.ts';
import { data } from './data.ts';
import { encode } from './encode.ts';
import { evaluate, reconstruct, sample } from './exported.ts';
import { check, doctor, setup } from './machine.ts';
import { duplicates, neighbors } from './neighbors.ts';
import { outliers } from './outliers.ts';
import { exportCommand, models, runs, train } from './training.ts';

/** In the order of `--help`. */
const commands = [
  data,
  train,
  exportCommand,
  encode,
  evaluate,
  cluster,
  outliers,
  neighbors,
  duplicates,
  sample,
  reconstruct,
  gallery,
  site,
  runs,
  models,
  check,
  setup,
  doctor,
];

/**
 * Runs the command that the arguments name. It prints its result on stdout.
 * @throws what the command throws, or InputError when the arguments are wrong
 */
export async function runCommand(args: readonly string[], signal: AbortSignal): Promise<void> {
  const modules = commands.map((command) => command(signal));
  await yargs(args)
    .scriptName('convae')
    .usage('$0 <command> [options]\n\nConvolutional autoencoders for images: train, export to ONNX, encode in bulk.')
    .command(modules)
    .example('$0 train cae', 'train on MNIST, into runs/cae')
    .example('$0 export runs/cae', 'export to ONNX, into exported/cae')
    .example('$0 encode exported/cae --data mnist --out latents.parquet', 'encode 70,000 images')
    .epilogue(
      'Run `convae <command> --help` for the options of a command.\n' +
        'Exit codes: 0 success, 2 wrong input, 3 machine failure (disk, device, missing library), 129 or 130 interrupted.',
    )
    .demandCommand(1, 'a command is missing')
    .strict()
    .recommendCommands()
    .locale('en')
    .parserConfiguration({ 'greedy-arrays': false, 'dot-notation': false })
    .version(version)
    .help()
    .alias('help', 'h')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      if (!message) throw error;
      if (args[0] === 'report')
        throw new InputError('there is no command report; use `convae evaluate --pictures-only`');
      const known = modules.map(({ command }) => command.split(' ')[0]).filter((name) => name === args[0]);
      throw new InputError(`${inOneLine(message)} (see \`${['convae', ...known, '--help'].join(' ')}\`)`);
    })
    .parseAsync();
}

/** Rewrites a message of yargs about wrong arguments in one line. */
const inOneLine = (message: string) =>
  message
    .replace('Invalid values:', '')
    .replace(/Argument: (\S+), Given: (.+), Choices: (.+)/g, '--$1 $2: expected one of $3')
    .replace(/^Not enough non-option arguments: .*/, 'an argument is missing')
    .replace(/^Not enough arguments following: (.+)/, '--$1 needs a value')
    .replace(/^Did you mean/, 'there is no such command; did you mean')
    .trim()
    .replace(/\s*\n\s*/g, ', ');

const BUG = 1;

/** What stderr says of an error, and the exit code. */
export function failureOf(error: unknown): { readonly code: number; readonly message: string } {
  if (error instanceof InputError || error instanceof EnvironmentError || error instanceof Interrupted) {
    return { code: error.exitCode, message: `convae: ${error.message}\n` };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message =
    `${stack.split('\n').map(printableLine).join('\n')}\n\nThis is a bug in convae ${version} (Node ${process.version}, ${process.platform} ${process.arch}). ` +
    "Please report the lines above and the command you ran to the project's issue tracker.\n";
  return { code: BUG, message };
}
