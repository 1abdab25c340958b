import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { parquetMetadataAsync } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { asyncBufferFromFile } from 'hyparquet/src/node.js';
import { beforeAll, expect, test } from 'vitest';
import { openMetricsLog } from '../../pipeline/artifacts/run-files.ts';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { check } from '../../pipeline/check/check.ts';
import { closeSplits, type ImageDataset } from '../../pipeline/data/dataset.ts';
import { openSplits } from '../../pipeline/data/open.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { encodeShards } from '../../pipeline/encode/encode-shards.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { readInputs, readPlan } from '../../pipeline/encode/shard-files.ts';
import { shardStatus } from '../../pipeline/encode/shard-status.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { sealed } from '../../pipeline/io/sealed.ts';
import { findDamage } from '../../pipeline/io/sums.ts';
import { pixelsOf, scratchFolder } from '../data/support.ts';
import { commands, copyTo, makeWorld } from './commands.ts';
import { flipBits } from './flips.ts';

/** Bits of each file. `npm run torture` tries more. */
const MOST = 10;

const scratch = scratchFolder();
const world = { root: scratch('.') };
beforeAll(() => makeWorld(world), 60_000);

const refused = (work: Promise<unknown>) =>
  work.then(
    () => false,
    (error: unknown) => error instanceof InputError,
  );

test('a bit that flipped in an exported model is found when it is opened', async () => {
  const folder = scratch('exported');
  await openExported(folder);
  const { tried, missed } = await flipBits(folder, MOST, () => refused(openExported(folder)));
  expect(missed).toEqual([]);
  expect(tried).toBe(MOST * 7);
});

test('and in a checkpoint', async () => {
  const folder = scratch('run/checkpoints/epoch-002');
  const { tried, missed } = await flipBits(folder, MOST, () => refused(readRun(scratch('run'), 'latest')));
  expect(missed).toEqual([]);
  expect(tried).toBe(MOST * 8);
});

test('and in decoded images, which are refused when they are read, or decoded again', async () => {
  const cache = scratch('cache/convae/images');
  const read = async () => {
    const splits = await openSplits(scratch('data'), { valSplit: 0.25 }); // as the run, whose fingerprint is kept there
    const close = () => closeSplits(splits);
    const parts = [splits.train, splits.val as ImageDataset];
    const [pixels, fingerprint] = await Promise.all([
      Promise.all(parts.map(pixelsOf)),
      splits.train.fingerprint(),
    ]).finally(close);
    return {
      pixels: pixels.map((part) => Buffer.from(part).toString('hex')),
      fingerprint,
      ids: splits.train.id(5),
      labels: splits.train.labels,
    };
  };
  const expected = await read();
  let damaged = 0;
  const { tried, missed } = await flipBits(cache, 3, async () => {
    const found = await read().catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      damaged++;
      return read(); // the command again
    });
    return JSON.stringify(found) === JSON.stringify(expected);
  });
  expect(missed).toEqual([]);
  expect(tried).toBeGreaterThan(10);
  expect(damaged).toBeGreaterThan(0);
});

test('and in every file of a run, and of latents, by `convae check`', async () => {
  const { run, earlier } = { run: scratch('run'), earlier: scratch('latents') };
  await commands.encode.run(world);
  mkdirSync(earlier);
  copyFileSync(scratch('out/x.parquet'), scratch('latents/x.parquet'));
  const { exported, data } = { exported: scratch('exported'), data: scratch('data') };
  await encode({ exported, data, split: 'all', out: scratch('latents/x.npy'), device: 'cpu' });
  for (const [folder, files] of [
    [run, 12],
    [earlier, 2],
  ] as const) {
    const whole = await check(folder);
    expect([whole.files, whole.unchecked]).toEqual([expect.any(Number), []]);
    expect(whole.files).toBeGreaterThanOrEqual(files);
    const { tried, missed } = await flipBits(folder, MOST, () => refused(check(folder)));
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThanOrEqual(files * MOST);
  }
  const parquet = scratch('latents/x.parquet');
  const { missed } = await flipBits(earlier, 400, async (file) => !/parquet$/.test(file) || refused(check(parquet)));
  expect(missed).toEqual([]);
  await expect(check(scratch('latents/x.npy'))).resolves.toMatchObject({ files: 1 });
  await expect(check(scratch('exported/card.json'))).resolves.toMatchObject({ files: 1 });
  await expect(check(scratch('app'))).rejects.toBeInstanceOf(InputError);
}, 60_000);

