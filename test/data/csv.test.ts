import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { closeSplits } from '../../pipeline/data/dataset.ts';
import { csvSource } from '../../pipeline/data/formats/csv.ts';
import { linesIn } from '../../pipeline/data/formats/lines.ts';
import { openSplits } from '../../pipeline/data/open.ts';
import { entriesOf, patternOf, storedOf } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();
const row = (image: number) => patternOf(image, 16);
const header = Array.from({ length: 16 }, (_, i) => `pixel${i}`);

function write(file: string, lines: readonly (readonly unknown[])[], separator = ','): string {
  mkdirSync(dirname(path(file)), { recursive: true });
  const text = lines.map((line) => `${line.join(separator)}\n`).join('');
  writeFileSync(path(file), file.endsWith('.gz') ? gzipSync(text) : text);
  return path(file);
}

function resave(file: string, text: string): string {
  writeFileSync(path(file), text);
  return path(file);
}

const labels = [7, 3, 7];
const labelFirst = labels.map((label, i) => [label, ...row(i)]);

const tables: [string, string][] = [
  ['a header, label first', write('kaggle.csv', [['label', ...header], ...labelFirst])],
  ['label last', write('last.csv', [[...header, 'class'], ...labels.map((label, i) => [...row(i), label])])],
  [
    'no header, label first',
    write(
      'bare.csv',
      labels.map((label, i) => [label, ...row(i).fill(0, 15)]),
    ),
  ],
  [
    'no header, label last',
    write(
      'bare-last.csv',
      labels.map((label, i) => [...row(i).fill(0, 0, 1), label]),
    ),
  ],
  ['semicolons', write('semicolons.csv', [['label', ...header], ...labelFirst], ';')],
  ['tabs, gzip', write('tabs.tsv.gz', [['label', ...header], ...labelFirst], '\t')],
  [
    'row numbers of pandas',
    write('pandas.csv', [['', 'label', ...header], ...labelFirst.map((line, i) => [i, ...line])]),
  ],
  ['numbered columns', write('numbered.csv', [['label', ...header.keys()], ...labelFirst])],
  ['lines of old Macs', resave('mac.csv', readFileSync(path('kaggle.csv'), 'utf8').replaceAll('\n', '\r'))],
  [
    'quotes and CRLF',
    write('quoted.csv', [
      ['"label"', ...header],
      ...labels.map((l, i) => [`"${l}"`, ...row(i), '\r'].join().replace(/,\r$/, '\r').split(',')),
    ]),
  ],
];
test.each(tables)('%s', async (_, file) => {
  const before = openFiles();
  const { all } = await csvSource(file);
  const entries = await entriesOf(all);
  expect(entries.map(({ id, label }) => [id, label])).toEqual([
    ['0', '7'],
    ['1', '3'],
    ['2', '7'],
  ]);
  const expected = row(2);
  if (file.endsWith('bare.csv')) expected[15] = 0;
  if (file.endsWith('bare-last.csv')) expected[0] = 0;
  expect(await storedOf(entries[2])).toEqual([4, 4, 1, 'int64', expected]);
  expect(openFiles()).toBe(before);
});

