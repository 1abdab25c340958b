import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { type JoinedImages, joinTable, readTable } from '../../pipeline/artifacts/columns.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { parquetWriter } from '../../pipeline/encode/parquet.ts';
import { createStages } from '../../pipeline/io/stages.ts';
import { withModels } from '../../pipeline/site/models.ts';
import { computePoints, pointsPlan, readPoints } from '../../pipeline/site/points.ts';
import { buildSite } from '../../pipeline/site/site.ts';
import { scratchFolder } from '../data/support.ts';
import { tinyData } from '../encode/support.ts';
import { exportTrained, readJson, readNpy, stubApp } from './support.ts';

const scratch = scratchFolder();
const bytes = (text: string) => Uint8Array.from(new TextEncoder().encode(text));
const images: JoinedImages = { ids: ['a', 'b', 'c'], split: 'test', labels: null, classes: null, taken: ['error'] };
const join3 = async (text: string, more: Partial<JoinedImages> = {}) =>
  joinTable(await readTable(bytes(text), 'table.csv'), { ...images, ...more }, 'table');

test('values of a table go to the images of their ids, whatever the order', async () => {
  const { columns, ...counts } = await join3(
    'id,size,cluster,kind,error,many\r\nc,2.5,10,"x, ""y""",7.5,1\nzz,,3,never,1,2\na,-1e3,2,z,NaN,3\n',
  );
  expect(counts).toEqual({ matched: 2, unmatched: 1, leftOut: [] });
  expect(columns).toEqual([
    { name: 'size', kind: 'number', values: Float64Array.of(-1000, Number.NaN, 2.5), categories: [] },
    { name: 'cluster', kind: 'category', values: Int32Array.of(0, -1, 1), categories: ['2', '10'] },
    { name: 'kind', kind: 'category', values: Int32Array.of(1, -1, 0), categories: ['x, "y"', 'z'] },
    { name: 'error (table)', kind: 'number', values: Float64Array.of(Number.NaN, Number.NaN, 7.5), categories: [] },
    { name: 'many', kind: 'category', values: Int32Array.of(1, -1, 0), categories: ['1', '3'] },
  ]);
});

test('a table of all parts goes to the images of the part', async () => {
  const { columns, matched, unmatched } = await join3('id,x\ntrain/a,1.5\ntest/a,2.5\ntest/b,3.5\ntest/c,4.5');
  expect({ matched, unmatched }).toEqual({ matched: 3, unmatched: 1 });
  expect(columns[0]?.values).toEqual(Float64Array.of(2.5, 3.5, 4.5));
});

test('a table of more images than there are is of others, where ids are numbers', async () => {
  const ids = ['0', '1', '2'];
  for (const text of ['id,x\n0,1.5\n3,2.5', 'id,x\ntest/0,1.5\ntest/3,2.5'])
    await expect(join3(text, { ids })).rejects.toThrow(RangeError);
  const { matched, unmatched } = await join3('id,x\ntrain/7,0.5\ntest/0,1.5\ntest/2,2.5', { ids });
  expect({ matched, unmatched }).toEqual({ matched: 2, unmatched: 1 });
});

test('names that are taken get another one each', async () => {
  const { columns } = await join3('id,error,error (table)\na,1.5,2.5');
  expect(columns.map(({ name }) => name)).toEqual(['error (table)', 'error (table) (table)']);
  const taken = ['error', 'error (table)'];
  expect((await join3('id,error\na,1.5', { taken })).columns[0]?.name).toBe('error (table 2)');
});

test('numbers keep their digits, and whole numbers beyond those of a double stay texts', async () => {
  const ids = Array.from({ length: 40 }, (_, i) => String(i));
  const text = `id,time,hash\n${ids.map((id) => `${id},${1_700_000_000 + Number(id)},${2n ** 60n + BigInt(id)}`).join('\n')}`;
  const { columns } = await join3(text, { ids });
  expect(columns[0]?.values).toEqual(Float64Array.from(ids, (id) => 1_700_000_000 + Number(id)));
  expect(columns[1]?.categories).toEqual(ids.map((id) => String(2n ** 60n + BigInt(id))));
});

test('whole numbers of many values are numbers, unless they are called clusters', async () => {
  const ids = Array.from({ length: 40 }, (_, i) => String(i));
  const text = `id,count,cluster\n${ids.map((id) => `${id},${id},${id}`).join('\n')}`;
  const { columns } = await join3(text, { ids });
  expect(columns.map(({ name, kind }) => [name, kind])).toEqual([
    ['count', 'number'],
    ['cluster', 'category'],
  ]);
});

