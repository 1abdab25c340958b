import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { closeSplits } from '../../pipeline/data/dataset.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import { openSplits } from '../../pipeline/data/open.ts';
import type { DataOptions } from '../../pipeline/data/options.ts';
import { zipBytes } from './formats.ts';
import { pngBytes } from './images.ts';
import { entriesOf } from './sources.ts';
import { expectFacts, inputErrorOf, scratchFolder } from './support.ts';

const path = scratchFolder();
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

function save(file: string, bytes: Uint8Array | string): string {
  mkdirSync(dirname(path(file)), { recursive: true });
  writeFileSync(path(file), bytes);
  return path(file);
}

const image = (level: number) => pngBytes(8, 8, 8, 0, Array<number>(64).fill(level));

/** Labels of all images, by part, and the column that they are said to be from. */
async function labelsOf(spec: string, options: DataOptions = {}) {
  const { train, val, test: held, all, label, notes } = await locateData(spec, options);
  const labels = [];
  for (const part of [all, train, val, held]) {
    if (part) for (const entry of await entriesOf(part)) labels.push(entry.label);
    await part?.close();
  }
  return { labels, label, notes: notes.join('\n') };
}

const lesions = [
  { lesion_id: 'H1', image_id: 'I1', dx: 'nv', sex: 'male', dataset: 'rosendahl' },
  { lesion_id: 'H1', image_id: 'I2', dx: 'mel', sex: 'female', dataset: 'rosendahl' },
];
const names = Object.keys(lesions[0] as object) as (keyof (typeof lesions)[0])[];
const rows = [names, ...lesions.map((lesion) => names.map((name) => lesion[name]))];
for (const i of [1, 2]) save(`ham/I${i}.jpg`, image(i));
parquetWriteFile({
  filename: path('ham/d.parquet'),
  columnData: names.map((name) => ({ name, data: lesions.map((lesion) => lesion[name]), type: 'STRING' as const })),
});

