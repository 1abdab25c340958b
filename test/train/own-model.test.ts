import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sha256 } from '../../pipeline/io/digest.ts';
import { findModel } from '../../pipeline/train/find-model.ts';
import { call, callJson } from '../cli/call.ts';
import { convae, convaeJson, SOURCE } from '../cli/convae.ts';
import { npyBytes } from '../data/formats.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';

vi.setConfig({ testTimeout: 60_000 });

const scratch = scratchFolder();
mkdirSync(scratch('project/parts'), { recursive: true });

/**
 * A package and two files outside the checkout: a dense layer before the latent. They import the package, one of convae's
 * dependencies, and tfjs, whose copy in the project must not be taken.
 */
for (const [name, source] of [
  ['units', 'export const units = 16;'],
  ['@tensorflow/tfjs-core', "throw new Error('this is not convae’s tfjs');"],
] as const) {
  const folder = scratch(`project/node_modules/${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }));
  writeFileSync(join(folder, 'index.js'), source);
}
writeFileSync(
  scratch('project/parts/widths.ts'),
  `import * as tf from '@tensorflow/tfjs-core';
import { units } from 'units';
import { z } from 'zod';
export const width: number = z.number().parse(units);
export const hidden = () => tf.util.sizeFromShape([width]);
`,
);
writeFileSync(
  scratch('project/deep.ts'),
  `import { layers } from '@tensorflow/tfjs-layers';
import { adam, dense, deterministic, featureMap, type ModelDefinition } from 'convae/models';
import { hidden, width } from './parts/widths.ts';

const deep: ModelDefinition = {
  name: 'deep',
  summary: 'dense latent behind one more layer',
  recipe: { epochs: 1, batchSize: 32, latent: 4, optimizer: adam() },
  ...deterministic('binary cross-entropy', (size) => {
    const { latent, seed } = size;
    const { shape, features } = featureMap(size);
    return {
      toLatent: [
        layers.flatten({ name: 'flatten' }),
        dense({ name: 'hidden', inputs: features, units: hidden(), seed }),
        dense({ name: 'embedding', inputs: width, units: latent, seed }),
      ],
      fromLatent: [
        dense({ name: 'expand', inputs: latent, units: features, seed }),
        layers.reshape({ name: 'reshape', targetShape: shape }),
      ],
    };
  }),
};
export default deep;
`,
);

test('a user’s own model file is trained, resumed, exported and used to encode', async () => {
  const cwd = scratch('project');
  const few = ['--limit-train', '96', '--limit-test', '32'];
  const first = await convaeJson<{ model: string; run: string }>(['train', './deep.ts', ...few], { cwd });
  expect(first).toMatchObject({ model: 'deep', run: join('runs', 'deep'), epochs: 1 });
  const more = ['--resume', '--epochs', '2', ...few];
  expect(await callJson(['train', 'deep.ts', ...more], { cwd })).toMatchObject({ epochs: 2, steps: 6 });
  await callJson(['export', 'runs/deep'], { cwd });
  const card = JSON.parse(readFileSync(join(cwd, 'exported/deep/card.json'), 'utf8')) as { model: object };
  expect(card.model).toMatchObject({ name: 'deep', summary: 'dense latent behind one more layer' });
  expect(readFileSync(join(cwd, 'exported/deep/encoder.onnx')).includes('encoder/hidden')).toBe(true);
  writeFileSync(scratch('project/few.npy'), npyBytes('|u1', [40, 28, 28], new Uint8Array(40 * 784).fill(9)));
  const encoding = ['encode', 'exported/deep', '--data', 'few.npy', '--out', 'deep.npy'];
  expect(await callJson(encoding, { cwd })).toMatchObject({ rows: 40 });
  const other = await call(['train', 'cae', '--run', 'runs/deep', '--resume', ...few], { cwd });
  expect(other).toMatchObject({ code: 2 });
  expect(other.stderr).toContain('model is deep there and cae here');
  expect(existsSync(join(cwd, 'runs', 'cae'))).toBe(false);
});

test('a run is neither exported nor resumed by a file whose layers have changed since', async () => {
  const cwd = scratch('project');
  const source = readFileSync(join(cwd, 'deep.ts'), 'utf8').replace(
    /(dense\({ name: 'embedding')/,
    'layers.reLU(), $1',
  );
  const write = (code: string) => writeFileSync(join(cwd, 'edited.ts'), code);
  const train = ['train', 'edited.ts', '--run', 'runs/edited', '--limit-train', '96', '--limit-test', '32', '--resume'];
  const [resume, exporting] = [
    [...train, '--epochs', '2'],
    ['export', 'runs/edited'],
  ];
  write(source);
  await callJson(train, { cwd });
  const state = readFileSync(join(cwd, 'runs/edited/latest/state.json'));
  write(source.replace('reLU', 'elu'));
  for (const args of [resume, exporting]) {
    const { code, stderr } = await call(args, { cwd });
    expect(code).toBe(2);
    expectFacts(stderr, 'runs/edited', 'encoder', join(cwd, 'edited.ts'));
  }
  expect(readFileSync(join(cwd, 'runs/edited/latest/state.json'))).toEqual(state);
  write(`// only a comment\n${source}`);
  for (const args of [exporting, resume]) expect(await call(args, { cwd })).toMatchObject({ code: 0 });
});

