import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import { parquetWriteFile } from 'hyparquet-writer';
import { pack } from 'tar-stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { cluster } from '../../pipeline/cluster/cluster.ts';
import { oneShard, shareOfShards } from '../../pipeline/encode/choose-shards.ts';
import { type EncodeOptions, encode } from '../../pipeline/encode/encode.ts';
import { type EncodeShardsOptions, encodeShards } from '../../pipeline/encode/encode-shards.ts';
import { type MergeOptions, mergeShards } from '../../pipeline/encode/merge-shards.ts';
import { type PlanOptions, planShards } from '../../pipeline/encode/plan-shards.ts';
import { showRunning } from '../../pipeline/encode/running-shard.ts';
import { shardPaths } from '../../pipeline/encode/shard-files.ts';
import { shardStatus } from '../../pipeline/encode/shard-status.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { STAGING } from '../../pipeline/io/staging.ts';
import { findOutliers } from '../../pipeline/outliers/outliers.ts';
import { npyBytes, zipBytes } from '../data/formats.ts';
import { pngBytes } from '../data/images.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from '../data/support.ts';
import { imageOf, labelOf, type Row, readRows, tinyData, tinyImages } from './support.ts';
import { exportTiny, tiny, tinyLatent } from './tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'));
const images = tinyImages(200);

const plan = (options: Partial<PlanOptions> & Pick<PlanOptions, 'data' | 'out' | 'shards'>) =>
  planShards({ exported, split: 'all', device: 'cpu', batchSize: 7, ...options });
const run = (out: string, choose: EncodeShardsOptions['choose'], options: Partial<EncodeShardsOptions> = {}) =>
  encodeShards({ out, choose, device: 'cpu', threads: 1, ...options });
const merge = (folder: string, options: Partial<MergeOptions> = {}) =>
  mergeShards({ folder, single: false, ...options });
const inOneRun = (data: string, out: string, options: Partial<EncodeOptions> = {}) =>
  encode({ exported, data, out, split: 'all', device: 'cpu', threads: 2, batchSize: 7, ...options });

const metadataOf = async (path: string) =>
  (await parquetMetadataAsync(await asyncBufferFromFile(path))).key_value_metadata?.find(({ key }) => key === 'convae');

/** Rows of all files of a folder, in the order of their names. */
async function rowsOfFolder(folder: string): Promise<Row[]> {
  const names = readdirSync(folder).sort();
  return (await Promise.all(names.map((name) => readRows(`${folder}/${name}`)))).flat();
}

/**
 * Plans, encodes and merges by shards, and asserts that a single run gives the same: its bytes, and its rows in a folder of files.
 * @param exact whether batches are the same: errors of images of 6 pixels depend on them in their last digit
 */
async function expectSame(
  name: string,
  data: string,
  shards: number,
  { exact = false, ...options }: Partial<PlanOptions> & { exact?: boolean } = {},
): Promise<Row[]> {
  const out = scratch(`${name}-shards`);
  const planned = await plan({ data, out, shards, ...options });
  expect(planned).toMatchObject({ plan: out, shards });
  await run(out, shareOfShards('1/2'));
  await run(out, shareOfShards('0/2'));
  const { split = 'all', dataOptions, error } = options;
  const single = scratch(`${name}.parquet`);
  await inOneRun(data, single, { split, dataOptions, error, ...(options.exported && { exported: options.exported }) });
  mkdirSync(`${out}/parts/${STAGING}/0123456789abcdef/new`, { recursive: true }); // of a process that was killed
  const merged = await merge(out, { single: true });
  expect(readdirSync(`${out}/parts`)).not.toContain(STAGING);
  if (exact) expect(readFileSync(merged.out).equals(readFileSync(single))).toBe(true);
  const folder = await merge(out);
  const rows = await readRows(merged.out);
  const rounded = (row: Row) => ({ ...row, error: row.error === undefined ? undefined : Number(row.error.toFixed(5)) });
  expect(rows.map(rounded)).toEqual((await readRows(single)).map(rounded));
  expect(await metadataOf(merged.out)).toEqual(await metadataOf(single));
  expect(folder).toMatchObject({ out: `${out}/latents`, rows: rows.length });
  expect(await rowsOfFolder(folder.out)).toEqual(rows);
  return rows;
}

