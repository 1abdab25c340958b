import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { dataOptionsOf } from '../../pipeline/commands/options.ts';
import { call } from './call.ts';

test('the data options among the arguments of a command', () => {
  const signal = new AbortController().signal;
  const args = { size: { height: 64, width: 96 }, maxSkipped: 0, strict: false, data: 'photos', epochs: 3 };
  expect(dataOptionsOf(args, { signal })).toEqual({
    size: { height: 64, width: 96 },
    maxSkipped: 0,
    strict: false,
    signal,
  });
});

test.each([
  ['train cae --size big', '--size big'],
  ['train cae --size 64x', '--size 64x'],
  ['train cae --background pink', '--background pink'],
  ['train cae --fit crop', '--fit "crop"'],
  ['train cae --range=1', '--range 1'],
  ['train cae --val-split 1', '--val-split 1'],
  ['train cae --max-skipped 2', '--max-skipped 2'],
  ['encode nowhere --data mnist --out x.npy --size 64', 'size'],
])('convae %s: one line, exit code 2', async (line, says) => {
  const { code, stderr } = await call(line.split(' '), { cwd: tmpdir() });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^convae: [^\n]+\n$/);
  expect(stderr).toContain(says);
});
