import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encode } from '../../pipeline/encode/encode.ts';
import { mergeShards } from '../../pipeline/encode/merge-shards.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { shardStatus } from '../../pipeline/encode/shard-status.ts';
import { start } from '../cli/convae.ts';
import { scratchFolder } from '../data/support.ts';
import { tinyData } from './support.ts';
import { exportTiny } from './tiny-model.ts';

const scratch = scratchFolder();
/** Processes that are killed; CONVAE_KILLS=200 takes some minutes. */
const KILLS = Number(process.env.CONVAE_KILLS ?? 3);
/** Processes that encode at the same time. */
const TASKS = 2;
const SHARD = 2000;

test(`after ${KILLS} kills at random, each row is there once`, { timeout: 60_000 + 10_000 * KILLS }, async () => {
  const exported = await exportTiny(scratch('tiny'));
  const shards = 5 + 2 * KILLS;
  const data = tinyData(scratch('data'), shards * SHARD);
  const out = scratch('out');
  await planShards({ exported, data, split: 'all', out, shards, device: 'cpu' });

  // All tasks encode the same shards. One that has ended is started again, as a scheduler does.
  const filesIn = (folder: string) =>
    existsSync(`${out}/${folder}`) ? readdirSync(`${out}/${folder}`).filter((name) => !name.startsWith('.')) : [];
  let killed = 0;
  const task = async (): Promise<void> => {
    while (killed < KILLS) {
      const earlier = new Set(filesIn('running'));
      const args = ['encode', '--out', out, '--shards-of', '0/1', '--threads', '1', '--quiet'];
      const running = start(args, { cwd: scratch('') });
      let code: number | null | undefined;
      const ended = running.end.then((end) => {
        code = end.code;
      });
      while (code === undefined && filesIn('running').every((name) => earlier.has(name))) await sleep(20);
      await sleep(1000 * Math.random());
      if (code === undefined && running.process.kill('SIGKILL')) killed++;
      await ended;
      expect([0, null]).toContain(code);
      if (code === 0) return;
    }
  };
  await Promise.all(Array.from({ length: TASKS }, task));
  const before = filesIn('parts').length;
  const last = start(['encode', '--out', out, '--shards-of', '0/1', '--quiet'], { cwd: scratch('') });
  expect(await last.end).toMatchObject({ code: 0, stderr: '' });
  console.log(`${killed} kills, ${before} of ${shards} shards were encoded before the last process`);

  expect(await shardStatus(out)).toMatchObject({ done: shards, failed: 0, missing: 0 });
  const merged = await mergeShards({ folder: out, single: true });
  expect(merged.rows).toBe(shards * SHARD);
  const single = scratch('single.parquet');
  await encode({ exported, data, out: single, split: 'all', device: 'cpu' });
  expect(readFileSync(merged.out).equals(readFileSync(single))).toBe(true);
});