/** Latents by hand, of image `of(i)` for row i. */
function expectLatents(rows: readonly Row[], of: (i: number) => number): void {
  rows.forEach(({ latent }, i) => {
    tinyLatent(imageOf(images, of(i))).forEach((value, d) => {
      expect(latent[d]).toBeCloseTo(value, 5);
    });
  });
}

const png = (i: number): Buffer => pngBytes(tiny.width, tiny.height, 8, 0, [...imageOf(images, i)]);

beforeAll(() => mkdirSync(scratch('photos/cat'), { recursive: true }));

describe('the same rows as in one run', () => {
  test('of arrays', async () => {
    const rows = await expectSame('arrays', tinyData(scratch('arrays'), 200), 7, { exact: true });
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
    expect(rows.map(({ label }) => label)).toEqual(Array.from({ length: 200 }, (_, i) => labelOf(i)));
    expectLatents(rows, (i) => i);
  });

  test('of a model that has clusters and says what is normal', async () => {
    const data = tinyData(scratch('judged'), 200);
    const model = await exportTiny(scratch('judge'));
    const common = { exported: model, data, device: 'cpu', threads: 2, into: true } as const;
    await cluster({ ...common, split: 'all', out: scratch('clusters'), method: 'gmm', k: 4, seed: 0, seeds: 1 });
    const normal = { reference: data, distance: 'mixture', flagAbove: 90, top: 5 } as const;
    await findOutliers({ ...common, ...normal, out: scratch('outliers') });
    const rows = await expectSame('judged', data, 3, { exported: model, exact: true });
    const judged = ['score', 'flag', 'cluster', 'confidence'];
    expect(Object.keys(rows[0] ?? {})).toEqual(['id', 'label', 'class', 'latent', 'error', ...judged]);
    const clusters = await readRows(scratch('clusters/clusters.parquet'));
    expect(rows.map((row) => row.cluster)).toEqual(clusters.map((row) => row.cluster));
    const outliers = await readRows(scratch('outliers/outliers.parquet'));
    expect(rows.map((row) => row.flag)).toEqual(outliers.map((row) => row.flag));
    const notes: string[] = [];
    const note = (line: string) => void notes.push(line);
    await inOneRun(data, scratch('unjudged.parquet'), { exported: model, error: false, note });
    await plan({ exported: model, data, out: scratch('unjudged'), shards: 2, error: false, note });
    expect(notes).toEqual([expect.stringContaining('score'), expect.stringContaining('score')]);
  });

  test('of arrays without labels, without errors', async () => {
    const rows = await expectSame('bare', tinyData(scratch('bare'), 5, { labels: false }), 5, {
      error: false,
      exact: true,
    });
    expect(Object.keys(rows[0] ?? {})).toEqual(['id', 'latent']);
  });

  test('of a folder, whose unreadable images each shard lists', async () => {
    mkdirSync(scratch('photos/dog'), { recursive: true });
    for (let i = 0; i < 20; i++) writeFileSync(scratch(`photos/${i % 3 ? 'cat' : 'dog'}/${i}.png`), png(i));
    writeFileSync(scratch('photos/cat/10.png'), 'no image');
    const rows = await expectSame('photos', scratch('photos'), 4, { dataOptions: { maxSkipped: 0.1 } });
    expect(rows).toHaveLength(19);
    expect(new Set(rows.map((row) => row.class))).toEqual(new Set(['cat', 'dog']));
    expectLatents(rows, (i) => Number(/(\d+)\.png$/.exec(rows[i]?.id ?? '')?.[1]));
    const skipped = scratch('photos-shards/skipped');
    expect(readdirSync(skipped)).toEqual(['part-00000.jsonl']);
    expect(JSON.parse(readFileSync(`${skipped}/part-00000.jsonl`, 'utf8'))).toMatchObject({
      file: scratch('photos/cat/10.png'),
    });
    expect(await shardStatus(scratch('photos-shards'))).toMatchObject({ done: 4, skipped: 1 });
  });

  test('of floats, of which some are no numbers', async () => {
    const { height, width, channels, pixels } = tiny;
    const scalings = [{ type: 'float32', from: [0, 255] as const, rule: 'from 0 to 255' }];
    const preprocessing = { height, width, channels, fit: 'cover', background: '#ffffff', scalings } as const;
    const model = await exportTiny(scratch('floats'), { preprocessing });
    const numbers = Float32Array.from(images.subarray(0, 20 * pixels));
    numbers[3 * pixels + 1] = Number.NaN;
    numbers[8 * pixels] = Number.POSITIVE_INFINITY;
    const data = scratch('floats.npy');
    writeFileSync(data, npyBytes('<f4', [20, height, width, 1], new Uint8Array(numbers.buffer)));
    const rows = await expectSame('floats', data, 4, { exported: model, dataOptions: { maxSkipped: 0.5 } });
    const ids = Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 3 && i !== 8);
    expect(rows.map(({ id }) => id)).toEqual(ids.map(String));
    expectLatents(rows, (i) => ids[i] as number);
  });

  test('of splits, whose ids have their names before them', async () => {
    for (const split of ['train', 'test']) {
      for (let i = 0; i < 9; i++) {
        const path = scratch(`splits/${split}/${i % 2 ? 'a' : 'b'}/${i}.png`);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, png(i));
      }
    }
    const rows = await expectSame('splits', scratch('splits'), 4);
    expect(rows.map(({ id }) => id).filter((id) => id.startsWith('test/'))).toHaveLength(9);
    expect(await expectSame('test-only', scratch('splits'), 2, { split: 'test' })).toHaveLength(9);
  });

  test('of a list', async () => {
    const lines = Array.from({ length: 15 }, (_, i) => `list/${i}.png,${i % 4}`);
    mkdirSync(scratch('list'));
    for (let i = 0; i < 15; i++) writeFileSync(scratch(`list/${i}.png`), png(i));
    writeFileSync(scratch('list.txt'), lines.join('\n'));
    const rows = await expectSame('list', scratch('list.txt'), 5);
    expect(rows.map(({ label }) => label)).toEqual(Array.from({ length: 15 }, (_, i) => i % 4));
  });

  test('of archives whose classes differ (WebDataset)', async () => {
    mkdirSync(scratch('tars'));
    const classes = [['ant', 'bee'], ['cat'], ['bee', 'dog']];
    for (const [shard, names] of classes.entries()) {
      const archive = pack();
      for (let i = 0; i < 6; i++) {
        const key = String(6 * shard + i).padStart(4, '0');
        archive.entry({ name: `${key}.png` }, png(6 * shard + i));
        archive.entry({ name: `${key}.cls` }, names[i % names.length] as string);
      }
      archive.finalize();
      const chunks: Buffer[] = [];
      for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
      writeFileSync(scratch(`tars/x-00000${shard}.tar`), Buffer.concat(chunks));
    }
    const rows = await expectSame('tars', scratch('tars'), 3);
    expect(rows.slice(4, 8).map((row) => [row.id, row.label, row.class])).toEqual([
      ['x-000000.tar/0004.png', 0, 'ant'],
      ['x-000000.tar/0005.png', 1, 'bee'],
      ['x-000001.tar/0006.png', 2, 'cat'],
      ['x-000001.tar/0007.png', 2, 'cat'],
    ]);
    expectLatents(rows, (i) => i);
  });

  test('of Parquet files with the bytes of images', async () => {
    mkdirSync(scratch('parquet'));
    for (const [shard, count] of [11, 8].entries()) {
      const bytes = Array.from({ length: count }, (_, i) => png(11 * shard + i));
      parquetWriteFile({
        filename: scratch(`parquet/x-${shard}.parquet`),
        columnData: [
          { name: 'image', data: bytes, type: 'BYTE_ARRAY' },
          { name: 'label', data: Int32Array.from({ length: count }, (_, i) => 3 + ((shard + i) % 3)), type: 'INT32' },
        ],
        rowGroupSize: 4,
      });
    }
    const rows = await expectSame('parquet', scratch('parquet'), 5);
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 19 }, (_, i) => String(i)));
    expect(rows[11]).toMatchObject({ label: 1, class: '4' });
    expectLatents(rows, (i) => i);
  });
});

