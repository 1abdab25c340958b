import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { oneShard, shareOfShards } from '../../pipeline/encode/choose-shards.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { encodeShards } from '../../pipeline/encode/encode-shards.ts';
import { sealParquet } from '../../pipeline/encode/file-checksum.ts';
import { idSet } from '../../pipeline/encode/id-set.ts';
import { mergeShards } from '../../pipeline/encode/merge-shards.ts';
import { type PlanOptions, planShards } from '../../pipeline/encode/plan-shards.ts';
import { shardPaths } from '../../pipeline/encode/shard-files.ts';
import { shardStatus } from '../../pipeline/encode/shard-status.ts';
import { version } from '../../pipeline/io/installation.ts';
import { npyBytes, zipBytes } from '../data/formats.ts';
import { pngBytes } from '../data/images.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';
import { imageOf, readRows, tinyData, tinyImages } from './support.ts';
import { exportTiny, tiny } from './tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'), {
  preprocessing: { height: 2, width: 3, channels: 1, fit: 'cover', background: '#ffffff', scalings: [] },
});
const images = tinyImages(40);
const png = (i: number): Buffer => pngBytes(tiny.width, tiny.height, 8, 0, [...imageOf(images, i)]);
const plan = (options: Pick<PlanOptions, 'data' | 'out' | 'shards'> & Partial<PlanOptions>) =>
  planShards({ exported, split: 'all', device: 'cpu', batchSize: 7, ...options });
const all = shareOfShards('0/1');

/** Writes an archive of members by name. */
async function writeTar(path: string, members: Readonly<Record<string, Buffer | string>>): Promise<void> {
  const archive = pack();
  for (const [name, contents] of Object.entries(members)) archive.entry({ name, mtime: new Date(0) }, contents);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
  writeFileSync(path, Buffer.concat(chunks));
}

test('classes are those of all images, of unreadable ones too', async () => {
  mkdirSync(scratch('tars'));
  await writeTar(scratch('tars/0.tar'), { '0.png': 'no image', '0.cls': 'cat' });
  await writeTar(scratch('tars/1.tar'), { '1.png': png(1), '1.cls': 'dog', '2.png': png(2), '2.cls': 'ant' });
  await writeTar(scratch('tars/2.tar'), { '3.png': 'no image', '3.cls': 'bee' });
  const files = { 'ant/2.png': png(2), 'bee/3.png': 'no image', 'cat/0.png': 'no image', 'dog/1.png': png(1) };
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(dirname(scratch(`pets/${path}`)), { recursive: true });
    writeFileSync(scratch(`pets/${path}`), contents);
  }
  const dataOptions = { maxSkipped: 0.5, cache: scratch('cache') };
  for (const [name, shards] of [
    ['tars', 3],
    ['pets', 4],
  ] as const) {
    const [data, out, single] = [scratch(name), scratch(`${name}-shards`), scratch(`${name}.parquet`)];
    await plan({ data, out, shards, dataOptions });
    await encodeShards({ out, choose: all, device: 'cpu' });
    const merged = await mergeShards({ folder: out, single: true });
    await encode({ exported, data, split: 'all', out: single, device: 'cpu', dataOptions });
    const rows = await readRows(merged.out);
    expect(rows).toEqual(await readRows(single));
    expect(rows.map((row) => [row.label, row.class]).sort()).toEqual([
      [0, 'ant'],
      [3, 'dog'],
    ]);
  }
});

test('ids are compared up to a number of them', () => {
  const ids = idSet(undefined, 100);
  expect(Array.from({ length: 101 }, (_, i) => ids?.add(String(i)))).toEqual([...Array(100).fill(true), undefined]);
});

