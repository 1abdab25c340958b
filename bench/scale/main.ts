/**
 * Encoding by shards: images per second by workers, memory for millions of images, and the time of plan, status and merge with
 * many shards. The images are a sparse file of zeros, which takes no space.
 *
 *     npm run bench:scale -- EXPORTED [--only workers,images,shards] [--first 100000] [--images 10000000] [--shards 100000]
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import Table from 'cli-table3';
import { readCard } from '../../pipeline/artifacts/exported.ts';
import { mergeShards } from '../../pipeline/encode/merge-shards.ts';
import { largeGroupRows, parquetWriter } from '../../pipeline/encode/parquet.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { readPlan, shardPaths } from '../../pipeline/encode/shard-files.ts';
import { shardStatus } from '../../pipeline/encode/shard-status.ts';

const {
  values: { only, first, images, shards },
  positionals: [exported = 'exported/cae'],
} = parseArgs({
  options: {
    only: { type: 'string', default: 'workers,images,shards' },
    first: { type: 'string', default: '100000' },
    images: { type: 'string', default: '10000000' },
    shards: { type: 'string', default: '100000' },
  },
  allowPositionals: true,
});
const { image, latent } = await readCard(exported);
const scratch = await mkdtemp(join(tmpdir(), 'convae-bench-scale-'));
const table = (...head: string[]) => new Table({ head, style: { head: [], border: [] } });
/** Peak memory of this process, in MiB. */
const peakOf = () => process.resourceUsage().maxRSS / 1024;
const number = (value: number, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits });

/** Writes an npy file of zeros without its bytes. */
async function zeros(count: number): Promise<string> {
  const { height, width, channels } = image;
  const path = join(scratch, `zeros-${count}.npy`);
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${count}, ${height}, ${width}, ${channels}), }`;
  const header = `${text.padEnd(117)}\n`;
  const start = Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([header.length, 0]),
    Buffer.from(header),
  ]);
  const file = await open(path, 'w');
  await file.writeFile(start);
  await file.truncate(start.length + count * height * width * channels);
  await file.close();
  return path;
}

const plan = (data: string, out: string, count: number) =>
  planShards({ exported, data, split: 'all', out, shards: count, device: 'cpu' });

interface Encoded {
  readonly rows: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

async function encodeIn(out: string, share: string, threads: number): Promise<Encoded> {
  const child = fileURLToPath(new URL('./child.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    child,
    out,
    share,
    String(threads),
  ]);
  return JSON.parse(stdout) as Encoded;
}

async function byProcesses(): Promise<void> {
  const data = await zeros(Number(first));
  const rates = table('processes of one thread', 'images/s', 'peak memory of one, MiB');
  for (let count = 1; count <= cpus().length; count *= 2) {
    const out = join(scratch, `by-${count}`);
    await plan(data, out, 16);
    const began = performance.now();
    const runs = await Promise.all(Array.from({ length: count }, (_, i) => encodeIn(out, `${i}/${count}`, 1)));
    const rows = runs.reduce((sum, run) => sum + run.rows, 0);
    const peak = Math.max(...runs.map(({ peakMiB }) => peakMiB));
    rates.push([count, number((1000 * rows) / (performance.now() - began)), number(peak)]);
  }
  console.log(`${number(Number(first))} images, starting included\n${rates.toString()}\n`);
}

async function manyImages(): Promise<void> {
  const data = await zeros(Number(images));
  const out = join(scratch, 'many-images');
  await plan(data, out, 100);
  const { rows, seconds, peakMiB } = await encodeIn(out, '0/1', cpus().length);
  console.log(
    `${number(rows)} images in 100 shards, one process: ${number(seconds)} s, peak memory ${number(peakMiB)} MiB`,
  );
  const merged = await mergeShards({ folder: out, single: true });
  console.log(`merged into a file: ${number(merged.seconds)} s, peak memory ${number(peakOf())} MiB\n`);
}

/** Shards of two images each, which are written as `encodeShards` writes them, without a model. */
async function manyShards(): Promise<void> {
  const count = Number(shards);
  const out = join(scratch, 'many-shards');
  const planned = await plan(await zeros(2 * count), out, count);
  const { fingerprint } = await readPlan(out);
  const paths = shardPaths(out);
  await mkdir(paths.parts);
  const { size } = latent;
  const columns = {
    size,
    errors: true,
    labelled: 'none',
    classes: undefined,
    about: {},
    groupRows: largeGroupRows(size),
  } as const;
  const rows = { count: 2, latents: new Float32Array(2 * size), errors: new Float32Array(2), labels: undefined };
  const labelling = { classes: null, labelled: 'none' };
  for (let shard = 0; shard < count; shard++) {
    const writer = parquetWriter(paths.part(shard), columns);
    await writer.write({ ...rows, ids: [String(2 * shard), String(2 * shard + 1)] });
    const about = { plan: fingerprint, shard, labelling, labelledRows: 0, skippedImages: 0, brightest: 0 };
    await writer.finish((digest) => ({ ...about, digest }));
  }
  const began = performance.now();
  const { done } = await shardStatus(out);
  const status = (performance.now() - began) / 1000;
  const merged = await mergeShards({ folder: out, single: false });
  const single = await mergeShards({ folder: out, single: true });
  const times = table('with shards', number(done));
  times.push(['plan', `${number(planned.seconds, 1)} s`], ['status', `${number(status, 2)} s`]);
  times.push(
    ['merge into a folder', `${number(merged.seconds, 1)} s`],
    ['merge into a file', `${number(single.seconds, 1)} s`],
  );
  console.log(`${times.toString()}\npeak memory of all: ${number(peakOf())} MiB`);
}

const parts = { workers: byProcesses, images: manyImages, shards: manyShards };
try {
  for (const [name, part] of Object.entries(parts)) if (only.split(',').includes(name)) await part();
} finally {
  await rm(scratch, { recursive: true });
}