test('a table of another part of the data is refused, whose ids are the same', async () => {
  const path = scratch('part.parquet');
  for (const [split, refused] of [
    ['test', true],
    ['train', false],
    ['all', false],
  ] as const) {
    const writer = parquetWriter(path, {
      ...{ size: 1, errors: true, labelled: 'none', classes: undefined, about: { split } },
    });
    const numbers = Float32Array.from([1, 2]);
    await writer.write({ count: 2, ids: ['0', '1'], latents: numbers, errors: numbers });
    await writer.finish();
    const table = await readTable(Uint8Array.from(readFileSync(path)), 'x.parquet');
    const join = () => joinTable(table, { ...images, ids: ['0', '1'], labels: null, split: 'train' }, 'x');
    if (refused) expect(join).toThrow(RangeError);
    else expect(join().matched).toBe(2);
  }
});

test('Parquet of any types, with lists left out', async () => {
  const path = scratch('table.parquet');
  const OPTIONAL = { repetition_type: 'OPTIONAL' } as const;
  await parquetWriteFile({
    filename: path,
    schema: [
      { name: 'root', num_children: 10 },
      { name: 'id', type: 'INT64' },
      { name: 'flag', type: 'BOOLEAN' },
      { name: 'score', type: 'DOUBLE', ...OPTIONAL },
      { name: 'far', type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
      { name: 'empty', type: 'DOUBLE', ...OPTIONAL },
      { name: 'time', type: 'INT64' },
      { name: 'hash', type: 'INT64' },
      { name: 'day', type: 'INT32', converted_type: 'DATE', ...OPTIONAL },
      { name: 'moment', type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
      { name: 'latent', converted_type: 'LIST', num_children: 1, ...OPTIONAL },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'FLOAT', ...OPTIONAL },
    ],
    columnData: [
      { name: 'id', data: [3n, 1n] },
      { name: 'flag', data: [true, false] },
      { name: 'score', data: [0.5, null] },
      { name: 'far', data: [2n ** 62n, 0n] },
      { name: 'empty', data: [null, null] },
      // More whole numbers than float32 has.
      { name: 'time', data: [1_700_000_123n, 1_700_000_124n] },
      { name: 'hash', data: [2n ** 53n + 1n, 2n ** 53n] },
      { name: 'day', data: [new Date('2026-02-03'), null] },
      { name: 'moment', data: [new Date('2026-02-03T04:05Z'), new Date('2026-02-03T00:00Z')] },
      { name: 'latent', data: [[1, 2], [3]] },
    ],
  });
  const table = await readTable(Uint8Array.from(readFileSync(path)), path);
  const ids = ['1', '2', '3'];
  const { columns, leftOut } = joinTable(table, { ...images, ids }, 'table');
  expect(columns).toEqual([
    { name: 'flag', kind: 'category', values: Int32Array.of(0, -1, 1), categories: ['false', 'true'] },
    { name: 'score', kind: 'number', values: Float64Array.of(Number.NaN, Number.NaN, 0.5), categories: [] },
    { name: 'time', kind: 'category', values: Int32Array.of(1, -1, 0), categories: ['1700000123', '1700000124'] },
    {
      name: 'hash',
      kind: 'category',
      values: Int32Array.of(0, -1, 1),
      categories: ['9007199254740992', '9007199254740993'],
    },
    { name: 'day', kind: 'category', values: Int32Array.of(-1, -1, 0), categories: ['2026-02-03'] },
    {
      ...{ name: 'moment', kind: 'category', values: Int32Array.of(0, -1, 1) },
      categories: ['2026-02-03', '2026-02-03T04:05:00.000Z'],
    },
  ]);
  expect(leftOut).toEqual([
    'latent (no numbers, texts or dates)',
    'far (no numbers, texts or dates)',
    'empty (no values)',
  ]);
  await expect(readTable(bytes('PAR1 nothing PAR1'), 'x.parquet')).rejects.toThrow(RangeError);
});

test.each([
  ['no ids', 'name,x\na,1'],
  ['an id twice', 'id,x\na,1\na,2'],
  ['ids of other images', 'id,x\nq,1'],
  ['an uneven row', 'id,x\na'],
  ['no rows', 'id,x\n'],
  ['two columns of one name', 'id,x,x\na,1,2'],
  ['labels of other images', 'id,label\na,0\nb,1'],
  ['classes of other images', 'id,class\na,one\nb,zero'],
])('refuses a table with %s', async (_, text) => {
  const labels = Int32Array.of(0, 0, -1);
  await expect(join3(text, { labels, classes: ['zero', 'one'] })).rejects.toThrow(RangeError);
});

test('labels and classes that the images have are left out', async () => {
  const known = { labels: Int32Array.of(0, 1, -1), classes: ['zero', 'one'] };
  const { columns } = await join3('id,label,class,x\na,0,zero,1.5\nb,1,one,2.5\nc,,,1', known);
  expect(columns.map(({ name }) => name)).toEqual(['x']);
});

test('`site` joins tables to the images of each model, and refuses those of none', async () => {
  mkdirSync(scratch('app'));
  const app = stubApp(scratch('app'));
  const data = tinyData(scratch('data'), 60);
  const exported = await exportTrained(scratch('exported'), data);
  const held = await openSplit(data, 'test');
  const ids = Array.from({ length: held.length }, (_, i) => held.id(i));
  await held.close();
  const table = scratch('clusters.csv');
  writeFileSync(
    table,
    `id,cluster,far\n${ids.map((id, i) => `"${id}",${i % 3},${1.7e9 + i / 8}`).join('\n')}\nother,9,1\n`,
  );
  const notes: string[] = [];
  const options = {
    exported: [exported],
    data: [],
    device: 'cpu',
    app,
    note: (line: string) => notes.push(line),
  } as const;
  const out = scratch('out');
  const { models } = await buildSite({ ...options, out, columns: [table] });
  expect(models[0]?.columns).toEqual(['cluster', 'far']);
  expect(notes).toHaveLength(1);
  const folder = join(out, 'models/exported');
  const { columns, files } = readJson<{ columns: { name: string; file: string }[]; files: object }>(
    join(folder, 'manifest.json'),
  );
  expect(columns).toMatchObject([
    { name: 'cluster', kind: 'category', categories: ['0', '1', '2'] },
    { name: 'far', kind: 'number' },
  ]);
  expect(Object.keys(files)).toEqual(expect.arrayContaining(columns.map(({ file }) => file)));
  expect(readNpy(join(folder, columns[0]?.file ?? '')).numbers).toEqual(ids.map((_, i) => i % 3));
  expect(readNpy(join(folder, columns[1]?.file ?? '')).numbers).toEqual(ids.map((_, i) => 1.7e9 + i / 8));

  writeFileSync(scratch('other.csv'), 'id,x\nnowhere,1\n');
  for (const file of [scratch('other.csv'), scratch('missing.csv'), scratch('app/index.html')]) {
    await expect(buildSite({ ...options, out: scratch('refused'), columns: [file] })).rejects.toMatchObject({
      exitCode: 2,
    });
  }
});

test('a map that was not made before is added to those that are kept', async () => {
  const data = tinyData(scratch('data3'), 40);
  const exported = await exportTrained(scratch('three'), data);
  await withModels({ exported: [exported], data: [], out: 'site' }, async ([model]) => {
    if (!model) throw new Error('no model');
    const { card } = model.model;
    const wide = { ...model, model: { ...model.model, card: { ...card, latent: { ...card.latent, size: 3 } } } };
    const n = model.dataset.length;
    const latents = Float32Array.from({ length: 3 * n }, (_, i) => Math.sin(i * i));
    const known = { latents, errors: new Float32Array(n), maps: [], dimensions: { kl: null, variance: [1, 1, 1] } };
    const compute = async (maps: readonly ('PCA' | 'UMAP')[]) => {
      const found = (await readPoints(wide)) ?? known;
      const plan = pointsPlan(wide, found, maps);
      const points = await computePoints(wide, found, {
        device: 'cpu',
        maps,
        stages: createStages(plan, undefined),
        note: () => {},
      });
      return { made: plan.map(([name]) => name), points };
    };
    const first = await compute(['PCA']);
    expect(first.made).toEqual(['three: PCA']);
    const second = await compute(['UMAP', 'PCA']);
    expect(second.made).toEqual(['three: UMAP']);
    expect(second.points.maps.map(({ method }) => method)).toEqual(['UMAP', 'PCA']);
    expect(second.points.maps[1]).toEqual(first.points.maps[0]);
    expect(await readPoints(wide)).toEqual(second.points);
    expect(await compute(['PCA'])).toEqual({ ...first, made: [] });
  });
});
