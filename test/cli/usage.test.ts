import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { scratchFolder } from '../data/support.ts';
import { convae, convaeJson, start } from './convae.ts';

const scratch = scratchFolder();
const cwd = scratch('cwd');
mkdirSync(cwd);

const COMMANDS = [
  ...['train', 'export', 'encode', 'evaluate', 'sample', 'reconstruct'],
  ...['gallery', 'site', 'models', 'setup', 'doctor'],
];

test.concurrent('help and version go to stdout', async () => {
  const [help, bare, version] = await Promise.all([['--help'], [], ['--version']].map((args) => convae(args, { cwd })));
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const command of COMMANDS) expect(help?.stdout).toContain(`convae ${command}`);
  expect(bare).toEqual(help);
  expect(version).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
});

test.concurrent.each(COMMANDS)('%s has a help page', async (command) => {
  const { code, stdout, stderr } = await convae([command, '--help'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^convae ${command}`));
  expect(stdout).toContain('--json');
});

test.concurrent('models', async () => {
  const [list, text] = await Promise.all([
    convaeJson<{ name: string; recipe: { epochs: number } }[]>(['models'], { cwd }),
    convae(['models'], { cwd }),
  ]);
  expect(list.find(({ name }) => name === 'cae')?.recipe.epochs).toBe(10);
  expect(text.stdout).toMatch(/^model +latent +epochs +batch +description\n(.*\n)*cae +10 +10 +128 +convolutional/);
});

const MISTAKES: readonly (readonly [args: string, says: string])[] = [
  ['trian', 'there is no such command; did you mean train? (see `convae --help`)'],
  ['fly-to-the-moon', 'Unknown argument: fly-to-the-moon (see `convae --help`)'],
  ['train', 'an argument is missing (see `convae train --help`)'],
  ['train vgg', "there is no model 'vgg'; there is "],
  ['train cae extra', 'Unknown argument: extra (see `convae train --help`)'],
  ['train cae --epoch 3', 'Unknown argument: epoch (see `convae train --help`)'],
  ['train cae --epochs', '--epochs needs a value (see `convae train --help`)'],
  ['train cae --epochs few', '--epochs few: expected an integer of at least 1'],
  ['train cae --seed 1.5', '--seed 1.5: expected an integer'],
  ['train cae --learning-rate -1', '--learning-rate -1: expected a number above 0'],
  ['train cae --lr 0', '--learning-rate 0: expected a number above 0'],
  ['train cae --epochs 3 --epochs few', '--epochs few: expected an integer of at least 1'],
  ['train cae --engine torch', '--engine "torch": expected one of "auto", "onnx", "tfjs-node"'],
  [
    'train cae --device tpu --engine x',
    '--device "tpu": expected one of "auto", "cpu", "cuda", "webgpu", --engine "x": expected',
  ],
  ['train cae --beta 2 --data mnist --run x', '--beta: cae has no KL divergence'],
  ['sample nowhere --out x --sampler magic', '--sampler "magic": expected one of "prior", "mixture", "interpolation"'],
  ['gallery --models cae,vgg', "there is no model 'vgg'; there is "],
  ['train cae --engine tfjs-node-gpu --device cpu', 'the engine tfjs-node-gpu trains on the GPU'],
  ['train cae --data nowhere', "--data nowhere: there is no file or folder 'nowhere'"],
  ['export nowhere', 'nowhere: there is no best checkpoint'],
  ['export nowhere --which first', '--which "first": expected one of "best", "latest"'],
  ['encode nowhere --data mnist', 'Missing required argument: out (see `convae encode --help`)'],
  ['encode nowhere --data mnist --out x.npy', 'nowhere: there is no such folder'],
  ['encode nowhere --data mnist --out x.txt', 'x.txt: its ending says no known format'],
  ['evaluate nowhere --data mnist', 'nowhere: there is no such folder'],
  ['report exported/cae', '`convae evaluate --pictures-only`'],
  ['export nowhere --train-batch 8', '--train-batch needs --with-train-step'],
];

test.concurrent.each(MISTAKES)('convae %s: one line, exit code 2', async (args, says) => {
  const { code, stdout, stderr } = await convae(args.split(' '), { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^convae: [^\n]+\n$/);
  expect(stderr).toContain(says);
  expect(existsSync(scratch('cwd/runs/cae'))).toBe(false);
});

test.concurrent('what the machine lacks: one line, exit code 3', async () => {
  const { code, stderr } = await convae(['train', 'cae', '--engine', 'onnx', '--device', 'cuda'], { cwd });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^convae: the engine onnx trains on the CPU: [^\n]+\n$/);
});

test.concurrent('a checkout without its packages says how to install them', async () => {
  mkdirSync(scratch('bare/bin'), { recursive: true });
  const program = scratch('bare/bin/convae.cjs');
  copyFileSync(fileURLToPath(new URL('../../bin/convae.cjs', import.meta.url)), program);
  const { code, stderr } = await convae(['models'], { cwd, program });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^convae: the packages [^\n]+ run `npm ci` in [^\n]*bare\n$/);
});

test.concurrent('a bug shows its stack and says what to do', async () => {
  writeFileSync(scratch('bug.mjs'), "process.stdout.write = () => { throw new TypeError('broken on purpose') };");
  const env = { NODE_OPTIONS: `--import=${scratch('bug.mjs')}` };
  const { code, stderr } = await convae(['models'], { cwd, env });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^TypeError: broken on purpose\n +at [^\n]+\n/m);
  expect(stderr).toMatch(/at [^\n]*commands\/command\.ts:\d+:\d+\)/);
  expect(stderr).toContain(`This is a bug in convae ${packageJson.version}`);
});

test.concurrent('a reader that has seen enough is no error', async () => {
  const running = start(['models'], { cwd });
  running.process.stdout?.destroy();
  expect(await running.end).toEqual({ code: 0, stdout: '', stderr: '' });
});
