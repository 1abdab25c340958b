import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { closeSplits } from '../../pipeline/data/dataset.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import type { DataSource } from '../../pipeline/data/image-source.ts';
import { openSplits } from '../../pipeline/data/open.ts';
import { zipBytes } from './formats.ts';
import { pngBytes } from './images.ts';
import { entriesOf, patternOf, png as rgbPng } from './sources.ts';
import { expectFacts, inputErrorOf, pixelsOf, scratchFolder } from './support.ts';

const path = scratchFolder();

function save(file: string, bytes: Uint8Array | string): string {
  mkdirSync(dirname(path(file)), { recursive: true });
  writeFileSync(path(file), bytes);
  return path(file);
}

/** A gray PNG of 8×8 pixels. */
const png = (file: string, level = 0) => save(file, pngBytes(8, 8, 8, 0, Array<number>(64).fill(level)));

for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) png(`set/images/${name}.png`, 10 * (i + 1));

/** Ids and labels by part. */
async function contents(source: DataSource) {
  const rows: Record<string, unknown[]> = {};
  for (const part of ['train', 'val', 'test', 'all'] as const) {
    if (!source[part]) continue;
    rows[part] = (await entriesOf(source[part])).map(({ id, label }) => [id, label]);
    await source[part].close();
    expect(source[part].count).toBe(rows[part].length);
  }
  return rows;
}

const rows = [
  ['images/a.png', 'cat', 'Training'],
  ['images/b.png', 'dog', 'valid'],
  ['images/c.png', 'cat', 'TEST'],
  ['images/d.png', 'dog', 'train'],
] as const;
const parts = {
  train: [
    ['images/a.png', 'cat'],
    ['images/d.png', 'dog'],
  ],
  val: [['images/b.png', 'dog']],
  test: [['images/c.png', 'cat']],
};
const text = (separator: string, names: readonly string[]) =>
  [names, ...rows].map((row) => `${row.join(separator)}\n`).join('');
const objects = rows.map(([file_name, label, split]) => `${JSON.stringify({ file_name, label, split, boxes: [1] })}\n`);