test('an input that was changed is noticed, though its size is the same; a copy with another time is not', async () => {
  mkdirSync(scratch('changing'));
  const archives = [0, 1].map((i) => scratch(`changing/${i}.tar`));
  for (const path of archives) await writeTar(path, { 'a.png': png(3), 'b.png': png(4) });
  mkdirSync(scratch('rows'));
  const parquet = scratch('rows/x.parquet');
  const writeParquet = (bytes: Buffer[]) =>
    parquetWriteFile({ filename: parquet, columnData: [{ name: 'image', data: bytes, type: 'BYTE_ARRAY' }] });
  writeParquet([png(1), png(2)]);
  const array = tinyData(scratch('array'), 40, { labels: false });
  const cases = [
    [scratch('changing'), archives[1] as string],
    [scratch('rows'), parquet],
    [array, array],
  ] as const;
  for (const [i, [data, file]] of cases.entries()) {
    const out = scratch(`changed-${i}`);
    await plan({ data, out, shards: 2 });
    utimesSync(file, 1, 1);
    await plan({ data, out, shards: 2 });
    await encodeShards({ out, choose: oneShard('0'), device: 'cpu' });
    const bytes = readFileSync(file);
    const at = bytes.indexOf('IDAT') < 0 ? bytes.length - 5 : bytes.lastIndexOf('IDAT') + 6;
    bytes[at] = (bytes[at] ?? 0) ^ 255;
    writeFileSync(file, bytes);
    const refused = await inputErrorOf(encodeShards({ out, choose: oneShard('1'), device: 'cpu' }));
    expectFacts(refused, file);
    expect(refused).toMatch(/planned/);
    expectFacts(await inputErrorOf(plan({ data, out, shards: 2 })), out);
  }
});

test('an image file that was changed is noticed by its size, or said to be later than the plan', async () => {
  mkdirSync(scratch('photos'));
  for (let i = 0; i < 4; i++) writeFileSync(scratch(`photos/${i}.png`), png(i));
  writeFileSync(scratch('photos.txt'), [0, 1, 2, 3].map((i) => `photos/${i}.png`).join('\n'));
  for (const data of ['photos', 'photos.txt']) {
    const [out, changed, notes] = [scratch(`${data}-out`), scratch('photos/3.png'), [] as string[]];
    writeFileSync(changed, png(3));
    await plan({ data: scratch(data), out, shards: 2 });
    const run = (shard: string) =>
      encodeShards({ out, choose: oneShard(shard), device: 'cpu', note: (line) => void notes.push(line) });
    await run('0');
    writeFileSync(changed, Buffer.concat([png(3), Buffer.of(0)]));
    expectFacts(await inputErrorOf(run('1')), changed, String(png(3).length + 1), String(png(3).length));
    expectFacts(await inputErrorOf(plan({ data: scratch(data), out, shards: 2 })), out, 'inputs');
    expect(notes).toEqual([]);
    writeFileSync(changed, png(3));
    await run('1');
    expect(notes).toEqual([expect.stringMatching(/^shard 1: 1 /)]);
  }
});

test('merging says that shards are of several versions', async () => {
  const data = tinyData(scratch('versions'), 6);
  const out = scratch('versions');
  await plan({ data, out, shards: 2 });
  await encodeShards({ out, choose: all, device: 'cpu' });
  const { part } = shardPaths(out);
  const bytes = readFileSync(part(1), 'latin1');
  const changed = bytes.replace(`"version":"${version}"`, `"version":"${version.replace(/./, '9')}"`);
  expect(changed).not.toBe(bytes);
  const key = /convae\.checksum.{1,8}[0-9a-f]{64} ([0-9a-f]{8})/s;
  const zeros = changed.replace(key, (found) => `${found.slice(0, -8)}00000000`);
  writeFileSync(part(1), zeros, 'latin1');
  await sealParquet(part(1));
  const notes: string[] = [];
  await mergeShards({ folder: out, single: true, note: (line) => void notes.push(line) });
  expect(notes).toEqual([expect.stringContaining(`${version}, ${version.replace(/./, '9')}`)]);
});

test('a plan that cannot be read is told in one line', async () => {
  const out = scratch('odd');
  await plan({ data: tinyData(scratch('odd'), 4), out, shards: 2 });
  writeFileSync(shardPaths(out).parts, 'a file');
  expectFacts(await inputErrorOf(shardStatus(out)), shardPaths(out).parts);
  rmSync(shardPaths(out).plan);
  mkdirSync(shardPaths(out).plan);
  expectFacts(await inputErrorOf(shardStatus(out)), shardPaths(out).plan);
});

test('an npz file that is damaged is not planned', async () => {
  const { height, width } = tiny;
  const pixels = npyBytes('|u1', [6, height, width, 1], images.subarray(0, 6 * tiny.pixels));
  const npz = zipBytes([{ name: 'images.npy', data: pixels }]);
  const data = scratch('damaged.npz');
  const at = npz.indexOf(pixels) + pixels.length - 1;
  npz[at] = (npz[at] ?? 0) ^ 1;
  writeFileSync(data, npz);
  expectFacts(await inputErrorOf(plan({ data, out: scratch('damaged-out'), shards: 2 })), data);
});