describe('labels that are measures: images are unlabelled', () => {
  test('in a list', async () => {
    mkdirSync(scratch('scored'));
    for (let i = 0; i < 4; i++) writeFileSync(scratch(`scored/${i}.png`), png(i));
    writeFileSync(
      scratch('scored.csv'),
      ['file,label', ...[1, 0.25, 0.5, 2].map((y, i) => `scored/${i}.png,${y}`)].join('\n'),
    );
    const rows = await expectSame('scored', scratch('scored.csv'), 2);
    expect(Object.keys(rows[0] ?? {})).toEqual(['id', 'latent', 'error']);
  });

  test('in Parquet, in some shards only', async () => {
    const columnData = [
      { name: 'image', data: [0, 1, 2, 3].map(png), type: 'BYTE_ARRAY' as const },
      { name: 'label', data: Float64Array.of(1, 2, 2, 0.5), type: 'DOUBLE' as const },
    ];
    parquetWriteFile({ filename: scratch('scores.parquet'), columnData });
    const rows = await expectSame('scores', scratch('scores.parquet'), 2);
    expect(Object.keys(rows[0] ?? {})).toEqual(['id', 'latent', 'error']);
  });

  test('a refusal names the first image with a label', async () => {
    for (let i = 0; i < 6; i++) writeFileSync(scratch(`scored/${i}.png`), png(i));
    const labels = [1, 1, 1, 1, -2, 1];
    writeFileSync(scratch('low.csv'), ['file,label', ...labels.map((y, i) => `scored/${i}.png,${y}`)].join('\n'));
    const refused = await inputErrorOf(plan({ data: scratch('low.csv'), out: scratch('low'), shards: 2 }));
    expectFacts(refused, scratch('low.csv'), 'image 4 ', '-2');
  });
});