describe('a table that names image files', () => {
  test.each([
    ['CSV', save('set/a.csv', text(',', ['filepath', 'label', 'split']))],
    ['semicolons, other names', save('set/b.csv', text(';', ['Image', 'breed', 'subset']))],
    ['with a separator of its own', save('set/sep.csv', `sep=;\r\n${text(';', ['Image', 'breed', 'subset'])}`)],
    [
      'TSV, CRLF, UTF-16',
      save(
        'set/c.tsv',
        Buffer.from(`\uFEFF${text('\t', ['path', 'class', 'set']).replaceAll('\n', '\r\n')}`, 'utf16le'),
      ),
    ],
    ['no names', save('set/d.csv', text(',', ['images/a.png', 'cat', 'train']))],
    [
      'row numbers of pandas',
      save('set/e.csv', `,file,label,split\n${rows.map((row, i) => `${i},${row.join()}\n`).join('')}`),
    ],
    ['quotes', save('set/f.csv', `file,label,split\n${rows.map((row) => `"${row.join('","')}"\n`).join('')}`)],
    ['JSON lines', save('set/g.jsonl', objects.join(''))],
  ])('%s: labels and splits', async (_, file) => {
    expect(await contents(await locateData(file))).toEqual(parts);
  });

  test("what Python's csv.writer quotes: line ends, separators, quotes; a quote within a field is none", async () => {
    for (const name of ['5" disc.png', 'ü.png']) png(`quoted/${name}`);
    const written = [
      'file_name,text,label',
      '../set/images/a.png,"two\nlines, ""x""",cat',
      '../set/images/b.png,a; b; c; d,"grün, ""hell"""',
      'ü.png,"x; y; z","\n ""dog"""',
      '5" disc.png,plain,cat',
    ];
    const file = save('quoted/labels.csv', `${written.join('\r\n')}\r\n`);
    expect(await contents(await locateData(file))).toEqual({
      all: [
        ['../set/images/a.png', 'cat'],
        ['../set/images/b.png', 'grün, "hell"'],
        ['ü.png', '"dog"'],
        ['5" disc.png', 'cat'],
      ],
    });
    const separated = save('quoted/separated.csv', 'file,label\n"ü.png", "a; b; c"\n');
    expect(await contents(await locateData(separated))).toEqual({ all: [['ü.png', 'a; b; c']] });
    const open = save('quoted/open.csv', 'file,label\nü.png,"cat\nü.png,dog\n');
    expectFacts(await inputErrorOf(locateData(open)), open, 'line 2');
  });

  test('Parquet', async () => {
    const columns = ['file_name', 'label', 'split'].map((name, i) => ({
      name,
      data: rows.map((row) => row[i]),
      type: 'STRING' as const,
    }));
    parquetWriteFile({ filename: path('set/h.parquet'), columnData: columns, rowGroupSize: 3 });
    expect(await contents(await locateData(path('set/h.parquet')))).toEqual(parts);
  });

  test('its pixels, in a folder beside it', async () => {
    const file = save('set/i.csv', 'id,image,target\n7,a.png,1\n8,d.png,0\n9,b.png,1\n');
    const { notes } = await locateData(file);
    expectFacts(notes.join('; '), path('set/images'), 'id');
    const splits = await openSplits(file, { cache: path('cache') });
    const { train, test: held } = splits;
    expect(train.classes).toEqual(['0', '1']);
    const levels = [...(await pixelsOf(train)), ...(held ? await pixelsOf(held) : [])];
    await closeSplits(splits);
    expect([...new Set(levels)].sort()).toEqual([10, 20, 40]);
  });

  test('labels that were changed since the pixels were cached', async () => {
    const labelsOf = async (file: string) => {
      const splits = await openSplits(file, { cache: path('cache') });
      await closeSplits(splits);
      return [splits.train.classes, splits.train.labels && [...splits.train.labels].sort()];
    };
    const lines = (...labels: string[]) => labels.map((label, i) => `images/${'abcd'[i]}.png ${label}\n`).join('');
    expect(await labelsOf(save('set/l.txt', lines('', '', '')))).toEqual([undefined, undefined]);
    expect(await labelsOf(save('set/m.txt', lines('x', 'x', 'x')))).toEqual([['x'], [0, 0]]);
    expect(await labelsOf(save('set/m.txt', lines('x', 'y', 'y')))).toEqual([['x', 'y'], expect.anything()]);
  });

  test('no column of labels, measures, missing labels, missing files', async () => {
    const captions = await locateData(save('set/j.csv', 'file_name,text\nimages/a.png,a cat\n'));
    expect([await contents(captions), captions.notes]).toEqual([
      { all: [['images/a.png', undefined]] },
      ['columns not used: text'],
    ]);
    const measures = save('set/k.csv', 'file,age\nimages/a.png,1.5\nimages/b.png,\nimages/c.png,2\n');
    expect(await contents(await locateData(measures))).toEqual({
      all: [
        ['images/a.png', 1.5],
        ['images/b.png', undefined],
        ['images/c.png', 2],
      ],
    });
    const missing = save('set/l.csv', 'file,label\nimages/a.png,1\nimages/z.png,1\n');
    const [, second] = await entriesOf((await locateData(missing)).all);
    expectFacts(await inputErrorOf(second?.read() as Promise<unknown>), path('set/images/z.png'));
  });

  test("Kaggle's tables: names without extension, one-hot columns, the folder of the split", async () => {
    for (const file of ['train/1.png', 'train/2.png', 'test/1.png', 'test/9.png']) png(`kaggle/${file}`);
    const breeds = save('kaggle/train.csv', 'id,breed\n1,pug\n2,boxer\n');
    const found = { all: [['1.png', 'pug'], ['2.png', 'boxer']] }; // biome-ignore format: short
    expect(await contents(await locateData(breeds))).toEqual(found);
    expectFacts(
      await inputErrorOf(locateData(save('kaggle/labels.csv', 'id,breed\n1,pug\n2,boxer\n'))),
      '1.png',
      'test',
      'train',
    );
    const hot = save('kaggle/train_hot.csv', 'image,boxer,pug,size\n1,0.0,1.0,3\n2,1.0,0.0,4\n');
    const { notes, ...source } = await locateData(hot);
    expect(await contents({ ...source, notes })).toEqual(found);
    expectFacts(notes.join('; '), path('kaggle/train'), '.png', 'boxer, pug', 'not used: size');
    // pandas.get_dummies(…).to_csv()
    const dummies = save('kaggle/train_dummies.csv', ',image,boxer,pug\n0,1,False,True\n1,2,True,False\n');
    expect(await contents(await locateData(dummies))).toEqual(found);
    const many = Array.from({ length: 101 }, (_, i) => `${i},${i % 2},${1 - (i % 2)}\n`);
    for (let i = 0; i < 102; i++) png(`hot/${i}.png`);
    const several = save('hot/a.csv', `id,a,b\n${many.join('')}101,1,1\n`);
    expectFacts(await inputErrorOf(locateData(several)), `${several}: line 103`, 'a, b');
    expect(await contents(await locateData(save('hot/b.csv', `id,a,b\n${many.join('')}101,0,0\n`)))).toMatchObject({
      all: expect.arrayContaining([['101.png', undefined], ['1.png', 'a']]), // biome-ignore format: short
    });
    // Without a heading, the first row would be lost.
    expect(await inputErrorOf(locateData(save('hot/c.csv', '0,cat\n1,dog\n')))).toMatch(/hot/);
  });

  test('files in numbered folders; columns that may be labels', async () => {
    for (const file of ['part_1/a.jpg', 'part_2/b.jpg', 'part_3/images/x.jpg']) png(`ham/images_${file}`);
    const file = save('ham/metadata_ham.csv', 'image_id,dx,age\nb,nv,40\na,mel,50\n');
    const { all, notes } = await locateData(file);
    const [b, a] = await entriesOf(all);
    await Promise.all([b?.read(), a?.read()]);
    expect([b?.where, a?.where]).toEqual([path('ham/images_part_2/b.jpg'), path('ham/images_part_1/a.jpg')]);
    expectFacts(notes.join('; '), path('ham/images_part_2'), 'dx, age', '--label dx');
    const [inner] = await entriesOf((await locateData(save('ham/x.csv', 'file,label\nx.jpg,1\n'))).all);
    expect(inner?.where).toBe(path('ham/images_part_3/images/x.jpg'));
  });

  test('a first row that may be of an image is told, and labels with a comma', async () => {
    const commas = await locateData(save('set/commas.csv', 'file;age\nimages/a.png;0,5\nimages/b.png;1,5\n'));
    expectFacts(commas.notes.join('; '), "'0,5'", 'point');
    expect((await entriesOf(commas.all)).map(({ label }) => label)).toEqual(['0,5', '1,5']);
    for (const file of ['9,cat\na,cat\nb,dog\n', 'images/x,cat\nimages/a.png,cat\nimages/b.png,dog\n']) {
      const { all, notes } = await locateData(save('set/first.csv', file));
      expect(all?.count).toBe(2);
      expectFacts(notes.join('; '), file.split('\n', 1)[0]?.replace(',', ', ') as string, 'first row');
    }
  });

  test.each(['csv', 'tsv', 'jsonl', 'parquet'])('%s: images as text, and their addresses', async (kind) => {
    const make = (name: string, columns: Readonly<Record<string, readonly string[]>>) => {
      const filename = path(`${name}.${kind}`);
      const names = Object.keys(columns);
      const data = Object.values(columns);
      const rows = data[0]?.map((_, i) => data.map((column) => column[i])) ?? [];
      if (kind === 'parquet') {
        parquetWriteFile({
          filename,
          columnData: names.map((name, i) => ({ name, data: [...(data[i] ?? [])], type: 'STRING' as const })),
        });
      } else if (kind === 'jsonl') {
        save(
          `${name}.jsonl`,
          rows
            .map((row) => `${JSON.stringify(Object.fromEntries(row.map((value, i) => [names[i], value])))}\n`)
            .join(''),
        );
      } else {
        save(
          `${name}.${kind}`,
          [names, ...rows].map((row) => `"${row.join(kind === 'csv' ? '","' : '"\t"')}"\n`).join(''),
        );
      }
      return filename;
    };
    const base64 = pngBytes(1, 1, 8, 0, [7]).toString('base64');
    for (const text of [base64, `data:image/png;base64,${base64}`]) {
      const file = make('text', { label: ['1', '2'], picture: [text, text] });
      expectFacts(await inputErrorOf(locateData(file)), file, "'picture'", 'base64', 'to_parquet');
    }
    for (const address of ['https://x.org/1.jpg', 'https://x.org/1?size=2']) {
      const file = make('address', { link: [address, `${address}2`], caption: ['one', 'two'] });
      const said = await inputErrorOf(locateData(file));
      expectFacts(said, file, "'link'", 'img2dataset', `--input_format ${kind} --url_col link`, '--data');
    }
    const list = save('addresses.txt', 'https://x.org/1.jpg\nhttps://x.org/2\n');
    expectFacts(await inputErrorOf(locateData(list)), list, 'img2dataset', '--input_format txt');
  });

  test("GTSRB's tables", async () => {
    png('gtsrb/00000_00001.ppm');
    const file = save(
      'gtsrb/GT-00000.csv',
      'Filename;Width;Height;Roi.X1;Roi.Y1;ClassId\n00000_00001.ppm;29;30;5;6;7\n',
    );
    expect(await contents(await locateData(file))).toEqual({ all: [['00000_00001.ppm', '7']] });
  });

  test('labels that are the names of images beside a table of pixels', async () => {
    for (const name of ['digits/set/1.png', 'digits/set/2.png']) png(name);
    const { all } = await locateData(save('digits/pixels.csv', 'label,p0,p1,p2,p3\n1,0,9,9,9\n2,0,9,9,9\n'));
    expect((await entriesOf(all)).map(({ id, label }) => [id, label])).toEqual([['0', '1'], ['1', '2']]); // biome-ignore format: short
  });

  test('40 attributes are not the pixels of an image', async () => {
    for (const name of ['1.jpg', '2.jpg']) png(`celeba/${name}`);
    const line = (first: string, of: (i: number) => unknown) =>
      `${[first, ...Array.from({ length: 49 }, (_, i) => of(i))]}\n`;
    const file = save(
      'celeba/a.csv',
      [line('image_id', (i) => `a_${i}`), line('1.jpg', () => 1), line('2.jpg', () => -1)].join(''),
    );
    expect(await contents(await locateData(file))).toEqual({ all: [['1.jpg', undefined], ['2.jpg', undefined]] }); // biome-ignore format: short
  });

  test('refused: no file exists, two labels, one file in two splits, no names of images', async () => {
    const none = save('none/a.csv', 'file,label\nx.png,1\n');
    expectFacts(await inputErrorOf(locateData(none)), none, path('none/x.png'), 'file');
    const twice = save(
      'set/m.csv',
      'file,label,split\nimages/a.png,1,train\nimages/b.png,1,test\nimages/a.png,1,test\n',
    );
    expectFacts(await inputErrorOf(locateData(twice)), twice, 'images/a.png', 'train', 'test');
    const other = save('set/n.jsonl', '{"id": 3, "text": "x"}\n');
    expectFacts(await inputErrorOf(locateData(other)), other, 'id, text', 'file_name');
    const damaged = save('set/o.jsonl', `${objects.join('')}{"file_name": \n`);
    expectFacts(await inputErrorOf(locateData(damaged)), `${damaged}: line 5`);
  });
});

