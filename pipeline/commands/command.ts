import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs';
import { InputError } from '../io/errors.ts';
import { printableJson, printableLine } from '../io/printable.ts';
import type { Reading } from '../io/progress.ts';
import type { StageProgress } from '../io/stages.ts';
import { configReader } from './config.ts';
import { type Option, options } from './options.ts';
import { type Printout, printed } from './output.ts';

type Arguments<O extends Record<string, Option>> = ArgumentsCamelCase<InferredOptionTypes<O>>;

/**
 * What the program provides to a running command.
 * @param signal aborted when the user interrupts
 * @param quiet whether progress is unwanted
 */
const contextOf = (signal: AbortSignal, quiet: boolean) => ({
  signal,
  quiet,
  /** Prints a line on stderr: what is left out, or not as expected. */
  note: (line: string) => void process.stderr.write(`${printableLine(line)}\n`),
  /** Shows progress of work that reads and counts images. */
  async countImages<T>(
    work: (progress: (done: number, total: number) => void, reading: Reading) => Promise<T>,
  ): Promise<T> {
    const { withCountProgress } = await import('../io/progress.ts');
    return withCountProgress({ quiet }, work);
  },
  /** Shows progress of work that reads images, then in stages. */
  async showStages<T>(work: (progress: StageProgress, reading: Reading) => Promise<T>): Promise<T> {
    const { withStageProgress } = await import('../io/progress.ts');
    return withStageProgress({ quiet }, work);
  },
});

type Context = ReturnType<typeof contextOf>;

/** A command as data. The types of its arguments are inferred from its options. */
interface Definition<O extends Record<string, Option>, R> {
  /** Its name, then its positional arguments, described among the options. */
  readonly command: string;
  readonly describe: string;
  /** All but `--json`, which every command has. */
  readonly options: O;
  /** Command lines without `convae`, and what each does. */
  readonly examples?: Readonly<Record<string, string>>;
  /** A paragraph at the end of its help. */
  readonly details?: string;
  /** Imports its stage when it is called, so that `--help` loads none. */
  run(args: Arguments<O>, context: Context): Promise<R>;
  print(result: R, args: Arguments<O>): Printout | Promise<Printout>;
  /** Work to do after the result is printed. */
  after?(result: R, args: Arguments<O>, context: Context): Promise<void>;
}

/** A command for yargs, given the program's interrupt signal. */
export function defineCommand<const O extends Record<string, Option>, R>(definition: Definition<O, R>) {
  const { command, describe, examples = {}, details, run, print, after } = definition;
  return (signal: AbortSignal): CommandModule & { readonly command: string } => ({
    command,
    describe,
    builder(yargs) {
      const positionals = [...command.matchAll(/[<[](\w+)/g)].map(([, name]) => name);
      const all: Record<string, Option> = { ...definition.options, json: options.json };
      yargs.middleware((args) => {
        assertKnown(args, String(command.split(' ')[0]), all);
        for (const [name, option] of Object.entries(all)) {
          yargs.hide(name); // from the help that yargs lays out whenever a command runs
          const value = args[name];
          if ([value].flat().some(isEmpty)) throw emptyValue(name, positionals, option);
          if (!Array.isArray(value) || option.array || option.nargs) continue;
          if (!positionals.includes(name)) {
            throw new InputError(`--${name} is given ${value.length} times (${value.join(', ')}); give it once`);
          }
          args[name] = value.at(-1); // the command line overrides a file of options
        }
      }, true);
      for (const [name, option] of Object.entries(all)) {
        if (positionals.includes(name)) yargs.positional(name, option);
        else if (name === 'config') yargs.option(name, { ...option, config: true, configParser: configReader(all) });
        else yargs.option(name, option);
      }
      for (const [line, about] of Object.entries(examples)) yargs.example(`$0 ${line}`, about);
      if (details !== undefined) yargs.epilogue(details);
      return yargs;
    },
    async handler(argv) {
      const args = argv as Arguments<O>; // yargs parsed them by these options
      const context = contextOf(signal, argv.quiet === true);
      const result = await run(args, context);
      process.stdout.write(`${argv.json ? printableJson(result) : printed(await print(result, args))}\n`);
      await after?.(result, args, context);
    },
  });
}

const isEmpty = (value: unknown): boolean => typeof value === 'string' && value.trim() === '';

/** Arguments that yargs itself adds or takes. */
const OF_YARGS = ['_', '$0', 'help', 'h', 'version'];

/** @throws InputError for an unknown option, with a similar one if there is one, or an unexpected argument */
function assertKnown(
  { _: [, extra], ...args }: Record<string, unknown> & { readonly _: readonly unknown[] },
  command: string,
  options: Record<string, Option>,
): void {
  const inCamelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const names = Object.entries(options).flatMap(([name, { alias = [] }]) => [name, alias].flat());
  const known = new Set([...OF_YARGS, ...names, ...names.map(inCamelCase)]);
  const unknown = Object.keys(args).find((name) => !known.has(name));
  const see = `(see \`convae ${command} --help\`)`;
  if (unknown !== undefined) {
    const like = names.find((name) => unknown.length > 1 && (name.startsWith(unknown) || unknown.startsWith(name)));
    const hint = like === undefined ? '' : `; did you mean --${like}?`;
    throw new InputError(`${unknown.length > 1 ? '--' : '-'}${unknown}: there is no such option${hint} ${see}`);
  }
  if (extra !== undefined) {
    throw new InputError(`${extra}: unexpected argument${'data' in options ? '; pass images with --data' : ''} ${see}`);
  }
}

/** The error for `--run ''`, which a script with an unset variable passes. */
function emptyValue(name: string, positionals: readonly (string | undefined)[], { demandOption }: Option): InputError {
  const [what, remedy] = positionals.includes(name) ? [`<${name}>`, ''] : [`--${name}`, ', or leave the option out'];
  return new InputError(`${what}: its value is empty; give one${demandOption ? '' : remedy}`);
}
