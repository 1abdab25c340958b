/**
 * Encoding from disk to Parquet against a bare loop of session runs over the same batches in memory, and the peak memory
 * for 70,000 and for 700,000 images.
 *
 *     node --import tsx bench/encode/main.ts [exported/cae [batch size]]
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { encode } from '../../pipeline/encode/encode.ts';
import { median } from '../rounds.ts';
import { bareLoop } from './bare-loop.ts';
import { repeatedMnist } from './repeated-mnist.ts';

const RUNS = 5;

const exported = process.argv[2] ?? 'exported/cae';
/** Default batch size of encode for these images. */
const BATCH = Number(process.argv[3] ?? 256);
const scratch = await mkdtemp(join(tmpdir(), 'convae-bench-encode-'));
try {
  await speed(false);
  await speed(true);
  await memory();
} finally {
  await rm(scratch, { recursive: true });
}

/** Runs the bare loop and encode in turn; the ratio is the median over pairs. */
async function speed(error: boolean): Promise<void> {
  const run = await bareLoop(exported, { batchSize: BATCH, decoder: error });
  const pairs: { bare: number; ours: number }[] = [];
  for (let i = -1; i < RUNS; i++) {
    const bare = await run();
    const out = join(scratch, 'latents.parquet');
    const { imagesPerSecond: ours } = await encode({
      exported,
      data: 'mnist',
      split: 'all',
      out,
      error,
      batchSize: BATCH,
      device: 'cpu',
    });
    if (i >= 0) pairs.push({ bare, ours }); // the first pair warms up
  }
  const table = new Table({ head: ['', 'images/s, median', 'least', 'most'], style: { head: [], border: [] } });
  for (const [name, pick] of [
    ['bare session loop', (pair: { bare: number }) => pair.bare],
    ['encode, disk to Parquet', (pair: { ours: number }) => pair.ours],
  ] as const) {
    const rates = pairs.map(pick);
    table.push([name, ...[median(rates), Math.min(...rates), Math.max(...rates)].map((rate) => rate.toFixed(0))]);
  }
  const what = error ? 'encoder and decoder (latents and errors)' : 'encoder (latents)';
  console.log(`${what}: 70,000 images, batches of ${BATCH}, ${RUNS} pairs of runs`);
  console.log(table.toString());
  console.log(`ratio, median of the pairs: ${median(pairs.map(({ bare, ours }) => ours / bare)).toFixed(2)}\n`);
}

async function memory(): Promise<void> {
  const table = new Table({ head: ['images', 'peak memory, MiB', 'seconds'], style: { head: [], border: [] } });
  for (const times of [1, 10]) {
    const data = join(scratch, `mnist-${times}`);
    await repeatedMnist(data, times);
    const child = fileURLToPath(new URL('./child.ts', import.meta.url));
    const answer = execFileSync(
      process.execPath,
      ['--import', 'tsx', child, exported, data, join(scratch, 'latents.parquet')],
      { encoding: 'utf8' },
    );
    const { rows, seconds, peakMiB } = JSON.parse(answer) as { rows: number; seconds: number; peakMiB: number };
    table.push([rows.toLocaleString('en'), peakMiB.toFixed(0), seconds.toFixed(1)]);
    await rm(data, { force: true });
  }
  console.log('peak memory of a process that encodes an idx file to Parquet, errors included');
  console.log(table.toString());
}