test('a model file that somebody else’s run or options name is not run, unless it is trusted', async () => {
  const cwd = scratch('project');
  mkdirSync(scratch('theirs'));
  const [file, ran] = [scratch('theirs/deep.ts'), scratch('ran')];
  const code = `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(ran)}, '');\n`;
  writeFileSync(file, `${code}export { default } from ${JSON.stringify(join(cwd, 'deep.ts'))};\n`);
  cpSync(join(cwd, 'runs/deep'), join(cwd, 'runs/theirs'), { recursive: true, verbatimSymlinks: true });
  const checkpoint = join(cwd, 'runs/theirs/latest');
  const state = readFileSync(join(checkpoint, 'state.json'), 'utf8');
  const sums = readFileSync(join(checkpoint, 'SHA256SUMS'), 'utf8');
  for (const forged of [
    state.replace(JSON.stringify(join(cwd, 'deep.ts')), JSON.stringify(file)),
    state.replace(/"modelFile": .*\n/, '').replace('"model": "deep"', `"model": ${JSON.stringify(file)}`),
  ]) {
    expect(forged).toContain(file);
    writeFileSync(join(checkpoint, 'state.json'), forged);
    writeFileSync(join(checkpoint, 'SHA256SUMS'), sums.replace(sha256(state), sha256(forged)));
    const { code, stderr } = await call(['export', 'runs/theirs'], { cwd });
    expect(code).toBe(2);
    expectFacts(stderr, 'runs/theirs', file, '--trust');
  }
  writeFileSync(scratch('theirs/recipe.yaml'), `model: ${file}\n`);
  const options = ['--config', scratch('theirs/recipe.yaml'), '--dry-run', '--limit-train', '96', '--limit-test', '32'];
  const { code: refused, stderr } = await call(['train', ...options], { cwd });
  expect(refused).toBe(2);
  expectFacts(stderr, 'recipe.yaml', file, '--trust');
  expect(existsSync(ran)).toBe(false);
  expect(await convae(['train', ...options, '--trust'], { cwd, program: SOURCE })).toMatchObject({ code: 0 });
  expect(existsSync(ran)).toBe(true);
});

test('a model file needs no folder that can be written but the temporary one', async () => {
  writeFileSync(scratch('no-folder'), '');
  vi.stubEnv('XDG_CACHE_HOME', scratch('no-folder'));
  onTestFinished(() => void vi.unstubAllEnvs());
  expect((await findModel(scratch('project/deep.ts'))).model.name).toBe('deep');
});

test.each([
  ['nothing.ts', undefined, 'no such file'],
  ['syntax.ts', 'export default {', 'cannot be loaded'],
  ['missing.ts', "import 'no-such-package';", /missing\.ts:1: .*'no-such-package'/],
  ['throws.ts', "type A = 1;\n\nthrow new Error('out of order');", /out of order, line 3/],
  ['empty.ts', 'export {};', 'no model'],
  ['other.ts', 'export default 3;', 'expected object'],
  ['half.ts', "export default { name: 'half', summary: '', pixelLoss: 'mean squared error' };", 'recipe: '],
  ['name.ts', "export const a = { name: 'a/b' };", 'name: '],
])('%s is refused in one line', async (name, content, reason) => {
  if (content !== undefined) writeFileSync(scratch(name), content);
  const message = await inputErrorOf(findModel(scratch(name)));
  expect(message).toContain(scratch(name));
  expect(message).toMatch(reason);
  expect(message).not.toContain('\n');
});

test('anything that is not a file name is the name of a model', async () => {
  expect((await findModel('cvae')).model.name).toBe('cvae');
  expect(await inputErrorOf(findModel('vgg'))).toMatch(/'vgg'.* conv-ae, dcec, cae, .*\.\/vgg\.ts/);
});
