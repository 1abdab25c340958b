import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { InputError } from '../../pipeline/io/errors.ts';
import { acquireLock } from '../../pipeline/io/lock.ts';
import { temporaryFolder } from '../train/folders.ts';

const newLock = () => join(temporaryFolder(), 'lock');
const holder = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

test('a held lock is refused with the name of its holder until it is released', async () => {
  const path = newLock();
  const release = await acquireLock(path, 'runs/x');
  const refusal = acquireLock(path, 'runs/x');
  await expect(refusal).rejects.toThrow(InputError);
  await expect(refusal).rejects.toThrow(`runs/x is in use by process ${process.pid} (`);
  await release();
  expect(existsSync(path)).toBe(false);
  await (await acquireLock(path, 'runs/x'))();
  expect(readdirSync(join(path, '..'))).toEqual([]);
});

test('of many concurrent attempts exactly one succeeds, without a lock file and with a stale one', async () => {
  for (const stale of [false, true]) {
    const path = newLock();
    if (stale)
      writeFileSync(
        path,
        JSON.stringify({ pid: await deadProcess(), place: await placeHere(), born: '1', token: 'old' }),
      );
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(path, 'x')));
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect(readdirSync(join(path, '..'))).toEqual(['lock']);
  }
});

async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'close');
  return child.pid as number;
}

async function placeHere(): Promise<string> {
  const path = newLock();
  const release = await acquireLock(path, 'x');
  const { place } = holder(path);
  await release();
  return place;
}

test('the lock of a dead process is taken over', async () => {
  const path = newLock();
  writeFileSync(path, JSON.stringify({ pid: await deadProcess(), place: await placeHere(), born: '1', token: 'old' }));
  const release = await acquireLock(path, 'x');
  expect(holder(path).pid).toBe(process.pid);
  await release();
});

test.runIf(process.platform === 'linux')(
  'so is a lock whose process number now belongs to another process',
  async () => {
    const path = newLock();
    writeFileSync(path, JSON.stringify({ pid: process.pid, place: await placeHere(), born: '1', token: 'old' }));
    const release = await acquireLock(path, 'x');
    expect(holder(path).token).not.toBe('old');
    await release();
  },
);

test('a lock from another machine is honoured while it shows signs of life', async () => {
  const path = newLock();
  writeFileSync(path, JSON.stringify({ pid: 1, place: 'elsewhere', born: '1', token: 'old' }));
  await expect(acquireLock(path, 'x')).rejects.toThrow(
    'x is in use by process 1 (elsewhere, last sign of life 0 s ago)',
  );
  const longAgo = Date.now() / 1000 - 61;
  utimesSync(path, longAgo, longAgo);
  await (await acquireLock(path, 'x'))();
});

test('an empty lock file, left by a process killed while writing it, delays others only briefly', async () => {
  const path = newLock();
  writeFileSync(path, '');
  const began = performance.now();
  await (await acquireLock(path, 'x'))();
  expect(performance.now() - began).toBeLessThan(4000);
});

test('a lock that another process has taken over is not released by the first', async () => {
  const path = newLock();
  const release = await acquireLock(path, 'x');
  writeFileSync(path, JSON.stringify({ pid: 1, place: 'elsewhere', born: '1', token: 'other' }));
  await release();
  expect(holder(path).token).toBe('other');
});
