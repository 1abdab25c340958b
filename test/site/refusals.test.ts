import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { STAGING } from '../../pipeline/io/staging.ts';
import { buildSite, type SiteOptions } from '../../pipeline/site/site.ts';
import { inputErrorOf, openFiles, scratchFolder } from '../data/support.ts';
import { tinyData } from '../encode/support.ts';
import { changeCard, copyExport, exportTrained, stubApp } from './support.ts';

const scratch = scratchFolder();
for (const folder of ['app', 'out', 'there']) mkdirSync(scratch(folder));
const app = stubApp(scratch('app'));
const data = tinyData(scratch('data'), 60);
const exported = await exportTrained(scratch('exported/tiny'), data);
const outputs = () => readdirSync(scratch('out'));

const building = (options: Partial<SiteOptions> = {}) =>
  buildSite({
    ...{ exported: [exported], out: scratch('out/site'), data: [], split: 'test', device: 'cpu', app },
    ...options,
  });

function copyOf(name: string): string {
  return copyExport(exported, scratch(name));
}

test('refuses models that cannot be shown', async () => {
  expect(await inputErrorOf(building({ exported: [] }))).toBe(
    'there is no exported model to show; make one with `make train export` (or `convae export RUN`)',
  );
  expect(await inputErrorOf(building({ exported: [exported, scratch('nowhere')] }))).toContain(
    'there is no such folder',
  );
  const twin = copyOf('elsewhere/TINY');
  expect(await inputErrorOf(building({ exported: [exported, twin] }))).toBe(
    `${twin}: its name in the site would be TINY, as that of ${exported}; rename one of the folders`,
  );
  const damaged = copyOf('damaged');
  writeFileSync(join(damaged, 'decoder.onnx'), 'no model');
  expect(await inputErrorOf(building({ exported: [damaged] }))).toContain('decoder.onnx: its SHA-256 is not the one');
  expect(outputs()).toEqual([]);
});

test('refuses data that a model was not trained on', async () => {
  const gone = copyOf('gone');
  const dataset = { images: 6, fingerprint: `sha256:${'0'.repeat(64)}` };
  changeCard(gone, { dataset: { name: 'photos', train: dataset, test: dataset } });
  expect(await inputErrorOf(building({ exported: [gone] }))).toBe(
    `${gone}: the 6 test images of photos, which it was trained with, are not found here; give that data set with --data`,
  );
  expect(await inputErrorOf(building({ exported: [gone], data: [data] }))).toContain(`are not in ${data}; give that`);
  expect(await inputErrorOf(building({ data: [scratch('nothing')] }))).toContain('there is no file or folder');
  expect(outputs()).toEqual([]);
});

test('keeps a folder that is no site, and files next to an earlier site', async () => {
  writeFileSync(scratch('there/index.html'), 'my page');
  expect(await inputErrorOf(building({ out: scratch('there') }))).toBe(
    `${scratch('there')}: it is not empty and holds no site that \`convae site\` made; choose another folder or delete it`,
  );
  expect(readFileSync(scratch('there/index.html'), 'utf8')).toBe('my page');

  const out = scratch('replaced');
  await building({ out, exported: [exported, copyOf('second')] });
  writeFileSync(join(out, 'CNAME'), 'example.org');
  writeFileSync(join(out, 'index.html'), 'old');
  await building({ out });
  expect(readdirSync(join(out, 'models')).sort()).toEqual(['index.json', 'tiny']);
  expect(readFileSync(join(out, 'CNAME'), 'utf8')).toBe('example.org');
  expect(readFileSync(join(out, 'index.html'), 'utf8')).toContain('stub');
  mkdirSync(join(out, 'blog'));
  expect(await inputErrorOf(building({ out }))).toContain(
    'there is blog in it, which replacing the folder would delete',
  );
  expect(readdirSync(join(out, 'models')).sort()).toEqual(['index.json', 'tiny']);
});

test('refuses a folder without an app', async () => {
  expect(await inputErrorOf(building({ app: scratch('there/no-app') }))).toContain('there is no index.html in it');
  expect(outputs()).toEqual([]);
});

test.each(['fresh: encoding', 'fresh: codes', 'app', 'images'])(
  'an interrupt at "%s" leaves nothing',
  async (stage) => {
    const [fresh, before] = [copyOf(`${stage}/fresh`), openFiles()];
    const controller = new AbortController();
    const progress = ({ name }: { name: string }) => void (name === stage && controller.abort());
    const failure = building({ exported: [fresh], signal: controller.signal, progress });
    await expect(failure).rejects.toThrow(Interrupted);
    expect(outputs()).toEqual([]);
    expect(readdirSync(fresh).filter((name) => name === STAGING)).toEqual([]);
    expect(openFiles()).toBeLessThanOrEqual(before);
  },
);
