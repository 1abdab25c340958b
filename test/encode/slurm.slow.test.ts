import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { repeatedMnist } from '../../bench/encode/repeated-mnist.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { mergeShards } from '../../pipeline/encode/merge-shards.ts';
import { shardStatus } from '../../pipeline/encode/shard-status.ts';
import { compiled } from '../cli/convae.ts';
import { scratchFolder } from '../data/support.ts';
import { noSlurm, startSlurm } from './slurm-cluster.ts';
import { readRows, tinyData } from './support.ts';
import { exportTiny } from './tiny-model.ts';

const SCRIPT = fileURLToPath(new URL('../../deploy/slurm/encode.sh', import.meta.url));
/** A model of MNIST: ten times its images are encoded then, by 16 tasks of which many are killed, in some minutes. */
const MODEL = process.env.CONVAE_SLURM_MODEL;
const [TASKS, KILLS] = MODEL ? [16, 24] : [4, 2];

const reason = noSlurm();
if (reason) console.log(`skipped: encoding by an array of Slurm: ${reason}`);
const scratch = scratchFolder();
const cluster = reason ? undefined : await startSlurm(scratch('slurm'));
afterAll(() => cluster?.stop());

test.runIf(cluster)(
  'an array of Slurm, whose tasks are killed and requeued, gives the bytes of one run',
  { timeout: 1_200_000 },
  async () => {
    if (!cluster) return;
    const { run, tasks, env } = cluster;
    Object.assign(env, { CONVAE: `${process.execPath} ${compiled()}` });
    const exported = MODEL ?? (await exportTiny(scratch('tiny')));
    const data = MODEL ? scratch('mnist') : tinyData(scratch('data'), 120_000);
    if (MODEL) await repeatedMnist(data, 10);
    const out = scratch('out');
    const submit = () => Number(/^job (\d+) encodes/m.exec(run(SCRIPT, exported, data, out, String(TASKS)))?.[1]);
    const state = (task: string) => /JobState=(\w+)/.exec(run('scontrol', 'show', 'job', task))?.[1];

    const job = submit();
    const killed = new Set<string>();
    let kills = 0;
    for (;;) {
      for (const task of killed) {
        const ended = state(task);
        if (ended === 'COMPLETED') {
          killed.delete(task); // it was done before the signal came
          kills--;
        }
        if (ended !== 'FAILED') continue;
        run('scontrol', 'requeue', task);
        run('scontrol', 'update', `JobId=${task}`, 'StartTime=now');
        killed.delete(task);
      }
      const running = tasks('R').filter((task) => task.startsWith(`${job}_`));
      if (running.length + killed.size === 0 && tasks('PD').filter((task) => task.startsWith(`${job}_`)).length === 0)
        break;
      const victim = running[Math.floor(running.length * Math.random())];
      if (victim && kills < KILLS && !killed.has(victim)) {
        run('scancel', '--signal=KILL', '--batch', victim);
        killed.add(victim);
        kills++;
      }
      await sleep(MODEL ? 4000 * Math.random() : 300);
    }
    expect(kills).toBeGreaterThan(0);
    expect(await shardStatus(out)).toMatchObject({ done: TASKS, failed: 0, missing: 0 });

    // The merge was given up when a task failed. Submitted again, all shards are there, and they are merged.
    const partsOf = () =>
      readdirSync(`${out}/parts`)
        .filter((name) => !name.startsWith('.')) // what a killed task was writing
        .map((name) => readFileSync(`${out}/parts/${name}`));
    const files = partsOf();
    submit();
    while (tasks('R,PD').length > 0) await sleep(500);
    expect(partsOf().map((bytes, i) => bytes.equals(files[i] as Buffer))).toEqual(Array(TASKS).fill(true));
    const names = readdirSync(`${out}/latents`).sort();
    expect(names).toHaveLength(TASKS);

    const merged = await mergeShards({ folder: out, single: true });
    const single = scratch('single.parquet');
    const { rows } = await encode({ exported, data, out: single, split: 'all', device: 'cpu', threads: 1 });
    expect(merged.rows).toBe(rows);
    expect(readFileSync(merged.out).equals(readFileSync(single))).toBe(true);
    const last = (await readRows(`${out}/latents/${names.at(-1)}`)).at(-1);
    expect(last?.id).toBe(String(rows - 1));
    console.log(`${kills} kills, each requeued, in an array of ${TASKS}; ${rows} rows`);
  },
);
