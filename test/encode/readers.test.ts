import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shareOfShards } from '../../pipeline/encode/choose-shards.ts';
import { encodeShards } from '../../pipeline/encode/encode-shards.ts';
import { mergeShards } from '../../pipeline/encode/merge-shards.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { scratchFolder } from '../data/support.ts';
import { labelOf, tinyData } from './support.ts';
import { exportTiny } from './tiny-model.ts';

const scratch = scratchFolder();
/** A Python with duckdb, pandas and pyarrow. */
const PYTHON = process.env.CONVAE_RAY_PYTHON ?? 'python3';
const SCRIPT = `
import sys, json, duckdb, pandas, pyarrow.parquet as pq, glob
folder = sys.argv[1]
rows = duckdb.sql(f"select count(*), count(distinct id), sum(label), sum(len(latent)) from '{folder}/*.parquet'").fetchall()[0]
frame = pandas.read_parquet(folder)
groups = [pq.ParquetFile(path).metadata.row_group(0).num_rows for path in sorted(glob.glob(folder + '/*'))]
print(json.dumps([[int(value) for value in rows], len(frame), list(frame.columns), frame['id'].tolist()[-1], int(frame['label'].sum()), groups]))`;

function hasReaders(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import duckdb, pandas, pyarrow'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(
      `skipped: readers of merged shards: ${PYTHON} has no duckdb, pandas and pyarrow; CONVAE_RAY_PYTHON names another`,
    );
    return false;
  }
}

test.runIf(hasReaders())('DuckDB and pandas read a merged folder as one data set', async () => {
  const exported = await exportTiny(scratch('tiny'));
  const count = 60_000;
  await planShards({
    exported,
    data: tinyData(scratch('data'), count),
    split: 'all',
    out: scratch('out'),
    shards: 2,
    device: 'cpu',
  });
  await encodeShards({ out: scratch('out'), choose: shareOfShards('0/1'), device: 'cpu' });
  const { out } = await mergeShards({ folder: scratch('out'), single: false });
  const labels = Array.from({ length: count }, (_, i) => labelOf(i)).reduce((a, b) => a + b);
  expect(JSON.parse(execFileSync(PYTHON, ['-c', SCRIPT, out], { encoding: 'utf8' }))).toEqual([
    [count, count, labels, 2 * count],
    count,
    ['id', 'label', 'class', 'latent', 'error'],
    String(count - 1),
    labels,
    [25_000, 25_000],
  ]);
});
