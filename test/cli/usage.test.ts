import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { scratchFolder } from '../data/support.ts';
import { call, callJson } from './call.ts';
import { convae, SOURCE, start } from './convae.ts';

const scratch = scratchFolder();
const cwd = scratch('cwd');
mkdirSync(cwd);

const COMMANDS = [
  ...['train', 'export', 'encode', 'evaluate', 'sample', 'reconstruct'],
  ...['gallery', 'site', 'runs', 'models', 'setup', 'doctor'],
];

test('help and version go to stdout', async () => {
  const help = await call(['--help'], { cwd });
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const command of COMMANDS) expect(help.stdout).toContain(`convae ${command}`);
  const bare = await convae([], { cwd, program: SOURCE });
  expect(bare).toEqual(help);
  expect(await convae(['--version'], { cwd })).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
});

test.each(COMMANDS)('%s has a help page', async (command) => {
  const { code, stdout, stderr } = await call([command, '--help'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^convae ${command}`));
  expect(stdout).toContain('--json');
});

test('models', async () => {
  const list = await callJson<{ name: string; recipe: { epochs: number } }[]>(['models'], { cwd });
  expect(list.find(({ name }) => name === 'cae')?.recipe.epochs).toBe(10);
  const text = await call(['models'], { cwd });
  expect(text.stdout).toMatch(/^model +latent +epochs +batch +description\n(.*\n)*cae +10 +10 +128 +convolutional/);
});

const MISTAKES: readonly (readonly [args: string, says: RegExp])[] = [
  ['trian', /did you mean train\?.*`convae --help`/],
  ['fly-to-the-moon', /fly-to-the-moon.*`convae --help`/],
  ['report exported/cae', /`convae evaluate --pictures-only`/],
  ['train', /argument.*missing.*`convae train --help`/],
  ['train vgg', /'vgg'.* cae, /],
  ['train cae extra', /extra: .*--data.*`convae train --help`/],
  ['train cae --epoch 3', /--epoch: .*--epochs\?.*`convae train --help`/],
  ['train cae --latent-dim 3', /--latent-dim: .*--latent\?/],
  ['train cae -e 3', /-e: .*`convae train --help`/],
  ['models extra --json', /extra: .*`convae models --help`/],
  ['train ./', /\.\/: .*folder.*--data/],
  ['train cae --epochs', /--epochs needs a value.*`convae train --help`/],
  ['train cae --epochs few', /--epochs few: .*integer.*at least 1/],
  ['train cae --epochs 3 --epochs 4', /--epochs is given 2 times \(3, 4\)/],
  ['train cae --lr 1 --learning-rate 2', /--learning-rate is given 2 times/],
  ['train cae --val-split 2', /--val-split 2: .*below 1/],
  ['train cae --weight-decay -1', /--weight-decay -1: .*at least 0/],
  ['train cae --optimizer lion', /--optimizer "lion": .*"adamw"/],
  ['train cae --config nowhere.yaml', /nowhere\.yaml: no such file/],
  ['runs nowhere', /nowhere: no such file or folder/],
  ['runs --compare a', /compare/],
  ['runs --compare a b', /^convae: a: .*no checkpoint/],
  ['train cae --seed 1.5', /--seed 1\.5: .*integer/],
  ['train cae --augment flip,shift=2', /--augment flip,shift=2: shift .*at most 0\.5/],
  ['train cae --learning-rate -1', /--learning-rate -1: .*above 0/],
  ['train cae --lr 0', /--learning-rate 0: .*above 0/],
  ['train cae --engine torch', /--engine "torch": .*"auto", "onnx", "tfjs-node"/],
  ['train cae --device tpu --engine x', /--device "tpu": .*"auto", "cpu", "cuda", "webgpu", --engine "x": /],
  ['train cae --beta 2 --data mnist --run x', /--beta.* cae .*KL divergence/],
  ['sample nowhere --out x --sampler magic', /--sampler "magic": .*"prior", "mixture", "interpolation"/],
  ['gallery --models cae,vgg', /'vgg'.* cae, /],
  ['train cae --engine tfjs-node-gpu --device cpu', /tfjs-node-gpu.* GPU/],
  ['train cae --engine tfjs-cpu --device cuda', /tfjs-cpu.* GPU/],
  ['train cae --data nowhere', /--data nowhere: .*'nowhere'/],
  ['export nowhere', /nowhere: .*folder/],
  ['export nowhere --which first', /--which "first": .*"best", "latest"/],
  ['export nowhere --train-batch 8', /--train-batch.*--with-train-step/],
  ['encode nowhere --data mnist', /required.*: out .*`convae encode --help`/],
  ['encode nowhere --data mnist --out x.npy', /nowhere: .*folder/],
  ['encode nowhere --data mnist --out x.txt', /x\.txt: .*\.parquet/],
  ['evaluate nowhere', /nowhere: .*folder/],
  ['site nowhere elsewhere --out a --data mnist --data mnist', /nowhere: .*folder/],
];

const EMPTY: readonly (readonly [option: string, args: readonly string[]])[] = [
  ['--run', ['train', 'cae', '--run', '']],
  ['--cache', ['train', 'cae', '--cache', ' ']],
  ['--only-class', ['train', 'cae', '--only-class', '']],
  ['--epochs', ['train', 'cae', '--epochs', '']],
  ['--range', ['train', 'cae', '--range=']],
  ['<model>', ['train', '']],
  ['<exported>', ['encode', '', '--data', 'mnist', '--out', 'x.npy']],
  ['--out', ['encode', 'nowhere', '--data', 'mnist', '--out', '']],
  ['<exported>', ['site', 'nowhere', '', '--out', 'a', '--data', 'mnist']],
];

test.each(EMPTY)('an empty value of %s is refused, and nothing is written', async (option, args) => {
  const { code, stdout, stderr } = await call(args, { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^convae: [^\n]+ empty[^\n]*\n$/);
  expect(stderr).toContain(`${option}: `);
  expect(readdirSync(cwd)).toEqual([]);
});

test.each(MISTAKES)('convae %s: one line, exit code 2', async (args, says) => {
  const { code, stdout, stderr } = await call(args.split(' '), { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  // Images that take long to read for the first time have a line of progress.
  expect(stderr).toMatch(/^(reading: [^\n]+\n)?convae: [^\n]+\n$/);
  expect(stderr).toMatch(says);
  expect(existsSync(scratch('cwd/runs/cae'))).toBe(false);
});

test.concurrent('a device that the machine lacks: one line, exit code 3', async () => {
  const { code, stderr } = await convae(['train', 'cae', '--engine', 'onnx', '--device', 'cuda'], { cwd });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^convae: --device cuda: [^\n]+\n$/);
});

test.concurrent('a checkout without its packages explains how to install them', async () => {
  for (const folder of ['bin', 'pipeline']) mkdirSync(scratch(`bare/${folder}`), { recursive: true });
  writeFileSync(scratch('bare/pipeline/cli.ts'), '');
  const program = scratch('bare/bin/convae.cjs');
  copyFileSync(fileURLToPath(new URL('../../bin/convae.cjs', import.meta.url)), program);
  const { code, stderr } = await convae(['models'], { cwd, program });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^convae: [^\n]* run `npm ci` in [^\n]*bare\n$/);
});

test.concurrent('a bug shows its stack and how to report it', async () => {
  writeFileSync(scratch('bug.mjs'), "process.stdout.write = () => { throw new TypeError('broken on purpose') };");
  const env = { NODE_OPTIONS: `--import=${scratch('bug.mjs')}` };
  const { code, stderr } = await convae(['models'], { cwd, env, program: SOURCE });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^TypeError: broken on purpose\n +at [^\n]+\n/m);
  expect(stderr).toMatch(/at [^\n]*commands\/command\.ts:\d+:\d+\)/);
  expect(stderr).toContain(`This is a bug in convae ${packageJson.version}`);
});

test('what the user typed is printed without what a terminal obeys, and not at any length', async () => {
  const [name, long] = ['\u001b]0;title\u0007\u202e\nnext', 'x'.repeat(50_000)];
  for (const args of [[name], ['export', name], ['train', 'cae', '--data', name], ['train', 'cae', '--lr', long]]) {
    const { code, stderr } = await call(args, { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^convae: [^\p{Cc}\u202e]+\n$/u);
    expect(stderr.length).toBeLessThan(1100);
    if (args.includes(name)) expect(stderr).toContain('\\x1b]0;title\\x07\\u202e');
  }
});

test.concurrent('a closed pipe is no error', async () => {
  const running = start(['models'], { cwd });
  running.process.stdout?.destroy();
  expect(await running.end).toEqual({ code: 0, stdout: '', stderr: '' });
});