describe('a plan', () => {
  const data = tinyData(scratch('planned'), 40);

  test('is kept, and no other replaces it', async () => {
    const out = scratch('kept');
    await plan({ data, out, shards: 4 });
    const before = readFileSync(`${out}/plan.json`);
    await plan({ data, out, shards: 4 });
    expect(readFileSync(`${out}/plan.json`).equals(before)).toBe(true);
    expectFacts(await inputErrorOf(plan({ data, out, shards: 5 })), out, 'shards');
    expect(readFileSync(`${out}/plan.json`).equals(before)).toBe(true);
  });

  test('that two processes write at once is that of one of them', async () => {
    const out = scratch('planned-twice');
    const ends = await Promise.allSettled([plan({ data, out, shards: 4 }), plan({ data, out, shards: 5 })]);
    const [told, ...others] = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
    expect([others, readdirSync(out).sort()]).toEqual([[], ['inputs.jsonl', 'plan.json']]);
    expectFacts(told ?? '', out);
    await run(out, shareOfShards('0/1'));
    expect(await merge(out)).toMatchObject({ rows: 40 });
  });

  test('of more shards than images', async () => {
    expectFacts(await inputErrorOf(plan({ data, out: scratch('many'), shards: 41 })), '--shards 41', '40');
    expect(readdirSync(scratch('')).includes('many') && readdirSync(scratch('many'))).toEqual(
      readdirSync(scratch('')).includes('many') ? [] : false,
    );
  });

  test('of a part that is chosen by ids, or a file as its folder', async () => {
    expectFacts(await inputErrorOf(plan({ data, out: scratch('part'), shards: 2, split: 'test' })), '--split test');
    expectFacts(await inputErrorOf(plan({ data, out: scratch('x.parquet'), shards: 2 })), 'x.parquet');
  });
});

