import { InputError } from '../io/errors.ts';

/** Variables in which schedulers say the index of a task, from 0 on. */
const INDEX_VARIABLES = ['SLURM_ARRAY_TASK_ID', 'JOB_COMPLETION_INDEX', 'AWS_BATCH_JOB_ARRAY_INDEX'] as const;

/** Which shards of how many. */
export type ShardChoice = (shards: number) => readonly number[];

const INTEGER = /^(0|[1-9]\d*)$/;

/**
 * One shard, `--shard`.
 * @param text a number from 0 on, or `auto`: that of the array task that a scheduler runs
 * @throws InputError when it is no number, or there is no such shard (the choice)
 */
export function oneShard(text: string, env: NodeJS.ProcessEnv = process.env): ShardChoice {
  const variable = text === 'auto' ? INDEX_VARIABLES.find((name) => env[name] !== undefined) : undefined;
  if (text === 'auto' && !variable) {
    throw new InputError(`--shard auto: none of ${INDEX_VARIABLES.join(', ')} is set; give a number from 0 on`);
  }
  const value = variable ? (env[variable] as string) : text;
  const name = variable ? `${variable}=${value}` : `--shard ${value}`;
  if (!INTEGER.test(value)) throw new InputError(`${name}: expected a number from 0 on`);
  return (shards) => {
    if (Number(value) < shards) return [Number(value)];
    throw new InputError(
      `${name}: the plan has the shards 0 to ${shards - 1}; start ${shards} tasks, as in --array=0-${shards - 1}`,
    );
  };
}

/**
 * A machine's share, `--shards-of`.
 * @param text `2/8`: of machines 0 to 7, the third; it takes every eighth shard
 * @throws InputError when it is none
 */
export function shareOfShards(text: string): ShardChoice {
  const [, machine, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (machine === undefined || Number(machine) >= Number(count)) {
    throw new InputError(`--shards-of ${text}: expected MACHINE/COUNT, with machines from 0 on: 0/8 to 7/8`);
  }
  return (shards) =>
    Array.from({ length: shards }, (_, shard) => shard).filter((shard) => shard % Number(count) === Number(machine));
}

/** The shard of the array task that a scheduler runs; undefined outside of one. @throws InputError as `oneShard` */
export const shardOfTask = (env: NodeJS.ProcessEnv = process.env): ShardChoice | undefined =>
  INDEX_VARIABLES.some((name) => env[name] !== undefined) ? oneShard('auto', env) : undefined;