describe('a column of labels that is asked for', () => {
  test.each([
    ['CSV', save('ham/a.csv', rows.map((row) => `${row.join()}\n`).join(''))],
    ['TSV', save('ham/b.tsv', rows.map((row) => `${row.join('\t')}\n`).join(''))],
    [
      'JSON lines',
      save('ham/c.jsonl', lesions.map((lesion) => `${JSON.stringify({ boxes: [[1, 2]], ...lesion })}\n`).join('')),
    ],
    ['Parquet', path('ham/d.parquet')],
    ['a list', save('ham/e.txt', rows.map((row) => `${[row[1], ...row].join(' ')}\n`).join(''))],
  ])('%s that names files', async (_, file) => {
    for (const [label, expected] of [['dx', ['nv', 'mel']], ['sex', ['male', 'female']]] as const) // biome-ignore format: short
      expect(await labelsOf(file, { label })).toMatchObject({ labels: expected, label });
    expect(await labelsOf(file, { knownLabel: 'sex' })).toMatchObject({ labels: ['male', 'female'], label: 'sex' });
    expect((await labelsOf(file, { knownLabel: 'age' })).label).toBeUndefined();
    expectFacts(await inputErrorOf(labelsOf(file, { label: 'age' })), '--label age', file, 'dx', 'sex');
  });

  test('the summary names the columns and the option; one that holds lists is refused', async () => {
    const { labels, notes } = await labelsOf(path('ham/a.csv'));
    expect(labels).toEqual([undefined, undefined]);
    expectFacts(notes, 'lesion_id, dx, sex', '--label dx');
    const both = save('ham/both.csv', 'image_id,label,dx\nI1,a,nv\nI2,b,mel\n');
    expectFacts((await labelsOf(both)).notes, 'dx', 'label', '--label dx');
    expectFacts(await inputErrorOf(labelsOf(path('ham/c.jsonl'), { label: 'boxes' })), '--label boxes', 'dx');
  });

  test('one that otherwise says splits', async () => {
    const file = save('ham/set.csv', 'image_id,set\nI1,train\nI2,test\n');
    expect(await labelsOf(file)).toMatchObject({ labels: [undefined, undefined] });
    const { all, train } = await locateData(file, { label: 'set' });
    expect([all?.count, train]).toEqual([2, undefined]);
  });

  test("CelebA's attributes, 1 and -1, are two classes in table and list", async () => {
    for (const i of [1, 2, 3]) save(`celeba/img_align_celeba/${i}.jpg`, image(i));
    const lines = ['1.jpg -1  1', '2.jpg  1  1', '3.jpg -1 -1'];
    const list = save('celeba/list_attr_celeba.txt', `3\nMale Young\n${lines.join('\n')}\n`);
    const table = save('celeba/attr.csv', `image_id,Male,Young\n${lines.join('\n').replaceAll(/ +/g, ',')}\n`);
    for (const file of [list, table]) {
      expect((await labelsOf(file, { label: 'Male' })).labels).toEqual(['0', '1', '0']);
      expect((await labelsOf(file, { label: 'Young' })).labels).toEqual(['1', '1', '0']);
      expectFacts((await labelsOf(file)).notes, '--label ');
    }
    expectFacts(await inputErrorOf(labelsOf(list, { label: 'Old' })), '--label Old', list, 'Male, Young');
    // Among other labels, -1 is none.
    const some = save('celeba/some.csv', 'image_id,a,b\n1.jpg,-1,x\n2.jpg,1,x\n3.jpg,2,y\n');
    expect((await labelsOf(some, { label: 'a' })).labels).toEqual(['-1', '1', '2']);
  });

  test('metadata beside images, on disk and in an archive', async () => {
    const metadata = 'file_name,label,dx\nx/1.png,a,nv\ny/2.png,b,mel\n';
    const members = [
      { name: 'x/1.png', data: image(1) },
      { name: 'y/2.png', data: image(2) },
      { name: 'metadata.csv', data: Buffer.from(metadata) },
    ];
    for (const { name, data } of members) save(`beside/${name}`, data);
    for (const spec of [path('beside'), save('beside.zip', zipBytes(members))]) {
      expect((await labelsOf(spec)).labels).toEqual(['a', 'b']);
      expect(await labelsOf(spec, { label: 'dx' })).toMatchObject({ labels: ['nv', 'mel'], label: 'dx' });
      expectFacts(await inputErrorOf(labelsOf(spec, { label: 'age' })), '--label age', 'metadata.csv', 'label, dx');
    }
  });

  test("Roboflow's tables of one-hot columns, one for each part, also where a part has one class only", async () => {
    const parts = { train: '1.jpg, 1, 0\n2.jpg, 0, 1\n', valid: '3.jpg, 1, 0\n', test: '4.jpg, 0, 1\n' };
    for (const [part, rows] of Object.entries(parts)) {
      for (const [name] of rows.matchAll(/\d.jpg/g)) save(`roboflow/${part}/${name}`, image(1));
      save(`roboflow/${part}/_classes.csv`, `filename, cat, dog\n${rows}`);
    }
    expect((await labelsOf(path('roboflow'))).labels).toEqual(['cat', 'dog', 'cat', 'dog']);
  });

  test('metadata that names other images leaves folders as classes', async () => {
    for (const name of ['a/1.png', 'b/2.png']) save(`others/${name}`, image(1));
    save('others/metadata.csv', 'file_name,label\nx.png,7\n');
    const { labels, notes } = await labelsOf(path('others'));
    expect(labels).toEqual(['a', 'b']);
    expectFacts(notes, 'metadata.csv', 'x.png', '--data');
    expectFacts(await inputErrorOf(labelsOf(path('others'), { label: 'label' })), '--label label', 'metadata.csv');
  });

  test('tables of pixels, with names and without', async () => {
    const pixels = (level: number) => Array<number>(4).fill(level).join();
    const file = save('pixels/a.csv', `label,writer,p0,p1,p2,p3\n7,a,${pixels(1)}\n8,b,${pixels(2)}\n`);
    expect((await labelsOf(file)).labels).toEqual(['7', '8']);
    expect((await labelsOf(file, { label: 'writer' })).labels).toEqual(['a', 'b']);
    expectFacts(await inputErrorOf(labelsOf(file, { label: 'x' })), '--label x', file, 'label, writer');
    const bare = save('pixels/bare.csv', `3,${pixels(1)}\n4,${pixels(2)}\n`);
    expectFacts(await inputErrorOf(labelsOf(bare)), bare, "--label 'column 1'", "'column 5'");
    const { labels } = await labelsOf(bare, { label: 'column 1' });
    expect(labels).toEqual(['3', '4']);
  });

  test("Hugging Face's Parquet: another column, whose class names are in the metadata, and its own place in the cache", async () => {
    const file = fixture('hf-image.parquet');
    expect((await labelsOf(file)).labels).toEqual([2, 0, 1, 2, 0, -1]);
    const { labels, notes } = await labelsOf(file, { label: 'fine_label' });
    expect(labels).not.toEqual([2, 0, 1, 2, 0, -1]);
    expectFacts(notes, 'columns not used: label', '--label label');
    const classes = async (options: DataOptions) => {
      const splits = await openSplits(file, { cache: path('cache'), ...options });
      await closeSplits(splits);
      return [splits.label, splits.train.classes];
    };
    const [first, second] = [await classes({}), await classes({ label: 'fine_label' })];
    expect([first[0], second[0]]).toEqual([undefined, 'fine_label']);
    expect(second[1]).not.toEqual(first[1]);
    expectFacts(await inputErrorOf(labelsOf(file, { label: 'image' })), '--label image', 'label', 'fine_label');
  });

  test('one-hot lists, if asked for, and lists of one', async () => {
    const file = fixture('pyarrow-names.parquet');
    const { labels, notes } = await labelsOf(file);
    expect(labels).toEqual([undefined, undefined, undefined]);
    expectFacts(notes, '--label label');
    const hot = [[0, 1], [1, 0], [0, 0]]; // biome-ignore format: short
    expect(await labelsOf(file, { label: 'label' })).toMatchObject({ labels: hot, label: 'label' });
    expect((await labelsOf(file, { label: 'one' })).labels).toEqual([5, 6, 5]);
    for (const i of [0, 1, 2]) save(`hot/${i}.png`, image(i));
    const rows = hot.map((label, i) => ({ file_name: `${i}.png`, label, boxes: [[1, 2]] }));
    const members = rows.flatMap(({ label }, i) => [
      { name: `${i}.png`, data: image(i) },
      { name: `${i}.json`, data: Buffer.from(JSON.stringify({ label })) },
    ]);
    save('hot/metadata.jsonl', rows.map((row) => `${JSON.stringify(row)}\n${JSON.stringify(row)}\n`).join(''));
    for (const spec of [path('hot'), path('hot/metadata.jsonl'), save('hot.zip', zipBytes(members))]) {
      expect((await labelsOf(spec, { label: 'label' })).labels).toEqual(hot);
      const none = await labelsOf(spec);
      expect(none.labels).toEqual([undefined, undefined, undefined]);
      expectFacts(none.notes, '--label label');
    }
    expectFacts(await inputErrorOf(labelsOf(path('hot'), { label: 'boxes' })), '--label boxes', 'label');
  });

  test('CIFAR-100', async () => {
    const images = [0, 1].map((i) => Buffer.concat([Buffer.from([i, 10 + i]), Buffer.alloc(3072, i)]));
    for (const name of ['train', 'test']) save(`cifar/${name}.bin`, Buffer.concat(images));
    save('cifar/coarse_label_names.txt', Array.from({ length: 20 }, (_, i) => `c${i}\n`).join(''));
    expect((await labelsOf(path('cifar'))).labels).toEqual([10, 11, 10, 11]);
    expect((await labelsOf(path('cifar'), { label: 'coarse_label' })).labels).toEqual([0, 1, 0, 1]);
    expect((await locateData(path('cifar'), { label: 'coarse_label' })).train?.classes).toHaveLength(20);
  });

  test('in a table of a folder of images, whose lists say splits', async () => {
    for (const name of ['part_1/a.jpg', 'part_2/b.jpg', 'part_2/c.jpg']) save(`whole/images_${name}`, image(1));
    save('whole/HAM_metadata.csv', 'lesion_id,image_id,dx,age\nH1,b,nv,40\nH2,a,mel,50\n');
    for (const [name, file] of Object.entries({ train: 'a\nb\n', test: 'c\n' })) save(`whole/${name}.txt`, file);
    save('whole/other.csv', 'x,y\n1,2\n');
    for (const options of [{ label: 'dx' }, { knownLabel: 'dx' }]) {
      expect(await labelsOf(path('whole'), options)).toMatchObject({ labels: ['mel', 'nv', undefined], label: 'dx' });
      expect((await locateData(path('whole'), options)).test?.count).toBe(1);
    }
    expect(await labelsOf(path('whole'))).toMatchObject({ labels: [undefined, undefined, undefined] });
    expectFacts(
      await inputErrorOf(labelsOf(path('whole'), { label: 'sex' })),
      '--label sex',
      'metadata.csv',
      'dx, age',
    );
  });

  test("CelebA's folders: attributes and splits are in lists", async () => {
    for (const i of [1, 2, 3]) save(`all/Img/img_align_celeba/${i}.jpg`, image(i));
    save('all/Anno/list_attr_celeba.txt', '3\nMale Young\n1.jpg -1  1\n2.jpg  1  1\n3.jpg -1 -1\n');
    save('all/Eval/list_eval_partition.txt', '1.jpg 0\n2.jpg 0\n3.jpg 2\n');
    expect(await labelsOf(path('all'), { label: 'Male' })).toMatchObject({ labels: ['0', '1', '0'], label: 'Male' });
    expect((await locateData(path('all'), { label: 'Male' })).test?.count).toBe(1);
    expectFacts(await inputErrorOf(labelsOf(path('all'), { label: 'Old' })), '--label Old', 'list_attr', 'Male, Young');
  });

  test('refused where there is no table', async () => {
    save('plain/a/1.png', image(1));
    expectFacts(await inputErrorOf(labelsOf('mnist', { label: 'dx' })), '--label dx', 'mnist');
    expectFacts(await inputErrorOf(labelsOf(path('plain'), { label: 'dx' })), '--label dx', path('plain'));
  });
});
