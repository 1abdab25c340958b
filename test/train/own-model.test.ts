import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { findModel } from '../../pipeline/train/find-model.ts';
import { convae, convaeJson } from '../cli/convae.ts';
import { inputErrorOf, scratchFolder } from '../data/support.ts';

vi.setConfig({ testTimeout: 60_000 });

const scratch = scratchFolder();
mkdirSync(scratch('project/parts'), { recursive: true });
process.env.XDG_CACHE_HOME = scratch('cache');

/**
 * A package and two files outside the checkout: a dense layer before the latent. They import the package, one of convae's
 * dependencies, and tfjs, whose copy in the project must not be taken.
 */
for (const [name, code] of [
  ['units', 'export const units = 16;'],
  ['@tensorflow/tfjs-core', "throw new Error('this is not convae’s tfjs');"],
] as const) {
  const folder = scratch(`project/node_modules/${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }));
  writeFileSync(join(folder, 'index.js'), code);
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
import { dense, deterministic, type ModelDefinition, waist } from 'convae/models';
import { hidden, width } from './parts/widths.ts';

const deep: ModelDefinition = {
  name: 'deep',
  summary: 'dense latent behind one more layer',
  pixelLoss: 'binary cross-entropy',
  recipe: { epochs: 1, batchSize: 32, latent: 4, optimizer: { name: 'adam', learningRate: 1e-3, epsilon: 1e-8 } },
  conditional: { encoder: false, decoder: false },
  build(size) {
    const { latent, seed } = size;
    const { height, width: columns, channels } = waist(size);
    const features = height * columns * channels;
    return deterministic(
      size,
      'binary cross-entropy',
      [
        layers.flatten({ name: 'flatten' }),
        dense({ name: 'hidden', inputs: features, units: hidden(), seed }),
        dense({ name: 'embedding', inputs: width, units: latent, seed }),
      ],
      [
        dense({ name: 'expand', inputs: latent, units: features, seed }),
        layers.reshape({ name: 'reshape', targetShape: [height, columns, channels] }),
      ],
    );
  },
};
export default deep;
`,
);

test('a model in a file of one’s own is trained, resumed, exported and encoded with', async () => {
  const cwd = scratch('project');
  const few = ['--limit-train', '96', '--limit-test', '32'];
  const first = await convaeJson<{ model: string; run: string }>(['train', './deep.ts', ...few], { cwd });
  expect(first).toMatchObject({ model: 'deep', run: join('runs', 'deep'), epochs: 1 });
  const more = ['--resume', '--epochs', '2', ...few];
  expect(await convaeJson(['train', 'deep.ts', ...more], { cwd })).toMatchObject({ epochs: 2, steps: 6 });
  await convaeJson(['export', 'runs/deep'], { cwd });
  const card = JSON.parse(readFileSync(join(cwd, 'exported/deep/card.json'), 'utf8')) as { model: object };
  expect(card.model).toMatchObject({ name: 'deep', summary: 'dense latent behind one more layer' });
  expect(readFileSync(join(cwd, 'exported/deep/encoder.onnx')).includes('encoder/hidden')).toBe(true);
  const encoding = ['encode', 'exported/deep', '--data', 'mnist', '--split', 'test', '--out', 'deep.npy'];
  expect(await convaeJson(encoding, { cwd })).toMatchObject({ rows: 10_000 });
  const other = await convae(['train', 'cae', '--run', 'runs/deep', '--resume', ...few], { cwd });
  expect(other).toMatchObject({ code: 2 });
  expect(other.stderr).toContain('model is deep there and cae here');
  expect(existsSync(join(cwd, 'runs', 'cae'))).toBe(false);
});

test.each([
  ['nothing.ts', undefined, 'there is no such file'],
  ['syntax.ts', 'export default {', 'it cannot be loaded'],
  ['missing.ts', "import 'no-such-package';", /it cannot be loaded \(.*missing\.ts:1: .*'no-such-package'/],
  ['throws.ts', "type A = 1;\nthrow new Error('out of order');", /it cannot be loaded \(out of order/],
  ['empty.ts', 'export {};', 'it exports no model'],
  ['other.ts', 'export default 3;', 'what it exports: '],
  ['half.ts', "export default { name: 'half', summary: '', pixelLoss: 'mean squared error' };", 'recipe: '],
  ['name.ts', "export const a = { name: 'a/b' };", 'name: '],
])('%s is refused in a line', async (name, content, reason) => {
  if (content !== undefined) writeFileSync(scratch(name), content);
  const message = await inputErrorOf(findModel(scratch(name)));
  expect(message).toContain(`${scratch(name)}: `);
  expect(message).toMatch(reason);
});

test('a spec that is no path is the name of a model', async () => {
  expect((await findModel('cvae')).model.name).toBe('cvae');
  expect(await inputErrorOf(findModel('vgg'))).toMatch(
    /^there is no model 'vgg'; there is conv-ae, cae, .*\(\.\/vgg\.ts\)$/,
  );
});
