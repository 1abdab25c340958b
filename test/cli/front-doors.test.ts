import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scratchFolder } from '../data/support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = scratchFolder();
const env = { ...process.env, MAKEFLAGS: '' }; // not those of the make that runs the tests

test('make without a target lists every target', () => {
  const targets = /^\.PHONY: (.*)$/m.exec(readFileSync(`${root}/Makefile`, 'utf8'))?.[1]?.split(' ') ?? [];
  const help = execFileSync('make', ['--no-print-directory'], { cwd: root, env, encoding: 'utf8' });
  expect(targets).toContain('train');
  for (const target of targets) expect(help).toMatch(new RegExp(`^ {2}${target} +\\S`, 'm'));
});

test('make passes its variables on', () => {
  const make = (...args: string[]) => {
    const dry = ['--no-print-directory', '-n', '-o', 'node_modules/.package-lock.json', ...args];
    return execFileSync('make', dry, { cwd: root, env, encoding: 'utf8' }).replace(/ +$/gm, '').trim().split('\n');
  };
  expect(make('train', 'export', 'encode')).toEqual([
    "npx convae train cae --data 'mnist' --run 'runs/cae' --resume",
    "npx convae export 'runs/cae' --out 'exported/cae'",
    "npx convae encode 'exported/cae' --data 'mnist' --out 'latents/cae.parquet'",
  ]);
  expect(make('train', 'evaluate', 'RUN=/tmp/a', 'DATA=my photos', 'EPOCHS=2', 'SEED=3', 'ENGINE=tfjs-cpu')).toEqual([
    "npx convae train cae --data 'my photos' --run '/tmp/a' --resume --epochs 2 --seed 3 --engine tfjs-cpu",
    "npx convae evaluate 'exported/a' --data 'my photos'",
  ]);
});

test('a checkout runs its source even when built; the package runs compiled code', () => {
  const files = {
    'package.json': '{ "type": "module" }',
    'tsconfig.json': '{}',
    'pipeline/cli.ts': "console.log('source' satisfies string);",
    'dist/pipeline/cli.js': "console.log('built');",
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(scratch(name)), { recursive: true });
    writeFileSync(scratch(name), content);
  }
  cpSync(`${root}/bin`, scratch('bin'), { recursive: true });
  const convae = () => spawnSync(process.execPath, [scratch('bin/convae.cjs')], { encoding: 'utf8' });
  expect(convae()).toMatchObject({ status: 3, stderr: expect.stringMatching(/^convae: .* `npm ci` in [^\n]+\n$/) });
  symlinkSync(`${root}/node_modules`, scratch('node_modules'));
  expect(convae()).toMatchObject({ status: 0, stdout: 'source\n' });
  rmSync(scratch('pipeline'), { recursive: true });
  expect(convae()).toMatchObject({ status: 0, stdout: 'built\n' });
});

const result = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});
const counts = { numPassedTests: 4, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };

test.each([
  ['all pass', { ...counts, testResults: [result('passed', 'passed')] }, 0, '4 passed, 0 failed'],
  ['some are skipped', { ...counts, numPendingTests: 2, testResults: [] }, 0, '4 passed, 0 failed, 2 skipped'],
  ['one fails', { ...counts, numFailedTests: 1, testResults: [result('failed', 'failed')] }, 1, '4 passed, 1 failed'],
  ['a file does not load', { ...counts, testResults: [result('failed')] }, 1, '4 passed, 1 failed'],
  ['there is no report', undefined, 1, '0 passed, 1 failed'],
])('the last line of CI: %s', (name, report, code, line) => {
  const file = scratch(`${name}.json`);
  if (report) writeFileSync(file, JSON.stringify(report));
  const { status, stdout } = spawnSync(process.execPath, [`${root}/.ci/summary.mjs`, file], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: code, stdout: `${line}\n` });
});