describe('a column of splits', () => {
  const lines = (...values: string[]) =>
    `file,label,split\n${values.map((value, i) => `images/${'abcd'[i]}.png,1,${value}\n`).join('')}`;

  test('other values, one split alone, none to train on', async () => {
    const folds = await locateData(save('set/p.csv', lines('0', '1')));
    expectFacts(folds.notes.join('; '), "'split'", "'0'");
    expect(Object.keys(await contents(folds))).toEqual(['all']);
    const alone = await locateData(save('set/q.csv', lines('train', 'train')));
    expectFacts(alone.notes.join('; '), "'split'", "'train'");
    expect(Object.keys(await contents(alone))).toEqual(['all']);
    const mixed = save('set/r.csv', lines('train', 'test', 'constructor'));
    expectFacts(await inputErrorOf(locateData(mixed)), `${mixed}: line 4`, "'constructor'", 'train');
    const untrained = save('set/s.csv', lines('val', 'test'));
    expectFacts(await inputErrorOf(locateData(untrained)), `${untrained}: line 2`, "'val'");
  });

  const images = [0, 1, 2, 3].map(rgbPng);
  const parquet = async (
    file: string,
    split: { name: string; data: unknown[]; type: 'STRING' | 'INT32' },
    names?: string[],
  ) => {
    mkdirSync(dirname(path(file)), { recursive: true });
    parquetWriteFile({
      filename: path(file),
      columnData: [
        { name: 'image', data: await Promise.all(images), type: 'BYTE_ARRAY' },
        { name: 'label', data: [3, 5, 3, 5], type: 'INT32' },
        split,
      ],
      rowGroupSize: 3,
      kvMetadata: names
        ? [
            {
              key: 'huggingface',
              value: JSON.stringify({ info: { features: { split: { _type: 'ClassLabel', names } } } }),
            },
          ]
        : [],
    });
    return path(file);
  };
  const expected = {
    train: [
      ['0', 3],
      ['3', 5],
    ],
    test: [
      ['1', 5],
      ['2', 3],
    ],
  };

  test('in Parquet files with images', async () => {
    const data = ['train', 'Testing', 'test_set', 'train'];
    const file = await parquet('pq/a.parquet', { name: 'split', data, type: 'STRING' });
    const source = await locateData(file);
    expect([await contents(source), source.notes]).toEqual([expected, []]);
    const splits = await openSplits(file, { cache: path('cache') });
    const { train, test: held } = splits;
    const pixels = (image: number) => patternOf(image, 72);
    expect([...(await pixelsOf(train))]).toEqual([...pixels(0), ...pixels(3)]);
    expect(held && [...(await pixelsOf(held))]).toEqual([...pixels(1), ...pixels(2)]);
    await closeSplits(splits);
    const named = await parquet('pq/b.parquet', { name: 'split', data: [1, 0, 0, 1], type: 'INT32' }, [
      'test',
      'train',
    ]);
    expect(await contents(await locateData(named))).toEqual(expected);
    const odd = await parquet('pq/c.parquet', { name: 'split', data: ['train', 'test', 'x', null], type: 'STRING' });
    expectFacts(await inputErrorOf(locateData(odd)), `${odd}: row 2`, "'x'");
  });

  test('through several files; files whose names say it', async () => {
    for (const file of ['pq/two/0.parquet', 'pq/two/1.parquet']) {
      await parquet(file, { name: 'split', data: ['train', 'test', 'test', 'train'], type: 'STRING' });
    }
    const { train, test: held } = await contents(await locateData(path('pq/two')));
    expect([train?.map((row) => (row as unknown[])[0]), held?.length]).toEqual([['0', '3', '4', '7'], 4]);
    for (const name of ['train', 'test']) {
      await parquet(`pq/named/${name}.parquet`, { name: 'split', data: ['a', 'b', 'c', 'd'], type: 'STRING' });
    }
    const named = await locateData(path('pq/named'));
    expect([named.train?.count, named.test?.count]).toEqual([4, 4]);
    expectFacts(named.notes.join('; '), "'split'");
    for (const name of ['val', 'test'])
      await parquet(`pq/bare/${name}.parquet`, { name: 'x', data: ['', '', '', ''], type: 'STRING' });
    expectFacts(await inputErrorOf(locateData(path('pq/bare'))), path('pq/bare'), 'val and test');
    const pixels = `${Array.from({ length: 16 }, (_, i) => `p${i}`).join()},split\n${'7,'.repeat(16)}`;
    for (const [i, split] of ['train', 'test'].entries()) save(`tables/${i}.csv`, `${pixels}${split}\n`);
    const tables = await locateData(path('tables'));
    expect([(await entriesOf(tables.train)).length, (await entriesOf(tables.test)).length]).toEqual([1, 1]);
  });
});