test('columns of pixels that are not in the order of their numbers', async () => {
  const order = [...header.keys()];
  const by = (file: string, places: readonly number[], nameOf: (at: number) => string) => {
    const rows = [0, 1].map((image) => [image, ...places.map((at) => row(image)[at])]);
    return csvSource(write(file, [['label', ...places.map(nameOf)], ...rows]));
  };
  const texts = order.toSorted((a, b) => (`pixel${a}` < `pixel${b}` ? -1 : 1));
  const turned = order.map((at) => (at % 4) * 4 + Math.floor(at / 4));
  const cell = (at: number) => `${Math.floor(at / 4) + 1}x${(at % 4) + 1}`;
  for (const [file, places, nameOf] of [
    ['texts.csv', texts, (at: number) => `pixel${at}`],
    ['cells.csv', texts, cell],
  ] as const) {
    const { all, notes } = await by(file, places, nameOf);
    const stored = await storedOf((await entriesOf(all))[1]);
    expect(stored[4]).toEqual(row(1));
    expect(notes).toHaveLength(1);
    expect(await all?.stamp()).toContain(notes[0]);
  }
  // Of two numbers, the second may be the row: the order of the table stays, which is said.
  const { all, notes } = await by('turned.csv', turned, cell);
  expect((await storedOf((await entriesOf(all))[1]))[4]).toEqual(turned.map((at) => row(1)[at]));
  expectFacts(notes.join(), '1x1, 2x1, 3x1');
  expect((await by('sorted.csv', order, cell)).notes).toEqual([]);
});

test('no label; floats; names as labels; --size', async () => {
  const bare = await entriesOf((await csvSource(write('unlabelled.csv', [row(0), row(1)]))).all);
  expect([bare.length, bare[0]?.label, bare[1]?.where]).toEqual([2, undefined, `${path('unlabelled.csv')}: line 2`]);
  const floats = await csvSource(
    write('floats.csv', [
      ['y', ...header],
      ['cat', ...row(1).map((value) => value / 256)],
    ]),
  );
  const [image] = await entriesOf(floats.all);
  expect([image?.label, ...(await storedOf(image))]).toEqual([
    'cat',
    4,
    4,
    1,
    'float64',
    row(1).map((value) => value / 256),
  ]);
  const wide = write('wide.csv', [patternOf(0, 24), patternOf(1, 24)]);
  expectFacts(await inputErrorOf(csvSource(wide)), wide, '24', '--size');
  const [sized] = await entriesOf((await csvSource(wide, { size: { height: 4, width: 6 } })).all);
  expect(await storedOf(sized)).toEqual([4, 6, 1, 'int64', patternOf(0, 24)]);
});

test('decimal commas between semicolons or tabs', async () => {
  const comma = (value: number) => String(value).replace('.', ',');
  const numbers = [0, 1].map((image) => row(image).map((value) => value / 256));
  const lines = numbers.map((own, i) => [i + 1, ...own.map(comma)]);
  for (const file of [
    write('comma.csv', [['label', ...header], ...lines], ';'),
    write('comma-bare.csv', lines, ';'),
    write('comma.tsv', [['label', ...header], ...lines], '\t'),
    write('comma-whole.csv', [['label', ...header], [1, ...Array<number>(16).fill(3)], ...lines.slice(1)], ';'),
  ]) {
    const [, second] = await entriesOf((await csvSource(file)).all);
    expect([second?.label, ...(await storedOf(second))]).toEqual(['2', 4, 4, 1, 'float64', numbers[1]]);
  }
});

test('labels that are digits, letters, whole numbers with a point, measures', async () => {
  const labelled = async (...labels: string[]) => {
    const lines = labels.map((label, i) => [label, ...row(i)]);
    const splits = await openSplits(write(`labels-${labels.join('-')}.csv`, [['label', ...header], ...lines]), {
      cache: path('cache'),
    });
    await closeSplits(splits);
    return splits.train.classes;
  };
  expect(await labelled('7', 'A', '007', '4e2', '7')).toEqual(['4e2', '007', '7', 'A']);
  expect(await labelled('10', '9.0', '-1', '9')).toEqual(['9', '10']);
  expect(await labelled('1', '2.5', '3')).toBeUndefined();
});

