import type { Argv, CommandModule } from 'yargs';

/** What the program lends to its commands. */
export interface Context {
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

export interface Command extends CommandModule {
  /** Its name, then its positional arguments. */
  readonly command: string;
}

/** A yargs module whose handler's arguments are typed by what its builder declares. */
export const defineCommand = <Options>(command: {
  command: string;
  describe: string;
  builder: (yargs: Argv) => Argv<Options>;
  handler: CommandModule<object, Options>['handler'];
}): Command => command as unknown as Command; // yargs passes the handler what the builder declares
