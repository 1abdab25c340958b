import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { core } from 'zod';
import { encodingInput, encodingPlan, failedShard, runningShard } from '../artifacts/encoding-plan.ts';
import { skippedImage } from '../artifacts/image-index.ts';
import { parseSealed } from '../artifacts/json.ts';
import { writtenLine } from '../artifacts/metrics.ts';
import { runPaths } from '../artifacts/run-files.ts';
import { shardPaths } from '../encode/shard-files.ts';
import { isSealed } from '../io/sealed.ts';

const shards = shardPaths('');

/** What is in the JSON files of a plan, by the name of the file or, of its subfolders, of the folder. */
const contents: Readonly<Record<string, core.$ZodType>> = {
  [shards.plan]: encodingPlan,
  [shards.inputs]: encodingInput,
  [shards.skipped]: skippedImage,
  [shards.running]: runningShard,
  [shards.failed]: failedShard,
};

/**
 * What is wrong with a JSON file of a plan, whose lines have checksums.
 * @returns undefined where nothing is; `unknown` where it has none, as those of earlier versions, or is no such file
 */
export async function planDamage(path: string): Promise<string | undefined> {
  const schema = contents[basename(path)] ?? contents[basename(dirname(path))];
  if (!schema || !/\.jsonl?$/.test(path)) return 'unknown';
  const text = await readFile(path, 'utf8');
  return linesDamage(path.endsWith('l') ? text : `${text}\n`, schema);
}

/** As `planDamage`, of a run's metrics or the last lines of them. An unfinished line is no damage. */
export function metricsDamage(text: string): string | undefined {
  const end = text.lastIndexOf('\n') + 1;
  return isSealed(text.slice(end, -1)) ? 'its last line is damaged' : linesDamage(text.slice(0, end), writtenLine);
}

export const isMetrics = (path: string): boolean => basename(path) === basename(runPaths('').metrics);

function linesDamage(text: string, schema: core.$ZodType): string | undefined {
  const lines = text.split('\n');
  if (lines.pop() !== '') return 'its last line is damaged';
  let all = true;
  for (const [i, line] of lines.entries()) {
    try {
      parseSealed(schema, line, Error);
    } catch {
      return `line ${i + 1} is damaged`;
    }
    all &&= isSealed(line);
  }
  return all ? undefined : 'unknown';
}
