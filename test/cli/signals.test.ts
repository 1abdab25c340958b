import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { TrainSummary } from '../../pipeline/train/epochs.ts';
import { npyBytes } from '../data/formats.ts';
import { scratchFolder } from '../data/support.ts';
import { callJson } from './call.ts';
import { compiled, type Running, start } from './convae.ts';

const scratch = scratchFolder();
const cwd = scratch('cwd');
mkdirSync(cwd);
const pixels = Uint8Array.from({ length: 32 * 144 }, (_, i) => (i * 37) % 256);
writeFileSync(scratch('cwd/images.npy'), npyBytes('|u1', [32, 12, 12], pixels));

const training = 'train cae --data images.npy --latent 2 --width 8 --batch-size 8 --threads 1'.split(' ');
const endless = [...training, '--engine', 'onnx', '--epochs', '100000'];

const noProc = !existsSync('/proc/self/status');

/** Waits until the process has, or no longer has, a handler for a signal (by its number). */
async function handles({ process }: Running, signal: number, whether: boolean): Promise<void> {
  for (;;) {
    const [, caught = '0'] = /^SigCgt:\s*(\w+)/m.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8')) ?? [];
    if (Boolean(BigInt(`0x${caught}`) & (1n << BigInt(signal - 1))) === whether) return;
    await sleep(2);
  }
}

const INTERRUPTS = [
  ['SIGINT', 130],
  ['SIGTERM', 130],
  ['SIGHUP', 129],
] as const;

test.skipIf(noProc).concurrent.each(INTERRUPTS)(
  '%s while the program is loaded: one line and exit code %i',
  async (signal, code) => {
    const running = start(endless, { cwd });
    await handles(running, 1, true); // SIGHUP, which Node alone does not handle: the first line has run
    running.process.kill(signal);
    expect(await running.end).toEqual({ code, stdout: '', stderr: 'convae: interrupted\n' });
  },
);

test('a closed terminal: the run is saved and can be resumed', { timeout: 60_000 }, async () => {
  const running = start([...endless, '--run', 'runs/hup'], { cwd });
  await running.said(/^epoch 1\//m);
  running.process.stderr?.destroy();
  running.process.kill('SIGHUP');
  expect(await running.end).toMatchObject({ code: 129, stdout: '' });
  expect(readdirSync(scratch('cwd/runs/hup'))).toContain('latest');
  expect(readdirSync(scratch('cwd/runs/hup'))).not.toContain('lock');
});

/** Starts its arguments on a terminal, which it closes when they have written `epoch`, and prints how they end. */
const HANG_UP = `
import os, pty, sys
child, terminal = pty.fork()
if child == 0: os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while b'epoch 1/' not in seen: seen += os.read(terminal, 4096)
os.close(terminal)
_, status = os.waitpid(child, 0)
print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
`;
const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0;

test.skipIf(!hasPython)('a terminal that goes away (skipped without python3)', { timeout: 60_000 }, () => {
  const command = [process.execPath, compiled(), ...endless, '--run', 'runs/gone'];
  const { stdout, stderr } = spawnSync('python3', ['-c', HANG_UP, ...command], { cwd, encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '-1\n', stderr: '' }); // ended by SIGHUP: 129 in a shell
  expect(readdirSync(scratch('cwd/runs/gone'))).toContain('latest');
  expect(readdirSync(scratch('cwd/runs/gone'))).not.toContain('lock');
});

test.skipIf(noProc)('a second SIGINT ends the process although it computes', { timeout: 60_000 }, async () => {
  writeFileSync(
    scratch('block.mjs'),
    `import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
const { rename } = fs;
fs.rename = (from, to) => {
  if (String(to).includes('step-')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40_000);
  return rename(from, to);
};
syncBuiltinESMExports();`,
  );
  const env = { NODE_OPTIONS: `--import=${scratch('block.mjs')}` };
  const running = start([...endless, '--run', 'runs/twice'], { cwd, env });
  await running.said(/^epoch 1\//m);
  running.process.kill('SIGINT');
  await handles(running, 2, false);
  running.process.kill('SIGINT');
  await running.end;
  expect([running.process.exitCode, running.process.signalCode]).toEqual([null, 'SIGINT']); // 130 in a shell
});

test('nobody reads stderr: training goes on and leaves no lock', { timeout: 60_000 }, async () => {
  const running = start([...training, '--engine', 'onnx', '--epochs', '1', '--run', 'runs/mute'], { cwd });
  running.process.stderr?.destroy();
  expect(await running.end).toMatchObject({ code: 0, stdout: expect.stringMatching(/^epochs +1$/m) });
  expect(readdirSync(scratch('cwd/runs/mute'))).not.toContain('lock');
  const again = await callJson<TrainSummary>([...training, '--epochs', '1', '--resume', '--run', 'runs/mute'], {
    cwd,
  });
  expect(again).toMatchObject({ epochs: 1 });
});

test.skipIf(!existsSync('/dev/full')).concurrent.each([
  [['models'], 3, /^convae: cannot write to stdout: the disk is full[^\n]*\n$/],
  [['--help'], 3, /^convae: cannot write to stdout: the disk is full[^\n]*\n$/],
] as const)('%j into a full disk', async (args, code, says) => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [compiled(), ...args], { cwd, stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  const [stderr] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'close')]);
  expect(child.exitCode).toBe(code);
  expect(stderr).toMatch(says);
});

test.skipIf(!existsSync('/dev/full')).concurrent('an error that cannot be printed keeps its exit code', async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [compiled(), 'export', 'nowhere'], { cwd, stdio: ['ignore', 'pipe', full] });
  closeSync(full);
  await once(child, 'close');
  expect(child.exitCode).toBe(2);
});