describe('a shard', () => {
  const data = tinyData(scratch('shard'), 60);
  const planned = async (name: string, shards = 3) => {
    await plan({ data, out: scratch(name), shards });
    return scratch(name);
  };
  const all = shareOfShards('0/1');

  test('that is there is left as it is, and encoded by two processes at once it is whole', async () => {
    const out = await planned('twice');
    const open = openFiles();
    await Promise.all([run(out, all), run(out, all)]);
    const part = shardPaths(out).part(1);
    const { mtimeMs } = statSync(part);
    expect(await run(out, all)).toMatchObject({ encoded: 0, present: 3, rows: 0 });
    expect(statSync(part).mtimeMs).toBe(mtimeMs);
    expect(await merge(out)).toMatchObject({ rows: 60 });
    expect(readdirSync(`${out}/parts`).sort()).toEqual([0, 1, 2].map((i) => `part-0000${i}.parquet`));
    expect(readdirSync(`${out}/running`)).toEqual([]);
    expect(openFiles()).toBe(open);
  });

  test('that is interrupted is absent', async () => {
    const out = await planned('interrupted');
    const stop = new AbortController();
    const progress = () => stop.abort();
    await expect(run(out, oneShard('1'), { signal: stop.signal, progress })).rejects.toBeInstanceOf(Interrupted);
    expect(existsSync(shardPaths(out).part(1))).toBe(false);
    expect(await shardStatus(out)).toMatchObject({ done: 0, running: 0, failed: 0, missing: 3 });
  });

  test('is encoded although the clock of a machine that died is wrong', async () => {
    const out = await planned('clock');
    const ends: number[] = [];
    for (const seconds of [-3600, 3600]) {
      const running = await showRunning(out, 1);
      const [name = ''] = readdirSync(`${out}/running`);
      const [copy, time] = [`${out}/running/part-00001.dead.json`, Date.now() / 1000 + seconds];
      copyFileSync(`${out}/running/${name}`, copy);
      await running.end();
      utimesSync(copy, time, time);
      ends.push((await shardStatus(out)).running);
      await run(out, oneShard('1'));
      expect(readdirSync(`${out}/running`)).toEqual([]);
      rmSync(shardPaths(out).part(1));
    }
    expect(ends).toEqual([0, 0]);
  });

  test('that is missing, changed, or of another plan is not merged', async () => {
    const out = await planned('damaged');
    await run(out, oneShard('0'));
    expectFacts(await inputErrorOf(merge(out)), out, '2 of its 3', '1, 2');
    await run(out, all);
    const { part } = shardPaths(out);
    const bytes = readFileSync(part(1));
    bytes[200] = (bytes[200] ?? 0) ^ 4;
    writeFileSync(part(1), bytes);
    expectFacts(await inputErrorOf(merge(out)), part(1), 'shard 1');
    copyFileSync(part(2), part(1));
    expectFacts(await inputErrorOf(merge(out)), part(1), 'shard 2');
    writeFileSync(part(1), bytes.subarray(0, 300));
    await run(out, all); // a damaged file is replaced
    expect(await merge(out)).toMatchObject({ rows: 60 });
    expect(readdirSync(out)).not.toContain('latents.parquet');
  });

  test('that fails says why until it is encoded; the others of a machine are', async () => {
    mkdirSync(scratch('broken'));
    for (const i of [0, 1, 2]) {
      const archive = pack();
      archive.entry({ name: `${i}.png` }, png(i));
      archive.finalize();
      const chunks: Buffer[] = [];
      for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
      writeFileSync(scratch(`broken/${i}.tar`), Buffer.concat(chunks));
    }
    const out = scratch('failing');
    await plan({ data: scratch('broken'), out, shards: 3 });
    renameSync(scratch('broken/1.tar'), scratch('aside.tar'));
    expectFacts(await inputErrorOf(run(out, all)), out, '1 of 3', scratch('broken/1.tar'));
    const status = await shardStatus(out);
    expect(status).toMatchObject({ done: 2, failed: 1, missing: 0, failures: [{ shard: 1 }] });
    expectFacts(status.failures[0]?.message ?? '', scratch('broken/1.tar'));
    writeFileSync(scratch('broken/1.tar'), 'other');
    expectFacts(await inputErrorOf(run(out, oneShard('1'))), scratch('broken/1.tar'), '5 bytes');
    renameSync(scratch('aside.tar'), scratch('broken/1.tar'));
    await run(out, all);
    expect(await shardStatus(out)).toMatchObject({ done: 3, failed: 0 });
  });

  test('of an archive that has changed since', async () => {
    const [zip, out] = [scratch('changed.zip'), scratch('changed')];
    const members = [0, 1, 2, 3].map((i) => ({ name: `${i}.png`, data: png(i) }));
    writeFileSync(zip, zipBytes(members));
    await plan({ data: zip, out, shards: 2 });
    await run(out, oneShard('0'));
    writeFileSync(zip, zipBytes(members.map((member) => ({ ...member, deflate: true }))));
    expectFacts(await inputErrorOf(run(out, oneShard('1'))), zip, 'bytes');
  });

  test('of another model than planned', async () => {
    const out = await planned('models');
    const other = await exportTiny(scratch('other'), { name: 'other' });
    expectFacts(await inputErrorOf(run(out, all, { exported: other })), other);
  });

  test('that is encoded while the status is read is not a failure', async () => {
    const out = await planned('raced');
    const { failure, skippedOf } = shardPaths(out);
    for (const file of [failure(1), skippedOf(1)]) {
      mkdirSync(dirname(file));
      symlinkSync('removed', file); // listed, and not there
    }
    expect(await shardStatus(out)).toMatchObject({ failures: [], skipped: 0 });
  });

  test('more unreadable images than allowed over all', async () => {
    mkdirSync(scratch('bad'));
    for (let i = 0; i < 10; i++) writeFileSync(scratch(`bad/${i}.png`), i % 4 === 1 ? 'none' : png(i));
    const out = scratch('capped');
    await plan({ data: scratch('bad'), out, shards: 10, dataOptions: { maxSkipped: 0.2 } });
    await run(out, all);
    expectFacts(await inputErrorOf(merge(out)), scratch('bad'), '3 of 10', '0.2', scratch('bad/1.png'));
    rmSync(`${out}/plan.json`);
    expectFacts(await inputErrorOf(plan({ data: scratch('bad'), out, shards: 2 })), out);
  });

  test('masks of 0 and 1, which are nearly black to the model', async () => {
    const zeros = tinyData(scratch('masks'), 12).split(',')[0] as string;
    const bytes = readFileSync(zeros);
    for (let i = bytes.length - 72; i < bytes.length; i++) bytes[i] = (i >> 1) % 2;
    writeFileSync(zeros, bytes);
    const out = scratch('masked');
    await plan({ data: zeros, out, shards: 2 });
    await run(out, all);
    const notes: string[] = [];
    await merge(out, { single: true, note: (line) => notes.push(line) });
    await inOneRun(zeros, scratch('masked.parquet'), { dataOptions: { note: (line) => notes.push(line) } });
    expect(notes).toEqual([expect.stringContaining('0 or 1'), notes[0]]);
    expect(await readRows(`${out}/latents.parquet`)).toEqual(await readRows(scratch('masked.parquet')));
  });
});
