import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { InputError } from '../../pipeline/io/errors.ts';
import { acquireLock } from '../../pipeline/io/lock.ts';
import { compile } from '../faults/compile.ts';
import { lockRace } from '../faults/lock-race.ts';
import { temporaryFolder } from '../train/folders.ts';

const newLock = () => join(temporaryFolder(), 'lock');

test('a held lock is refused with the name of its holder until it is released', async () => {
  const path = newLock();
  const release = await acquireLock(path, 'runs/x');
  const refusal = acquireLock(path, 'runs/x');
  await expect(refusal).rejects.toThrow(InputError);
  await expect(refusal).rejects.toThrow(`runs/x is in use by process ${process.pid} on `);
  await release();
  expect(existsSync(path)).toBe(false);
  await (await acquireLock(path, 'runs/x'))();
  expect(readdirSync(join(path, '..'))).toEqual([]);
});

test.each(['', '{"pid":1,"place":"elsewhere","born":"1","token":"old"}', '\0'.repeat(5000)])(
  'a lock file that nobody holds is in nobody’s way, whatever is in it and whenever it was written',
  async (text) => {
    const path = newLock();
    writeFileSync(path, text);
    const future = Date.now() / 1000 + 1e6;
    utimesSync(path, future, future);
    const release = await acquireLock(path, 'x');
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^process ${process.pid} on \\S+\\n$`));
    await release();
    expect(existsSync(path)).toBe(false);
  },
);

test('of many concurrent attempts exactly one succeeds, without a lock file and with one that was left', async () => {
  for (const left of [false, true]) {
    const path = newLock();
    if (left) writeFileSync(path, 'process 1 on another machine\n');
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(path, 'x')));
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect(readdirSync(join(path, '..'))).toEqual(['lock']);
  }
});

test('anything else at the path of the lock is refused: a link, also one that leads nowhere, and a folder', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), 'text');
  mkdirSync(join(folder, 'folder'));
  for (const target of ['nowhere', 'file']) {
    const link = join(folder, `link-to-${target}`);
    symlinkSync(target, link);
    await expect(acquireLock(link, 'x')).rejects.toThrow(InputError);
  }
  await expect(acquireLock(join(folder, 'folder'), 'x')).rejects.toThrow(InputError);
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('text');
  expect(existsSync(join(folder, 'nowhere'))).toBe(false);
});

test('a lock whose file was replaced does not remove the other file', async () => {
  const path = newLock();
  const release = await acquireLock(path, 'x');
  writeFileSync(`${path}.new`, 'of another');
  renameSync(`${path}.new`, path);
  await release();
  expect(readFileSync(path, 'utf8')).toBe('of another');
});

/** Starts a process that holds a lock, below a process that never waits for it. */
async function holder(path: string): Promise<number> {
  const script = await compile(new URL('../faults/lock-child.ts', import.meta.url), temporaryFolder());
  const child = spawn('sh', ['-c', '"$0" "$1" hold "$2" & echo $!; exec sleep 30', process.execPath, script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface(child.stdout);
  const [pid] = (await once(lines, 'line')) as [string];
  const [held] = (await once(lines, 'line')) as [string];
  expect(held).toBe('held');
  return Number(pid);
}

test.runIf(process.platform === 'linux')('a killed process holds no lock, even while it is a zombie', async () => {
  const path = newLock();
  const pid = await holder(path);
  onTestFinished(() => void spawn('kill', ['-9', String(pid)]));
  await expect(acquireLock(path, 'x')).rejects.toThrow(`x is in use by process ${pid} on `);
  process.kill(pid, 'SIGKILL');
  const isZombie = () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (!isZombie()) await new Promise((resolve) => setTimeout(resolve, 5));
  await (await acquireLock(path, 'x'))();
  expect(isZombie()).toBe(true);
});

test('of 6 processes that take a lock in turn, and find that of a dead one, two never hold it at once', async () => {
  expect(await lockRace({ processes: 6, rounds: 50 })).toEqual({ taken: 300, double: 0 });
});
