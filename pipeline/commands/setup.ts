import { type Context, defineCommand } from './command.ts';
import { json, quiet } from './options.ts';
import { printResult } from './output.ts';

/** What can be set up, and what each is for. */
export const setups = {
  'tfjs-node': "TensorFlow's library for --engine tfjs-node",
  'tfjs-node-gpu': 'the same with CUDA, for --engine tfjs-node-gpu',
  cuda: "ONNX Runtime's CUDA provider, for encode and evaluate with --device cuda",
} as const;

export const setupCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'setup <what>',
    describe: 'Install an engine or a device that npm cannot',
    builder: (yargs) =>
      yargs
        .positional('what', {
          describe: Object.entries(setups)
            .map(([name, about]) => `${name}: ${about}`)
            .join('; '),
          choices: Object.keys(setups) as (keyof typeof setups)[],
          demandOption: true,
        })
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 setup tfjs-node', 'then `convae train cae --engine tfjs-node`'),
    async handler({ what, quiet, json }) {
      const note = (line: string) => void (quiet || process.stderr.write(`${line}\n`));
      const context = { signal, note };
      const done =
        what === 'cuda'
          ? await (await import('../setup/cuda.ts')).setUpCuda(context)
          : await (await import('../setup/tfjs-node.ts')).setUpTfjsNode(what, context);
      printResult(json, { what, description: done }, ({ description }) => description);
    },
  });
