import { defineCommand } from './command.ts';
import { json } from './options.ts';
import { printResult, table } from './output.ts';

export const doctorCommand = () =>
  defineCommand({
    command: 'doctor',
    describe: 'Tell which engines and devices can be used here, and what would bring the others',
    builder: (yargs) => yargs.option('json', json),
    async handler(argv) {
      const { diagnose } = await import('../setup/doctor.ts');
      printResult(argv.json, await diagnose(), (findings) =>
        table(
          findings.flatMap(({ option, usable, about, remedy }) => [
            [usable ? '✔' : '–', option, about],
            ...(remedy ? [['', '', `→ ${remedy}`]] : []),
          ]),
        ),
      );
    },
  });
