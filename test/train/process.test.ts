import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { startTraining } from './processes.ts';
import { digestOf } from './run-digest.ts';
import { never, stripeSplits, tinyOptions } from './tiny.ts';

const newRun = () => join(temporaryFolder(), 'run');
const runToEnd = async (run: string, ...args: string[]) => startTraining([run, ...args]).end;
/** What a run that nothing disturbs is, trained in this process. */
async function digestWithout(epochs: number): Promise<string[]> {
  const run = newRun();
  await trainOn(stripeSplits(), tinyOptions(run, { batchSize: 8, epochs }), never);
  return digestOf(run);
}

test('SIGINT and SIGTERM save, exit with 130, and the run can be resumed', async () => {
  const run = newRun();
  const args = ['--epochs', '40', '--checkpoint-steps', '1000000'];
  let before = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const training = startTraining([run, ...args]);
    await training.printed('training');
    await new Promise((resolve) => setTimeout(resolve, 60));
    training.process.kill(signal);
    const { code, stderr } = await training.end;
    expect([code, stderr]).toEqual([
      130,
      expect.stringMatching(/^interrupted after step \d+, in epoch \d+ of 40; .*latest.*--resume\n$/),
    ]);
    const step = (await readRun(run, 'latest'))?.state.position.step ?? 0;
    expect(stderr).toContain(`after step ${step},`);
    expect(step).toBeGreaterThanOrEqual(before); // the signal may come before another step
    before = step;
    expect(readdirSync(run)).not.toContain('lock');
  }
  await runToEnd(run, ...args);
  expect(digestOf(run)).toEqual(await digestWithout(40));
}, 60_000);

test('two processes do not train into one folder', async () => {
  const run = newRun();
  const first = startTraining([run, '--epochs', '100000']);
  await first.printed('training');
  const { code, stderr } = await runToEnd(run);
  first.process.kill('SIGINT');
  expect([code, stderr]).toEqual([2, expect.stringMatching(new RegExp(`run .*process ${first.process.pid} `))]);
  expect((await first.end).code).toBe(130);
}, 60_000);

/** A separate file system, or the reason why there is none. */
function mount(options: string): string | { reason: string } {
  const folder = join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    return {
      reason: `skipped: no tmpfs can be mounted here (${error instanceof Error ? error.message.split('\n')[0] : error})`,
    };
  }
  onTestFinished(() => void execFileSync('umount', [folder]));
  return folder;
}

test('on a full disk it exits with 3 and one line; the previous checkpoint is complete and nothing partial stays', async () => {
  const disk = mount('size=1m');
  if (typeof disk !== 'string') return console.log(disk.reason);
  const run = join(disk, 'run');
  expect((await runToEnd(run, '--epochs', '1')).code).toBe(0);
  const { position } = (await readRun(run, 'latest'))?.state ?? {};
  const freeBlocks = () => Number(execFileSync('stat', ['-f', '-c', '%a', disk], { encoding: 'utf8' }));
  writeFileSync(join(disk, 'ballast'), new Uint8Array((freeBlocks() - 6) * 4096)); // a checkpoint takes more than 6
  const { code, stderr } = await runToEnd(run, '--epochs', '2');
  expect([code, stderr]).toEqual([3, expect.stringMatching(/^[^\n]*disk is full[^\n]*\n$/)]);
  expect((await readRun(run, 'latest'))?.state.position).toEqual(position);
  expect(readdirSync(join(run, 'checkpoints'))).toEqual(['epoch-001']);
  expect(readdirSync(run)).not.toContain('lock');

  execFileSync('rm', [join(disk, 'ballast')]);
  expect((await runToEnd(run, '--epochs', '2')).code).toBe(0);
  expect(digestOf(run)).toEqual(await digestWithout(2));
}, 60_000);

test('on a read-only disk it exits with 3 and one line', async () => {
  const disk = mount('size=1m,ro');
  if (typeof disk !== 'string') return console.log(disk.reason);
  const run = join(disk, 'run');
  const { code, stderr } = await runToEnd(run);
  expect([code, stderr]).toEqual([3, expect.stringMatching(/^[^\n]*read-only[^\n]*\n$/)]);
  expect(stderr).toContain(run);
  expect(existsSync(run)).toBe(false);
}, 30_000);
