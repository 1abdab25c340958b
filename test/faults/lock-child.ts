/**
 * A process that takes a lock: `hold LOCK` prints `held` and waits; `race LOCK MARKER` takes it once for each line of stdin,
 * and prints `alone`, or `double` where another process held it too.
 */
import { rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '../../pipeline/io/errors.ts';
import { tryAcquireLock } from '../../pipeline/io/lock.ts';

const [mode, lock = '', marker = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  if (mode === 'hold') {
    await take();
    console.log('held');
    return sleep(60_000);
  }
  for await (const _ of createInterface(process.stdin)) console.log(await takeOnce());
}

/** Without the pause after which `acquireLock` gives up. */
async function take() {
  const release = await tryAcquireLock(lock, `process ${process.pid} on x\n`);
  if (!release) throw new InputError('it is in use');
  return release;
}

async function takeOnce(): Promise<'alone' | 'double'> {
  for (;;) {
    try {
      const release = await take();
      const alone = await writeFile(marker, '', { flag: 'wx' }).then(
        () => true,
        () => false,
      );
      if (alone) await rm(marker);
      await release();
      return alone ? 'alone' : 'double';
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
}

void main();
