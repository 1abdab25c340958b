import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { assertTrusted, foreignFolder } from '../../pipeline/train/trust.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';

const scratch = scratchFolder();
for (const folder of ['project/sub', 'project/run', 'elsewhere/run']) mkdirSync(scratch(folder), { recursive: true });
writeFileSync(scratch('project/package.json'), '{}');
for (const place of ['project/own.ts', 'project/run/brought.ts', 'elsewhere/evil.ts', 'elsewhere/run/evil.ts']) {
  writeFileSync(scratch(place), 'globalThis.ran = true;');
}
symlinkSync(scratch('elsewhere/evil.ts'), scratch('project/link.ts'));
symlinkSync(scratch('project'), scratch('project-link'));

const before = process.cwd();
const project = join(realpathSync(scratch('project')));
process.chdir(join(project, 'sub'));
afterAll(() => process.chdir(before));

test('one’s own model file is run from anywhere in the project', async () => {
  for (const folder of [scratch('elsewhere/run'), join(project, 'run'), undefined]) {
    await assertTrusted(join(project, 'own.ts'), 'run', folder);
  }
  await assertTrusted('cae', 'run', scratch('elsewhere/run'));
  await assertTrusted('../own.ts', 'options.yaml'); // the project's own options
});

const inProject = join(project, 'run');
const elsewhere = scratch('elsewhere/run');
test.each([
  ['outside', scratch('elsewhere/evil.ts'), inProject, 'outside'],
  ['in the run folder, outside', scratch('elsewhere/run/evil.ts'), elsewhere, 'came with it'],
  ['in the run folder, in the project', join(project, 'run/brought.ts'), inProject, 'came with it'],
  ['in the run folder, through a link', join(project, 'run/brought.ts'), scratch('project-link/run'), 'came with it'],
  ['with a relative path', '../own.ts', inProject, 'came with it'],
  ['by a path to any working folder', '/proc/self/cwd/../own.ts', inProject, 'outside'],
  ['that is a link to elsewhere', join(project, 'link.ts'), inProject, 'outside'],
])('a model file %s is refused', async (_, spec, folder, reason) => {
  expectFacts(await inputErrorOf(assertTrusted(spec, 'some/run', folder)), 'some/run', spec, reason, '--trust');
});

test('options in the working folder are the project’s', () => {
  expect(foreignFolder('options.yaml')).toBeUndefined();
  expect(foreignFolder('../options.yaml')).toBeUndefined();
  expect(foreignFolder('../run/recipe.yaml')).toBe(join(project, 'run'));
});
