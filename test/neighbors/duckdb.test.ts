import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { call } from '../cli/call.ts';
import { scratchFolder } from '../data/support.ts';
import { readRows, tinyData } from '../encode/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';

const scratch = scratchFolder();

test("DuckDB runs the README's query on the latents that encode writes", async () => {
  const query = /```sql\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))?.[1] ?? '';
  const exported = await exportTiny(scratch('model'));
  const data = tinyData(scratch('data'), 60);
  const cwd = dirname(scratch('x'));
  const ended = await call(['encode', exported, '--data', data, '--out', 'mnist.parquet', '--quiet'], { cwd });
  expect(ended.code).toBe(0);

  const id = /a\.id = '([^']+)'/.exec(query)?.[1] ?? '';
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`SET file_search_path = '${cwd}'`);
  const asked = query.replace(id, '17'); // an image of this data
  const rows = (await connection.runAndReadAll(asked)).getRowObjects() as { id: string; distance: number }[];
  connection.closeSync();

  const all = await readRows(scratch('mnist.parquet'));
  const own = all.find((row) => row.id === '17')?.latent ?? [];
  const distances = all.map(({ latent }) => Math.hypot(...latent.map((value, d) => value - (own[d] ?? 0))));
  const expected = distances.sort((a, b) => a - b).slice(0, 10);
  expect(rows).toHaveLength(10);
  rows.forEach(({ distance }, i) => {
    expect(distance).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });
});