test('and in every file of a plan of shards', async () => {
  const [data, out] = [scratch('with-broken'), scratch('plan')];
  copyTo(scratch('data'), data);
  writeFileSync(join(data, 'test/even/broken.png'), 'no image');
  const options = { exported: scratch('exported'), out, device: 'cpu' } as const;
  await planShards({ ...options, data, split: 'test', shards: 2, dataOptions: { maxSkipped: 0.1 } });
  await encodeShards({ ...options, choose: () => [0, 1] });
  const state = { shard: 1, host: 'h', images: 1, total: 2, seconds: 0.5 };
  mkdirSync(join(out, 'failed'));
  writeFileSync(join(out, 'running/part-00001.0.json'), sealed(state));
  writeFileSync(join(out, 'failed/part-00001.json'), sealed({ shard: 1, host: 'h', message: 'm', exitCode: 3 }));
  await expect(check(out)).resolves.toMatchObject({ files: 7, unchecked: [] });
  const { tried, missed } = await flipBits(out, MOST, () => refused(check(out)));
  expect(missed).toEqual([]);
  expect(tried).toBe(7 * MOST);
  const plan = await flipBits(out, MOST, async (file) => file !== 'plan.json' || refused(shardStatus(out)));
  expect(plan.missed).toEqual([]);
  const whole = await readPlan(out);
  const inputs = async () => Promise.all([0, 1].map((shard) => readInputs(out, whole, shard)));
  const expected = JSON.stringify(await inputs());
  const found = await flipBits(out, MOST, async (file) => file !== 'inputs.jsonl' || refused(inputs()));
  expect(found.missed).toEqual([]);
  expect(JSON.stringify(await inputs())).toBe(expected);
  const text = readFileSync(join(out, 'inputs.jsonl'), 'utf8');
  writeFileSync(join(out, 'inputs.jsonl'), `${text.slice(0, -1)}*`); // the end of the last line
  expect(await refused(inputs())).toBe(true);
}, 60_000);

test('and in metrics after the last checkpoint of a run that was killed, which are no damage themselves', async () => {
  const run = scratch('killed');
  copyTo(scratch('run'), run);
  const metrics = join(run, 'metrics.jsonl');
  const text = readFileSync(metrics, 'utf8');
  const line = text.split('\n')[0];
  writeFileSync(metrics, `${text}${line}\n${line}\n`);
  await expect(check(run)).resolves.toMatchObject({ unchecked: [] });
  const { missed } = await flipBits(run, 100, async (file) => file !== 'metrics.jsonl' || refused(check(metrics)));
  expect(missed).toEqual([]);
  writeFileSync(metrics, `${text}${line}\n{"split":`);
  await expect(check(run)).resolves.toMatchObject({ unchecked: [] });
  writeFileSync(metrics, text.slice(0, text.indexOf('\n') + 1));
  await expect(check(run)).rejects.toThrow(metrics);
});

test('metrics that are damaged are not lost in silence when the run goes on', async () => {
  const path = scratch('metrics.jsonl');
  const text = readFileSync(scratch('run/metrics.jsonl'), 'utf8');
  const lines = text.split('\n').length - 1;
  writeFileSync(path, text.replace(/"loss":0/, '"loss":1'));
  await expect(openMetricsLog(path, lines)).rejects.toBeInstanceOf(InputError);
  writeFileSync(path, `${text}{"split":"tr`);
  const log = await openMetricsLog(path, lines);
  await log.close();
  expect(log.kept.length).toBe(lines);
});

test.each(['site', 'evaluate', 'sample'] as const)(
  '%s: and in what it publishes',
  async (name) => {
    await commands[name].run(world);
    const [out] = readdirSync(scratch('out'));
    const folder = scratch(`out/${out}`);
    expect(await findDamage(folder)).toBeUndefined();
    const { missed } = await flipBits(folder, 5, async () => (await findDamage(folder)) !== undefined);
    expect(missed).toEqual([]);
  },
  60_000,
);

test('each page of a Parquet file has the CRC-32 of its bytes', async () => {
  await commands.encode.run(world);
  const path = scratch('out/x.parquet');
  const bytes = readFileSync(path);
  const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
  const pages = row_groups.flatMap(({ columns }) =>
    columns.flatMap(({ meta_data: about }) => {
      if (!about) throw new Error('a column has no metadata');
      const start = Number(about.dictionary_page_offset ?? about.data_page_offset);
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: start };
      const found: { crc: number | undefined; expected: number }[] = [];
      while (reader.offset < start + Number(about.total_compressed_size)) {
        const { crc, compressed_page_size } = parquetHeader(reader);
        found.push({ crc, expected: crc32(bytes.subarray(reader.offset, reader.offset + compressed_page_size)) | 0 });
        reader.offset += compressed_page_size;
      }
      expect(reader.offset).toBe(start + Number(about.total_compressed_size));
      return found;
    }),
  );
  expect(pages.length).toBeGreaterThan(5);
  for (const { crc, expected } of pages) expect(crc).toBe(expected);
});