test('a changed array in a folder of them is noticed', async () => {
  const folder = scratch('mnist');
  mkdirSync(folder);
  const [images = '', labels = ''] = tinyData(scratch('named'), 6).split(',');
  copyFileSync(images, `${folder}/train-images-idx3-ubyte`);
  copyFileSync(labels, `${folder}/train-labels-idx1-ubyte`);
  const out = scratch('mnist-out');
  await plan({ data: folder, out, shards: 2 });
  const bytes = readFileSync(labels);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(`${folder}/train-labels-idx1-ubyte`, bytes);
  expect(await inputErrorOf(encodeShards({ out, choose: all, device: 'cpu' }))).toMatch(/planned/);
});

test('files with several frames or pages are counted, where only the first is read', async () => {
  const { width, height } = tiny;
  const frames = Buffer.concat([1, 2].map((i) => Buffer.from(imageOf(images, i))));
  const raw = { width, height: 2 * height, channels: 1, pageHeight: height } as const;
  const stacks = [await sharp(frames, { raw }).gif().toBuffer(), png(5)];
  parquetWriteFile({
    filename: scratch('frames.parquet'),
    columnData: [{ name: 'image', data: stacks, type: 'BYTE_ARRAY' }],
  });
  const notes: string[] = [];
  const note = (line: string) => void notes.push(line);
  const data = scratch('frames.parquet');
  const dataOptions = { cache: scratch('cache'), note };
  await encode({ exported, data, split: 'all', out: scratch('frames.out.parquet'), device: 'cpu', dataOptions });
  await plan({ data, out: scratch('frames'), shards: 1 });
  await encodeShards({ out: scratch('frames'), choose: all, device: 'cpu', note });
  expect(notes).toEqual([expect.stringMatching(/frames\.parquet: .*: 1;/), expect.stringMatching(/shard 0: .*: 1;/)]);
});

test('a column of labels that is asked for is that of all shards', async () => {
  const dx = ['nv', 'mel', 'nv', 'bcc'];
  const dataOptions = { label: 'dx', cache: scratch('cache') };
  for (const kind of ['pieces', 'rows']) {
    parquetWriteFile({
      filename: scratch(`${kind}.parquet`),
      columnData: [
        { name: 'image', data: dx.map((_, i) => png(i)), type: 'BYTE_ARRAY' },
        { name: 'label', data: [0, 1, 2, 3], type: 'INT32' },
        { name: 'dx', data: dx, type: 'STRING' },
        { name: kind === 'rows' ? 'split' : 'sex', data: ['train', 'train', 'test', 'test'], type: 'STRING' },
      ],
    });
    const [data, out, single] = [scratch(`${kind}.parquet`), scratch(`${kind}-shards`), scratch(`${kind}-all.parquet`)];
    await plan({ data, out, shards: 2, dataOptions });
    await encodeShards({ out, choose: all, device: 'cpu' });
    const merged = await mergeShards({ folder: out, single: true });
    await encode({ exported, data, split: 'all', out: single, device: 'cpu', dataOptions });
    const rows = await readRows(merged.out);
    expect(rows.map((row) => row.class)).toEqual(dx);
    expect(rows).toEqual(await readRows(single));
    expectFacts(
      await inputErrorOf(plan({ data, out, shards: 2, dataOptions: { cache: dataOptions.cache } })),
      out,
      'label',
    );
  }
});

test('fewer files replace those of an earlier merge, and none of another program', async () => {
  const [data, merged] = [tinyData(scratch('again'), 40), scratch('again-merged')];
  for (const shards of [3, 2]) {
    const folder = scratch(`again-${shards}`);
    await plan({ data, out: folder, shards });
    await encodeShards({ out: folder, choose: all, device: 'cpu' });
    expect(await mergeShards({ folder, single: false, out: merged })).toMatchObject({ files: shards });
  }
  const names = ['part-00000-of-00002.parquet', 'part-00001-of-00002.parquet'];
  expect(readdirSync(merged).sort()).toEqual(names);
  const path = `${merged}/${names[1]}`;
  parquetWriteFile({ filename: path, columnData: [{ name: 'id', data: ['mine'] }] });
  const before = readFileSync(path);
  expectFacts(
    await inputErrorOf(mergeShards({ folder: scratch('again-3'), single: false, out: merged })),
    merged,
    names[1] ?? '',
  );
  expect(readFileSync(path).equals(before)).toBe(true);
});