test('FER2013: all pixels in one column, and the part of each row', async () => {
  const lines = ['Training', 'PublicTest', 'Training', 'PrivateTest'].map((usage, i) => [
    i % 2,
    row(i).join(' '),
    usage,
  ]);
  const { train, val, test: held, all } = await csvSource(write('fer.csv', [['emotion', 'pixels', 'Usage'], ...lines]));
  expect(all).toBeUndefined();
  const entries = await entriesOf(train);
  expect(entries.map(({ id, label }) => [id, label])).toEqual([
    ['0', '0'],
    ['2', '0'],
  ]);
  expect(await storedOf(entries[1])).toEqual([4, 4, 1, 'int64', row(2)]);
  expect((await entriesOf(val)).map(({ id }) => id)).toEqual(['1']);
  expect((await entriesOf(held)).map(({ id }) => id)).toEqual(['3']);
});

test('RGB in either order, found by how smooth it is', async () => {
  const value = (x: number, y: number, c: number) => 100 * c + 10 * x + y;
  const at = Array.from({ length: 16 }, (_, i) => [i % 4, Math.floor(i / 4)] as const);
  const last = at.flatMap(([x, y]) => [0, 1, 2].map((c) => value(x, y, c)));
  const first = [0, 1, 2].flatMap((c) => at.map(([x, y]) => value(x, y, c)));
  for (const [file, numbers, said] of [
    ['hwc.csv', last, /pixel after another/],
    ['chw.csv', first, /red, then green/],
  ] as const) {
    const { all, notes } = await csvSource(write(file, [numbers]));
    const [entry] = await entriesOf(all);
    expect(await storedOf(entry)).toEqual([4, 4, 3, 'int64', last]);
    expect(notes.join()).toMatch(said);
  }
});

test('files of parts', async () => {
  write('parts/mnist_train.csv', [['label', ...header], ...labelFirst]);
  write('parts/mnist_test.csv', [['label', ...header], ...labelFirst.slice(0, 1)]);
  const { train, test: held } = await csvSource(path('parts'));
  expect([(await entriesOf(train)).length, (await entriesOf(held)).length]).toEqual([3, 1]);
});

test('a folder of tables: forms to be filled in are none, two sets are refused, names are no classes', async () => {
  write('digits/train.csv', [['label', ...header], ...labelFirst]);
  write('digits/test.csv', [header, row(5)]);
  write('digits/sample_submission.csv', [
    ['ImageId', 'Label'],
    [1, 0],
  ]);
  const { train, test: held } = await csvSource(path('digits'));
  expect([(await entriesOf(train)).length, (await entriesOf(held)).length]).toEqual([3, 1]);
  for (const name of ['a-train', 'b-train', 'b-test']) write(`sets/${name}.csv`, [['label', ...header], ...labelFirst]);
  expectFacts(await inputErrorOf(csvSource(path('sets'))), path('sets/a-train.csv'), path('sets/b-train.csv'));
  for (const name of ['train-0-of-2-49526cd23259bc45', 'train-1-of-2-a1b2c3d4e5f6'])
    write(`sums/${name}.csv`, [row(0)]);
  const { all, notes } = await csvSource(path('sums'));
  expect([(await entriesOf(all)).length, notes]).toEqual([2, []]);
  for (const name of ['cat', 'dog']) write(`pets/${name}.csv`, [row(0)]);
  expectFacts((await csvSource(path('pets'))).notes.join(), path('pets/cat.csv'), path('pets/dog.csv'), 'no classes');
});

test("EMNIST's tables hold images column by column", async () => {
  const columns = Array.from({ length: 16 }, (_, i) => (i % 4) * 4 + Math.floor(i / 4)); // of 0 … 15 row by row
  const { all, notes } = await csvSource(
    write('emnist-letters-train.csv', [
      [1, ...columns],
      [2, ...columns],
    ]),
  );
  const [entry] = await entriesOf(all);
  expect(await storedOf(entry)).toEqual([4, 4, 1, 'int64', [...columns.keys()]]);
  expect(notes).toHaveLength(1);
  const [other] = await entriesOf(
    (
      await csvSource(
        write('emnist.csv', [
          [1, ...columns],
          [2, ...columns],
        ]),
      )
    ).all,
  );
  expect((await storedOf(other)).at(4)).toEqual(columns);
});

