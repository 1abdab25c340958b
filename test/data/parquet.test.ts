import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SchemaElement } from 'hyparquet';
import { type ColumnSource, parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { parquetSource } from '../../pipeline/data/formats/parquet.ts';
import { isParquet } from '../../pipeline/data/formats/parquet-file.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import { decodedOf, entriesOf, patternOf, png, storedOf } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** Elements of a column of lists of lists. */
const listElements = (name: string, depth: number): SchemaElement[] => [
  ...Array.from({ length: depth }, (_, i): SchemaElement[] => [
    { name: i === 0 ? name : 'element', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ]).flat(),
  { name: 'element', type: 'INT32', repetition_type: 'OPTIONAL' },
];
const int = (name: string): SchemaElement => ({ name, type: 'INT32', repetition_type: 'OPTIONAL' });

function write(
  file: string,
  columnData: ColumnSource[],
  elements?: SchemaElement[],
  names?: readonly string[],
): string {
  const features = { label: { _type: 'ClassLabel', names } };
  parquetWriteFile({
    filename: path(file),
    columnData,
    ...(elements && { schema: [{ name: 'schema', num_children: columnData.length }, ...elements] }),
    kvMetadata: names ? [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }] : [],
  });
  return path(file);
}

describe('files of other writers', () => {
  test('Hugging Face: images in a struct, class names in the metadata, several row groups', async () => {
    expect(await isParquet(fixture('hf-image.parquet'))).toBe(true);
    const { all, notes } = await parquetSource(fixture('hf-image.parquet'));
    expectFacts(notes.join(), 'fine_label', 'label', '--label fine_label');
    expect([all?.count, all?.classes]).toEqual([6, ['cat', 'dog', 'bird']]);
    const entries = await entriesOf(all);
    expect(entries.map(({ id }) => id)).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(entries.map(({ label }) => label)).toEqual([2, 0, 1, 2, 0, -1]);
    expect(entries[5]?.where).toBe(`${fixture('hf-image.parquet')}: row 5`);
    for (const i of [0, 3, 5]) expect(await decodedOf(entries[i])).toEqual(patternOf(i, 72));
  });

  test('Hugging Face: Array3D', async () => {
    const { all } = await parquetSource(fixture('hf-array3d.parquet'));
    const entries = await entriesOf(all);
    expect(entries.map(({ label }) => label)).toEqual(['a', 'b', 'a']);
    expect(await storedOf(entries[2])).toEqual([3, 5, 3, 'uint8', patternOf(2, 45)]);
  });

  test('pandas: a column for each pixel, gzip', async () => {
    const { all, notes } = await parquetSource(fixture('pandas-pixels.parquet'));
    const entries = await entriesOf(all);
    expect([notes, entries.map(({ label }) => label)]).toEqual([[], [7, 3, 7, 1, 0]]);
    expect(await storedOf(entries[4])).toEqual([4, 4, 1, 'int64', patternOf(4, 16)]);
  });

  test('pandas: lists of floats and categories, zstd', async () => {
    const { all } = await parquetSource(fixture('pandas-list.parquet'));
    const entries = await entriesOf(all);
    expect(entries.map(({ label }) => label)).toEqual(['x', 'y', 'x', 'x']);
    expect(await storedOf(entries[3])).toEqual([4, 4, 1, 'float64', patternOf(3, 16).map((value) => value / 255)]);
  });

  test('pandas: plain bytes, brotli', async () => {
    const { all } = await parquetSource(fixture('pandas-bytes.parquet'));
    const entries = await entriesOf(all);
    expect(entries.map(({ label }) => label)).toEqual([1, 2]);
    const rgb = await decodedOf(entries[1]);
    expect(rgb.filter((_, i) => i % 3 === 0)).toEqual(patternOf(1, 24));
  });

  test('images in the file count, not those that it names; masks are not taken for them; nulls by LZ4', async () => {
    const file = path('named/set.parquet');
    mkdirSync(dirname(file));
    copyFileSync(fixture('pyarrow-names.parquet'), file);
    for (const name of ['a', 'b', 'c']) writeFileSync(path(`named/${name}.png`), await png(0));
    const { all, notes } = await locateData(file);
    const entries = await entriesOf(all);
    const levels = entries.map(async (entry) => [...new Set(await decodedOf(entry))]);
    expect(await Promise.all(levels)).toEqual([[10], [20], [30]]);
    expectFacts(notes.join(), 'mask, file_name');
    // A clone of a data set with a few pictures of it.
    expectFacts(await inputErrorOf(locateData(path('named'))), 'set.parquet', 'a.png', `--data ${file}`);
  });
});

describe('shards', () => {
  const copy = (file: string) => {
    mkdirSync(dirname(path(file)), { recursive: true });
    copyFileSync(fixture('hf-image.parquet'), path(file));
  };

  test('parts are in the names, and ids count through the files of a part', async () => {
    for (const file of [
      'train-00000-of-00002',
      'train-00001-of-00002',
      'validation-00000-of-00001',
      'test-00000-of-00001',
    ]) {
      copy(`hub/data/${file}.parquet`);
    }
    const { train, val, test: held, all } = await parquetSource(path('hub'));
    expect([train?.count, val?.count, held?.count, all]).toEqual([12, 6, 6, undefined]);
    const entries = await entriesOf(train);
    expect(entries.map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, i) => String(i)));
    expect(entries[7]?.where).toBe(`${path('hub/data/train-00001-of-00002.parquet')}: row 1`);
    expect(await train?.stamp()).toContain('train-00001-of-00002.parquet');
  });

  test('parts are folders', async () => {
    copy('converted/default/train/0000.parquet');
    copy('converted/default/test/0000.parquet');
    const { train, test: held } = await parquetSource(path('converted'));
    expect([train?.count, held?.count]).toEqual([6, 6]);
  });

  test('one part alone is a set in one piece, as a file is', async () => {
    copy('alone/train-0.parquet');
    expect((await parquetSource(path('alone'))).all?.count).toBe(6);
    expect((await parquetSource(path('alone/train-0.parquet'))).all?.count).toBe(6);
  });

  test('a file of no part beside others, two sets, other columns', async () => {
    copy('mixed/train.parquet');
    copy('mixed/extra.parquet');
    expectFacts(await inputErrorOf(parquetSource(path('mixed'))), 'train.parquet', 'train', 'extra.parquet');
    copy('two/a/0.parquet');
    copy('two/b/0.parquet');
    expectFacts(await inputErrorOf(parquetSource(path('two'))), path('two/a'), path('two/b'));
    copy('other/train.parquet');
    copyFileSync(fixture('hf-array3d.parquet'), path('other/test.parquet'));
    expectFacts(await inputErrorOf(parquetSource(path('other'))), "'image'", "'img'");
  });
});

