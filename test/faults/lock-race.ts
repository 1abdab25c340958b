/**
 * Lets processes take a lock at the same time, over and over, beside the file of a lock whose process is dead.
 * As a program: `npx tsx test/faults/lock-race.ts [--processes 6] [--rounds 500]`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from './compile.ts';

/** @returns how often a process took the lock, and how often another held it at the same time */
export async function lockRace({ processes, rounds }: { processes: number; rounds: number }) {
  const folder = mkdtempSync(join(tmpdir(), 'convae-lock-'));
  const [lock, marker] = [join(folder, 'lock'), join(folder, 'marker')];
  const script = await compile(new URL('lock-child.ts', import.meta.url), join(folder, 'program'));
  const start = () => spawn(process.execPath, [script, 'race', lock, marker]);
  const children = Array.from({ length: processes }, () => {
    const child = start();
    child.stderr.pipe(process.stderr);
    return { child, answers: createInterface(child.stdout)[Symbol.asyncIterator]() };
  });
  const dead = JSON.stringify({ pid: spawnSync('true').pid, place: 'here', born: '1', token: 'old' });
  const result = { taken: 0, double: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      writeFileSync(lock, dead);
      rmSync(marker, { force: true });
      for (const { child } of children) child.stdin.write('take\n');
      for (const { answers } of children) {
        const { value } = (await answers.next()) as { value?: string };
        if (value === undefined) throw new Error('a process has ended');
        result.taken++;
        if (value === 'double') result.double++;
      }
    }
  } finally {
    await Promise.all(children.map(({ child }) => ended(child)));
    rmSync(folder, { recursive: true });
  }
  return result;
}

function ended(child: ChildProcess): Promise<void> {
  child.stdin?.end();
  return new Promise((resolve) => (child.exitCode === null ? child.once('close', () => resolve()) : resolve()));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { processes: { type: 'string', default: '6' }, rounds: { type: 'string', default: '500' } },
  });
  const [processes, rounds] = [Number(values.processes), Number(values.rounds)];
  const { taken, double } = await lockRace({ processes, rounds });
  console.log(`${processes} processes, ${rounds} rounds: taken ${taken} times, ${double} times by two at once`);
  process.exitCode = double > 0 ? 1 : 0;
}