test('damaged rows can be skipped, with the line named', async () => {
  const damaged = [
    ['label', ...header],
    [1, ...row(0)],
    [1, ...row(0).slice(1)],
    [2, ...row(0).slice(1), 'x'],
    [3, ...row(0).slice(1), 0.5],
    [4, ...row(3)],
  ];
  const entries = await entriesOf(
    (await csvSource(write('damaged.csv', damaged.slice(0, 2).concat(damaged.slice(1, 2)).concat(damaged.slice(2)))))
      .all,
  );
  expect(entries).toHaveLength(6);
  const of = (i: number) => inputErrorOf(entries[i]?.read() as Promise<unknown>);
  expectFacts(await of(2), 'damaged.csv: line 4', '16', '17');
  expectFacts(await of(3), 'line 5', 'pixel 15', "'x'");
  expect((await storedOf(entries[5])).at(4)).toEqual(row(3));
});

test('refused: labels that cannot be told from pixels, tables of something else, damaged gzip, unknown parts', async () => {
  const unclear = write(
    'unclear.csv',
    labels.map((label, i) => [label, ...row(i)]),
  );
  expectFacts(await inputErrorOf(csvSource(unclear)), unclear, 'label');
  const other = write('other.csv', [
    ['file', 'breed'],
    ['a.png', 'poodle'],
  ]);
  expectFacts(await inputErrorOf(csvSource(other)), other, 'file, breed');
  writeFileSync(path('cut.csv.gz'), gzipSync(labelFirst.join('\n')).subarray(0, 60));
  expectFacts(await inputErrorOf(csvSource(path('cut.csv.gz'))), path('cut.csv.gz'), 'damaged');
  const usage = write('usage.csv', [
    ['emotion', 'pixels', 'Usage'],
    [1, row(0).join(' '), 'Training'],
    [1, row(0).join(' '), 'other'],
  ]);
  expectFacts(await inputErrorOf(csvSource(usage)), usage, 'line 3', 'other');
});

test('a table longer than one read of the file, left before its end', async () => {
  const file = write('long.csv', [['label', ...header], ...Array.from({ length: 3000 }, (_, i) => [i % 3, ...row(i)])]);
  const { all } = await csvSource(file);
  for await (const entry of all?.entries() ?? []) {
    expect(entry.id).toBe('0');
    break;
  }
  let images = 0;
  for await (const _ of all?.entries() ?? []) images++;
  expect(images).toBe(3000);
});

test('a first row with a name and a class before its pixels is no heading', async () => {
  const bare = write('named.csv', [['a.tif', 'cat', ...row(0)], ['b.tif', 'dog', ...row(1)]]); // biome-ignore format: short
  expectFacts(await inputErrorOf(csvSource(bare)), bare, '18 columns');
});

test.each(['\n', '\r\n', '\r'])('lines that end with %j, in UTF-8 and UTF-16, in pieces of any length', async (end) => {
  const lines = ['label,name', '1,"a', '', 'b"', '2,é'];
  const text = Buffer.from(`\uFEFF${lines.join(end)}${end}`, 'utf16le');
  for (const bytes of [Buffer.from(lines.join(end)), text, Buffer.from(text).swap16()]) {
    for (const length of [2, 3, 4, 100]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
        bytes.subarray(i * length, (i + 1) * length),
      );
      const read: unknown[] = [];
      for await (const line of linesIn('x', pieces)) read.push(line);
      expect(read).toEqual(lines.flatMap((text, i) => (text ? [{ text, line: i + 1 }] : [])));
    }
  }
});

test('text of another encoding is refused: names and labels would be changed', async () => {
  const file = write('latin1.csv', [['label', ...header]]);
  writeFileSync(file, Buffer.from(`label,${header.join()}\ncaf\xe9,${row(0).join()}\n`, 'latin1'));
  expectFacts(await inputErrorOf(csvSource(file)), file, 'UTF-8', 'iconv');
});
