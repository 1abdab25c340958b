import { counted } from '../io/printable.ts';
import { defineCommand } from './command.ts';
import { choice, options, text } from './options.ts';
import { size } from './output.ts';

export const setup = defineCommand({
  command: 'setup <what>',
  describe: 'Install an engine or a device that npm cannot install',
  options: {
    what: {
      ...choice(
        'tfjs-node: TensorFlow, for --engine tfjs-node; tfjs-node-gpu: the same with CUDA, for --engine tfjs-node-gpu; ' +
          "cuda: ONNX Runtime's CUDA provider, for --device cuda",
        ['tfjs-node', 'tfjs-node-gpu', 'cuda'],
      ),
      demandOption: true,
    },
    quiet: options.quiet,
  },
  examples: { 'setup tfjs-node': 'afterwards: convae train cae --engine tfjs-node' },
  async run({ what }, { signal, quiet, note }) {
    const context = { signal, note: quiet ? () => {} : note };
    const description =
      what === 'cuda'
        ? await (await import('../setup/cuda.ts')).setUpCuda(context)
        : await (await import('../setup/tfjs-node.ts')).setUpTfjsNode(what, context);
    return { what, description };
  },
  print: ({ description }) => ({ rows: [[description]] }),
});

export const check = defineCommand({
  command: 'check <path>',
  describe: 'Compare files with the checksums that were written with them',
  options: {
    path: { ...text('a file or a folder: a run, an exported model, latents, a report, a site'), demandOption: true },
  },
  examples: { 'check exported/cae': 'find out whether a copied model is whole' },
  run: async ({ path }, { signal }) => (await import('../check/check.ts')).check(path, signal),
  print: ({ files, bytes, unchecked: [first, ...others] }) => ({
    rows: [['intact', `${counted(files, 'file')}, ${size(bytes)}`]],
    notes:
      first === undefined
        ? []
        : [`without a checksum: ${first}${others.length > 0 ? ` and ${others.length} more` : ''}`],
  }),
});

export const doctor = defineCommand({
  command: 'doctor',
  describe: 'Show which engines and devices are available, and how to install the others',
  options: {},
  run: async () => (await import('../setup/doctor.ts')).diagnose(),
  print: (findings) => ({
    rows: findings.flatMap(({ option, usable, about, remedy }) => [
      [usable ? '✔' : '–', option, about],
      ...(remedy ? [['', '', `→ ${remedy}`]] : []),
    ]),
  }),
});
