import type { ArgumentsCamelCase, CommandModule, InferredOptionTypes } from 'yargs';
import type { StageProgress } from '../io/stages.ts';
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
  /** Prints a line on stderr, unless `quiet`. */
  note: (line: string) => void (quiet || process.stderr.write(`${line}\n`)),
  /** Shows progress of work that counts images. */
  async countImages<T>(work: (progress: (done: number, total: number) => void) => Promise<T>): Promise<T> {
    const { withCountProgress } = await import('../io/progress.ts');
    return withCountProgress({ quiet }, work);
  },
  /** Shows progress of work in stages. */
  async showStages<T>(work: (progress: StageProgress) => Promise<T>): Promise<T> {
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
  /** Imports its stage when it is called, so that `--help` loads none. */
  run(args: Arguments<O>, context: Context): Promise<R>;
  print(result: R, args: Arguments<O>): Printout | Promise<Printout>;
  /** Work to do after the result is printed. */
  after?(result: R, args: Arguments<O>, context: Context): Promise<void>;
}

/** A command for yargs, given the program's interrupt signal. */
export function defineCommand<const O extends Record<string, Option>, R>(definition: Definition<O, R>) {
  const { command, describe, examples = {}, run, print, after } = definition;
  return (signal: AbortSignal): CommandModule & { readonly command: string } => ({
    command,
    describe,
    builder(yargs) {
      const positionals = [...command.matchAll(/[<[](\w+)/g)].map(([, name]) => name);
      const all: Record<string, Option> = { ...definition.options, json: options.json };
      yargs.middleware((args) => {
        // The last of a repeated option counts, unless the option is a list.
        for (const [name, value] of Object.entries(args)) {
          if (Array.isArray(value) && name !== '_' && !all[name]?.array) args[name] = value.at(-1);
        }
      }, true);
      for (const [name, option] of Object.entries(all)) {
        if (positionals.includes(name)) yargs.positional(name, option);
        else yargs.option(name, option);
      }
      for (const [line, about] of Object.entries(examples)) yargs.example(`$0 ${line}`, about);
      return yargs;
    },
    async handler(argv) {
      const args = argv as Arguments<O>; // yargs parsed them by these options
      const context = contextOf(signal, argv.quiet === true);
      const result = await run(args, context);
      process.stdout.write(`${argv.json ? JSON.stringify(result) : printed(await print(result, args))}\n`);
      await after?.(result, args, context);
    },
  });
}