describe('metadata beside images', () => {
  const metadata = 'file_name,label,split\na.png,x,train\nb/c.png,y,test\nmissing.png,y,test\n';

  test.each(['metadata.csv', 'metadata.jsonl'])('%s in a folder', async (name) => {
    const folder = `beside/${name}`;
    png(`${folder}/a.png`);
    png(`${folder}/b/c.png`);
    const [, ...lines] = metadata
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const json = lines.map(([file_name, label, split]) => `${JSON.stringify({ file_name, label, split })}\n`).join('');
    save(`${folder}/${name}`, name.endsWith('csv') ? metadata : json);
    const source = await locateData(path(folder));
    expect(await contents(source)).toEqual({ train: [['a.png', 'x']], test: [['b/c.png', 'y']] });
    expectFacts(source.notes.join('; '), 'missing.png', 'folders are not classes');
  });

  test('in the folders of splits, and for some images only', async () => {
    for (const [split, label] of [
      ['train', 4],
      ['test', 5],
    ] as const) {
      for (const name of ['1.png', '2.png']) png(`hf/${split}/${name}`);
      save(`hf/${split}/metadata.csv`, `file_name,label\n1.png,${label}\n`);
    }
    const source = await locateData(path('hf'));
    expect(await contents(source)).toEqual({
      train: [
        ['1.png', '4'],
        ['2.png', undefined],
      ],
      test: [
        ['1.png', '5'],
        ['2.png', undefined],
      ],
    });
    expectFacts(source.notes.join('; '), '2 images', 'train/2.png');
  });

  test('without labels, folders stay classes; splits of some images only are refused', async () => {
    png('captions/cat/1.png');
    png('captions/dog/2.png');
    save('captions/metadata.csv', 'file_name,text\ncat/1.png,a cat\n');
    const { all, notes } = await locateData(path('captions'));
    expect([all?.classes, notes.length]).toEqual([['cat', 'dog'], 2]);
    save('captions/metadata.csv', 'file_name,split\ncat/1.png,train\n3.png,test\n');
    expectFacts(await inputErrorOf(locateData(path('captions'))), path('captions'), 'dog/2.png');
    save('captions/metadata.csv', 'file_name,label\ncat/1.png,1\ncat/1.png,2\n');
    expectFacts(await inputErrorOf(locateData(path('captions'))), 'metadata.csv: line 3', 'cat/1.png');
  });

  test('in an archive', async () => {
    const image = pngBytes(8, 8, 8, 0, Array<number>(64).fill(1));
    const members = [
      { name: 'a.png', data: Buffer.from(image) },
      { name: 'b/c.png', data: Buffer.from(image) },
      { name: 'metadata.csv', data: Buffer.from(metadata) },
    ];
    const source = await locateData(save('meta.zip', zipBytes(members)));
    expect(await contents(source)).toEqual({ train: [['a.png', 'x']], test: [['b/c.png', 'y']] });
  });
});
