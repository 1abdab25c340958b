import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { oneShard, shardOfTask, shareOfShards } from '../../pipeline/encode/choose-shards.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { call } from '../cli/call.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';
import { tinyData } from './support.ts';
import { exportTiny } from './tiny-model.ts';

const scratch = scratchFolder();

test('which shards: by number, by the variables of schedulers, by machine', async () => {
  expect(oneShard('3')(4)).toEqual([3]);
  for (const name of ['SLURM_ARRAY_TASK_ID', 'JOB_COMPLETION_INDEX', 'AWS_BATCH_JOB_ARRAY_INDEX']) {
    expect(oneShard('auto', { [name]: '2' })(4)).toEqual([2]);
    expect(shardOfTask({ [name]: '0' })?.(4)).toEqual([0]);
  }
  expect(shardOfTask({})).toBeUndefined();
  expect([0, 1, 2].flatMap((machine) => shareOfShards(`${machine}/3`)(8)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  const refused = async (work: () => unknown) => inputErrorOf(Promise.resolve().then(work));
  expectFacts(await refused(() => oneShard('4')(4)), '--shard 4', '0 to 3');
  expectFacts(
    await refused(() => oneShard('auto', { SLURM_ARRAY_TASK_ID: '16' })(16)),
    'SLURM_ARRAY_TASK_ID=16',
    '0 to 15',
  );
  for (const text of ['-1', '1.5', 'x', '', '01']) expectFacts(await refused(() => oneShard(text)), '--shard');
  for (const text of ['3/3', '1', '0/0', 'a/b', '-1/2'])
    expectFacts(await refused(() => shareOfShards(text)), '--shards-of');
  expectFacts(await refused(() => oneShard('auto', {})), 'SLURM_ARRAY_TASK_ID', 'JOB_COMPLETION_INDEX');
});

test('an option that the plan decides is refused with a shard', async () => {
  const [exported, out] = [await exportTiny(scratch('tiny')), scratch('decided')];
  await planShards({ exported, data: tinyData(scratch('data'), 6), out, shards: 3, split: 'all', device: 'cpu' });
  for (const mode of [
    ['--out', out, '--shard', '0'],
    ['--out', out, '--shards-of', '0/1'],
    ['--merge', out],
    ['--status', out],
  ])
    for (const option of [
      '--data=x',
      '--split=test',
      '--label=x',
      '--error',
      '--no-error',
      '--max-skipped=0.5',
      '--strict',
    ]) {
      const { code, stderr } = await call(['encode', ...mode, option, '--quiet'], { cwd: scratch('') });
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${option.replace(/=.*/, '')}: `)]);
    }
  expect(readdirSync(out).sort()).toEqual(['inputs.jsonl', 'plan.json']);
  expect((await call(['encode', '--out', out, '--shard', '0', '--quiet'], { cwd: scratch('') })).code).toBe(0);
});
