import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readCard } from '../../pipeline/artifacts/exported.ts';
import type { Site } from '../../pipeline/site/site.ts';
import { call, callJson } from '../cli/call.ts';
import { start } from '../cli/convae.ts';
import { scratchFolder } from '../data/support.ts';
import { tinyData } from '../encode/support.ts';
import { changeCard, exportTrained, stubApp } from './support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = scratchFolder();
const cwd = scratch('cwd');
mkdirSync(scratch('cwd/app'), { recursive: true });
stubApp(scratch('cwd/app'));
const data = [tinyData(scratch('cwd/one'), 60), tinyData(scratch('cwd/two'), 80)] as const;
for (const [name, spec] of [
  ['a', data[0]],
  ['b', data[1]],
  ['c', data[0]],
] as const) {
  const folder = await exportTrained(scratch(`cwd/exported/${name}`), spec);
  const { dataset } = await readCard(folder);
  changeCard(folder, { dataset: { ...dataset, name: 'moved' } });
}
const quick = ['--app', 'app', '--device', 'cpu'];

test('uses all given models and data', async () => {
  const args = [
    'site',
    'exported/a',
    '--data',
    data[0],
    'exported/b',
    '--out',
    'both',
    '--data',
    data[1],
    'exported/c/',
  ];
  const site = await callJson<Site>([...args, '--split', 'all', ...quick], { cwd });
  expect(site.out).toBe('both');
  expect(site.models.map(({ name, points }) => [name, points])).toEqual([
    ['a', 60],
    ['b', 80],
    ['c', 60],
  ]);
});

test('serves the finished site until an interrupt', async () => {
  const folder = await exportTrained(scratch('cwd/exported/served'), data[0]);
  const running = start(['site', folder, '--out', 'served', '--serve', '--port', '0', ...quick], { cwd });
  let said = '';
  running.process.stderr?.on('data', (text: string) => {
    said += text;
  });
  await running.said(/Ctrl-C/);
  const url = /http:\S+/.exec(said)?.[0] ?? '';
  const index = await fetch(new URL('models/index.json', url));
  expect(await index.json()).toEqual({ format: 1, models: [{ name: 'served', folder: 'served' }] });
  running.process.kill('SIGINT');
  const { code, stdout } = await running.end;
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^model +points +map +bytes\nserved +6 +latents +[\d.]+ kB\nserved: [\d.]+ kB in [\d.]+ s, for any static host\n$/,
  );
});

test.each([
  [['--out', 'none'], 'there is no exported model to show; make one with `make train export`'],
  [['exported/a'], 'Missing required argument: out (see `convae site --help`)'],
] as const)('convae site %j: one line, exit code 2', async (args, says) => {
  const { code, stdout, stderr } = await call(['site', ...args], { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^convae: [^\n]+\n$/);
  expect(stderr).toContain(says);
  expect(existsSync(scratch('cwd/none'))).toBe(false);
});

test('make viewer shows all exported models, cvae first', () => {
  const make = (folder: string) => {
    const dry = ['--no-print-directory', '-n', '-o', 'node_modules/.package-lock.json', '-f', `${root}/Makefile`];
    const env = { ...process.env, MAKEFLAGS: '' };
    return execFileSync('make', [...dry, 'viewer'], { cwd: folder, env, encoding: 'utf8' }).trim();
  };
  mkdirSync(scratch('made/exported/later'), { recursive: true });
  expect(make(scratch('made'))).toBe("npx convae site  --data 'mnist' --out web-viewer/dist");
  for (const name of ['cvae', 'cae2']) {
    mkdirSync(scratch(`made/exported/${name}`));
    writeFileSync(scratch(`made/exported/${name}/card.json`), '{}');
  }
  expect(make(scratch('made'))).toBe(
    "npx convae site 'exported/cvae' 'exported/cae2' --data 'mnist' --out web-viewer/dist",
  );
});