describe('columns', () => {
  const numbers = (images: number, length: number) => Array.from({ length: images }, (_, i) => patternOf(i, length));

  test('lists in channel planes, and a label that is not the first', async () => {
    const planes = numbers(2, 30).map((row) =>
      [0, 1, 2].map((c) => [row.slice(10 * c, 10 * c + 5), row.slice(10 * c + 5, 10 * c + 10)]),
    );
    const file = write(
      'planes.parquet',
      [
        { name: 'fine_label', data: [5, 6] },
        { name: 'label', data: [1, 0] },
        { name: 'pixels', data: planes },
      ],
      [int('fine_label'), int('label'), ...listElements('pixels', 3)],
      ['no', 'yes'],
    );
    const { all, notes } = await parquetSource(file);
    const [first, second] = await entriesOf(all);
    expect([all?.classes, first?.label]).toEqual([['no', 'yes'], 1]);
    expectFacts(notes.join(), 'fine_label', '--label fine_label');
    const [height, width, channels, , values] = await storedOf(second);
    expect([height, width, channels]).toEqual([2, 5, 3]);
    const row = patternOf(1, 30);
    expect(values).toEqual(Array.from({ length: 30 }, (_, i) => row[(i % 3) * 10 + Math.floor(i / 3)]));
  });

  test('images of several sizes, and damaged rows', async () => {
    const pictures = [
      [
        [1, 2],
        [3, 4],
      ],
      [[1, 2, 3]],
      [[1, 2], [3]],
    ];
    const { all } = await parquetSource(
      write('sizes.parquet', [{ name: 'image', data: pictures }], listElements('image', 2)),
    );
    const entries = await entriesOf(all);
    expect((await storedOf(entries[0])).slice(0, 2)).toEqual([2, 2]);
    expect((await storedOf(entries[1])).slice(0, 2)).toEqual([1, 3]);
    expectFacts(await inputErrorOf(entries[2]?.read() as Promise<unknown>), 'sizes.parquet: row 2');
  });

  test('rows without an image, or with its path alone', async () => {
    const image = [{ bytes: await png(0), path: null }, null, { bytes: null, path: 'a/b.png' }];
    const file = write(
      'struct.parquet',
      [{ name: 'image', data: image }],
      [
        { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
        { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      ],
    );
    const entries = await entriesOf((await parquetSource(file)).all);
    expect(await decodedOf(entries[0])).toEqual(patternOf(0, 72));
    expectFacts(await inputErrorOf(entries[1]?.read() as Promise<unknown>), 'row 1', 'no image');
    expectFacts(await inputErrorOf(entries[2]?.read() as Promise<unknown>), 'row 2', 'a/b.png');
  });

  test('flat RGB in either order, found by how smooth it is', async () => {
    const value = (i: number, c: number) => 100 * c + 10 * (i % 4) + Math.floor(i / 4);
    const last = Array.from({ length: 48 }, (_, i) => value(Math.floor(i / 3), i % 3));
    const first = Array.from({ length: 48 }, (_, i) => value(i % 16, Math.floor(i / 16)));
    for (const [file, data, said] of [
      ['hwc', last, /pixel after another/],
      ['chw', first, /red, then green/],
    ] as const) {
      const list = write(`${file}.parquet`, [{ name: 'image', data: [data] }], listElements('image', 1));
      const { all, notes } = await parquetSource(list);
      expect(await storedOf((await entriesOf(all))[0])).toEqual([4, 4, 3, 'int32', last]);
      expect(notes.join()).toMatch(said);
    }
  });

  test('lengths that make no image; text; --size', async () => {
    const file = write('odd.parquet', [{ name: 'image', data: numbers(2, 24) }], listElements('image', 1));
    const [odd] = await entriesOf((await parquetSource(file)).all);
    expectFacts(await inputErrorOf(odd?.read() as Promise<unknown>), 'row 0', '24', '--size');
    const [sized] = await entriesOf((await parquetSource(file, { size: { height: 4, width: 6 } })).all);
    expect((await storedOf(sized)).slice(0, 3)).toEqual([4, 6, 1]);
    const text = write('text.parquet', [
      { name: 'image', data: ['a.png'], type: 'STRING' },
      { name: 'label', data: [1], type: 'INT32' },
    ]);
    expectFacts(await inputErrorOf(parquetSource(text)), text, 'image (text), label (int32)');
  });
});

test('damage: a file that is cut short, and a row group that can be skipped', async () => {
  const bytes = readFileSync(fixture('hf-image.parquet'));
  writeFileSync(path('cut.parquet'), bytes.subarray(0, 2000));
  expectFacts(await inputErrorOf(parquetSource(path('cut.parquet'))), path('cut.parquet'));
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, 4, 60);
  writeFileSync(path('damaged.parquet'), damaged);
  const before = openFiles();
  const entries = await entriesOf((await parquetSource(path('damaged.parquet'))).all);
  expect(entries.map(({ id }) => id)).toEqual(['0', '1', '2', '3', '4', '5']);
  expectFacts(await inputErrorOf(entries[0]?.read() as Promise<unknown>), path('damaged.parquet'), 'damaged');
  expect(await decodedOf(entries[4])).toEqual(patternOf(4, 72));
  expect(openFiles()).toBe(before);
});

test('encoded images come before lists, which may be embeddings', async () => {
  const file = write(
    'embedded.parquet',
    [
      { name: 'embedding', data: [patternOf(0, 16)] },
      { name: 'photo', data: [await png(1)] },
    ],
    [...listElements('embedding', 1), { name: 'photo', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' }],
  );
  expect(await decodedOf((await entriesOf((await parquetSource(file)).all))[0])).toEqual(patternOf(1, 72));
});
