import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type Zippable, zipSync } from 'fflate';
import { pack } from 'tar-stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { decode } from '../../pipeline/data/decode.ts';
import { packedFormats } from '../../pipeline/data/formats/packed.ts';
import { tarSource } from '../../pipeline/data/formats/tar.ts';
import { isImageZip, zipSource } from '../../pipeline/data/formats/zip.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import type { DataSource } from '../../pipeline/data/image-source.ts';
import type { DataOptions } from '../../pipeline/data/options.ts';
import { tiffBytes } from './images.ts';
import { decodedOf, entriesOf, patternOf, png } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const pictures: Buffer[] = [];
beforeAll(async () => {
  for (let i = 0; i < 6; i++) pictures.push(await png(i));
});

type Files = Readonly<Record<string, number | string | Buffer>>;
const bytesOf = (contents: number | string | Buffer) =>
  typeof contents === 'number' ? (pictures[contents] as Buffer) : Buffer.from(contents);

function packed(archive: ReturnType<typeof pack>): Promise<Buffer> {
  archive.finalize();
  return buffer(archive as AsyncIterable<Uint8Array>);
}

/** Numbers are pictures, texts are other files. */
async function tar(file: string, files: Files): Promise<string> {
  const archive = pack();
  for (const [name, contents] of Object.entries(files)) archive.entry({ name }, bytesOf(contents));
  const bytes = await packed(archive);
  writeFileSync(path(file), file.endsWith('gz') ? gzipSync(bytes) : bytes);
  return path(file);
}
async function zip(file: string, files: Files): Promise<string> {
  const entries = Object.entries(files).map(([name, contents]) => [
    name,
    [bytesOf(contents), { level: name.endsWith('1.png') ? 0 : 6 }],
  ]);
  writeFileSync(path(file), zipSync(Object.fromEntries(entries) as Zippable));
  return path(file);
}

const forms: [
  string,
  (file: string, files: Files) => Promise<string>,
  (path: string, options?: DataOptions) => Promise<DataSource>,
  string,
][] = [
  ['zip', zip, zipSource, 'x.zip'],
  ['tar', tar, tarSource, 'x.tar'],
  ['tar.gz', tar, tarSource, 'x.tgz'],
];

describe.each(forms)('%s', (form, write, open, name) => {
  const make = (kind: string, files: Files) => write(`${form}-${kind}-${name}`, files);

  test('folders are classes, whatever folder holds them all; ids are paths', async () => {
    const before = openFiles();
    const file = await make('classes', {
      'photos/cats/2.png': 0,
      'photos/cats/deep/1.png': 1,
      'photos/dogs/10.png': 2,
      '__MACOSX/photos/cats/._2.png': 3,
      'photos/.hidden.png': 4,
      'photos/readme.txt': 'hello',
    });
    const { all, notes } = await open(file);
    const entries = await entriesOf(all);
    expect(entries.map(({ id, label }) => [id, label])).toEqual([
      ['photos/cats/2.png', 'cats'],
      ['photos/cats/deep/1.png', 'cats'],
      ['photos/dogs/10.png', 'dogs'],
    ]);
    expect([all?.count, all?.classes]).toEqual([3, ['cats', 'dogs']]);
    expect(notes).toEqual([expect.stringMatching(/^1 file .*photos\/readme\.txt$/)]);
    for (const name of ['labels.csv', 'meta/train.txt']) {
      const table = await open(await make('table', { 'photos/cats/2.png': 0, [name]: 'x,y' }));
      expectFacts(table.notes.join(), name, 'extract');
      await table.all?.close();
    }
    expect(entries[1]?.where).toBe(`${file}:photos/cats/deep/1.png`);
    for (const i of [0, 1, 2]) expect(await decodedOf(entries[i])).toEqual(patternOf(i, 72));
    expect(await entriesOf(all)).toHaveLength(3); // again
    expect(await all?.stamp()).toContain(file);
    await all?.close();
    expect(openFiles()).toBe(before);
  });

  test('parts; a flat archive without labels', async () => {
    const split = await open(
      await make('parts', { 'set/Train/a/1.png': 0, 'set/Train/b/2.png': 1, 'set/test/b/3.png': 2 }),
    );
    const train = await entriesOf(split.train);
    expect(train.map(({ id, label }) => [id, label])).toEqual([
      ['a/1.png', 'a'],
      ['b/2.png', 'b'],
    ]);
    const [held] = await entriesOf(split.test);
    expect([held?.label, await decodedOf(held), split.test?.classes]).toEqual(['b', patternOf(2, 72), ['a', 'b']]);
    const flat = await open(await make('flat', { '1.png': 0, './2.png': 1, '.\\3.png': 2 }));
    expect((await entriesOf(flat.all)).map(({ label }) => label)).toEqual([undefined, undefined, undefined]);
    for (const { close } of [split.train, split.test, flat.all].filter((part) => part !== undefined)) await close();
  });

  test('labels beside the images', async () => {
    const { all } = await open(
      await make('beside', {
        '1.png': 0,
        '1.cls': '3\n',
        '2.json': '{"caption": "x", "label": "owl"}',
        '2.png': 1,
        '3.png': 2,
        '4.png': 2,
        '4.json': '{"label": 7}',
        '5.cls': '007',
        '5.png': 2,
      }),
    );
    const entries = await entriesOf(all);
    expect(entries.map(({ id, label }) => [id, label])).toEqual([
      ['1.png', '3'],
      ['2.png', 'owl'],
      ['3.png', undefined],
      ['4.png', '7'],
      ['5.png', '007'],
    ]);
    expect([all?.classes, await decodedOf(entries[1])]).toEqual([undefined, patternOf(1, 72)]);
    await all?.close();
  });

  test('labels after all images, as tar stores a folder; .cls counts before .json, whichever is first', async () => {
    const { all } = await open(
      await make('after', {
        'a/2.png': 1,
        'a/1.png': 0,
        'a/3.png': 2,
        'a/2.json': '{"caption": "x"}',
        'a/1.cls': 'cat',
        'a/2.cls': 'dog',
        'a/1.json': '{"label": 7}',
      }),
    );
    const entries = await entriesOf(all);
    expect(entries.map(({ id, label }) => [id, label]).sort()).toEqual([
      ['a/1.png', 'cat'],
      ['a/2.png', 'dog'],
      ['a/3.png', undefined],
    ]);
    await all?.close();
  });

  test('lists say splits, as beside images on disk; what is not read is told', async () => {
    const cub = await open(
      await make('cub', {
        'CUB/images.txt': '1 001.X/X_1.png\n2 002.Y/Y_1.png\n3 002.Y/Y_2.png\n',
        'CUB/train_test_split.txt': '1 1\n2 0\n3 1\n',
        'CUB/images/001.X/X_1.png': 0,
        'CUB/images/002.Y/Y_1.png': 1,
        'CUB/images/002.Y/Y_2.png': 2,
      }),
    );
    const rowsOf = async (part: DataSource['all']) => (await entriesOf(part)).map(({ id, label }) => [id, label]);
    expect([await rowsOf(cub.train), await rowsOf(cub.test)]).toEqual([
      [
        ['CUB/images/001.X/X_1.png', '001.X'],
        ['CUB/images/002.Y/Y_2.png', '002.Y'],
      ],
      [['CUB/images/002.Y/Y_1.png', '002.Y']],
    ]);
    expect([cub.train?.count, cub.test?.count]).toEqual([2, 1]);
    expectFacts(cub.notes.join('; '), 'CUB/train_test_split.txt', '1 file', 'CUB/images.txt');
    const files = { 'img/1.png': 0, 'img/2.png': 1, '_annotations.coco.json': '{"images": []}', 'train.csv': 'x,"y\n' };
    const boxes = await open(await make('boxes', files));
    expectFacts(boxes.notes.join('; '), 'train.csv', 'line 1', '_annotations.coco.json', 'extract');
    for (const part of [cub.train, cub.test, boxes.all]) await part?.close();
  });

  test('one folder is a class where a model knows it', async () => {
    const file = await make('known', { 'cats/1.png': 0, 'cats/2.png': 1 });
    for (const [classes, label] of [
      [['cats', 'dogs'], 'cats'],
      [['dogs'], undefined],
    ] as const) {
      const { all } = await open(file, { classes });
      expect((await entriesOf(all)).map((entry) => entry.label)).toEqual([label, label]);
      await all?.close();
    }
  });

  test('pages of a TIFF are images', async () => {
    const page = (value: number) => ({
      ...{ width: 2, height: 1, bits: 16, sampleFormat: 1, tags: {} },
      data: Buffer.from(Uint16Array.of(value, value + 1).buffer),
    });
    const bytes = tiffBytes([page(1), page(300), page(60000)]);
    const { all } = await open(
      await make('pages', { 'a/1.tif': bytes, 'b/2.tiff': tiffBytes([page(7)]), 'b/3.png': 0 }),
    );
    const entries = await entriesOf(all);
    expect(all?.count).toBeUndefined();
    expect(entries.map(({ id, label }) => [id, label])).toEqual([
      ...[0, 1, 2].map((i) => [`a/1.tif#${i}`, 'a']),
      ['b/2.tiff', 'b'],
      ['b/3.png', 'b'],
    ]);
    const values = entries.slice(0, 4).map(async ({ read, where }) => {
      const image = await read();
      return 'bytes' in image ? [...(await decode(image, where)).values] : [];
    });
    expect(await Promise.all(values)).toEqual([1, 300, 60000, 7].map((value) => [value, value + 1]));
    await all?.close();
  });

  test('JSON without labels leaves folders their meaning', async () => {
    const { all } = await open(await make('captions', { 'a/1.png': 0, 'a/1.json': '{"caption": "x"}', 'b/2.png': 1 }));
    expect((await entriesOf(all)).map(({ label }) => label)).toEqual(['a', 'b']);
    await all?.close();
  });

  test('refused: no images, folders that contradict each other, archives that are cut short', async () => {
    const table = await make('table', { 'x/train.csv': '1,2', 'x/array.npz': '' });
    expectFacts(await inputErrorOf(open(table)), table, '.csv, .npz');
    const mixed = await make('mixed', { 'train/1.png': 0, 'other/2.png': 1 });
    expectFacts(await inputErrorOf(open(mixed)), mixed, 'train', 'other');
    const whole = await make('whole', { '1.png': 0, '2.png': 1, '3.png': 2 });
    const bytes = readFileSync(whole);
    const before = openFiles();
    for (const share of [0.3, 0.55]) {
      writeFileSync(path(`cut-${name}`), bytes.subarray(0, Math.floor(share * bytes.length)));
      expectFacts(await inputErrorOf(open(path(`cut-${name}`))), path(`cut-${name}`), 'cut short');
    }
    expect(openFiles()).toBe(before);
  });
});

describe('other writers', () => {
  test("Python's zipfile, streamed: sizes after the data, names in UTF-8", async () => {
    const { all } = await zipSource(fixture('python-streamed.zip'));
    const entries = await entriesOf(all);
    expect(entries.map(({ id, label }) => [id, label])).toEqual([
      ['birds/ä.png', 'birds'],
      ['cats/10.png', 'cats'],
      ['cats/2.png', 'cats'],
    ]);
    expect(await decodedOf(entries[1])).toEqual(patternOf(2, 72));
    await all?.close();
  });

  test('zip without UTF-8: names in code page 437, as Python reads them', async () => {
    const file = await zip('oem.zip', { '?pfel/1.png': 0, 'Stra?e/2.png': 1 });
    const bytes = readFileSync(file);
    for (const [name, byte] of [
      ['?pfel', 0x8e],
      ['?e/2', 0xe1],
    ] as const)
      for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at)) bytes[at] = byte;
    writeFileSync(file, bytes);
    const { all } = await zipSource(file);
    expect((await entriesOf(all)).map(({ label }) => label).sort()).toEqual(['Straße', 'Äpfel']);
    await all?.close();
  });

  test("Python's tarfile: names in pax headers", async () => {
    const { train, test: held } = await tarSource(fixture('python-pax.tar.gz'));
    expect((await entriesOf(train)).map(({ label }) => label)).toEqual(['äpfel', 'birnen']);
    const [entry] = await entriesOf(held);
    expect(entry?.id).toBe(`äpfel/${'x'.repeat(120)}.png`);
    expect(await decodedOf(entry)).toEqual(patternOf(2, 72));
  });

  test('two images of one name are told, numbered ones are not', async () => {
    const notesOf = async (files: Files) => (await tarSource(await tar('pairs.tar', files))).notes;
    const views = { '1.left.png': 0, '1.right.png': 1, '2.left.png': 2, '2.right.png': 3 };
    expectFacts((await notesOf(views)).join(), '1.left.png', '1.right.png');
    expectFacts(
      (await notesOf({ 'x/1.jpg': 0, 'x/1.png': 1, 'x/2.jpg': 2, 'x/2.png': 3 })).join(),
      'x/1.jpg',
      'x/1.png',
    );
    expectFacts((await notesOf({ 'a (1).png': 0, 'a (1)_mask.png': 1, 'a (2).png': 2 })).join(), 'a (1)_mask.png');
    expect(await notesOf({ 'cat.0.png': 0, 'cat.1.png': 1, 'cat.2.png': 2, 'x1.png': 3, 'x2.png': 4 })).toEqual([]);
    mkdirSync(path('pairs'));
    for (const shard of ['0.tar', '1.tar']) await tar(`pairs/${shard}`, views);
    expectFacts((await tarSource(path('pairs'))).notes.join(), '1.left.png', '1.right.png');
  });

  test('webdataset: another field of the json files beside the images', async () => {
    const json = (dx: string, i: number) => JSON.stringify({ dx, benign: i > 0, boxes: [1] });
    const files = { '0.png': 0, '0.json': json('nv', 0), '1.png': 1, '1.json': json('mel', 1), '1.cls': '7' };
    mkdirSync(path('fields'));
    for (const shard of ['0.tar', '1.tar']) await tar(`fields/${shard}`, files);
    for (const spec of [await tar('fields.tar', files), await zip('fields.zip', files), path('fields')]) {
      for (const [label, expected] of [['dx', ['nv', 'mel']], ['benign', ['0', '1']]] as const) {
        const { all, label: from } = await locateData(spec, { label });
        const labels = (await entriesOf(all)).map((entry) => entry.label);
        expect([from, labels.slice(0, 2)]).toEqual([label, expected]);
        await all?.close();
      } // biome-ignore format: short
      expectFacts(await inputErrorOf(locateData(spec, { label: 'age' })), '--label age', 'dx, benign');
    }
    const bare = await locateData(await tar('bare.tar', { '0.png': 0, '0.json': json('nv', 0) }));
    expectFacts(bare.notes.join(), 'dx, benign', '--label dx');
  });

  test('webdataset: shards of a folder, in natural order', async () => {
    mkdirSync(path('shards'));
    for (const file of ['wds-000000.tar.gz', 'wds-000001.tar.gz']) copyFileSync(fixture(file), path(`shards/${file}`));
    const { all } = await tarSource(path('shards'));
    const entries = await entriesOf(all);
    expect(entries.map(({ id, label }) => [id, label])).toEqual([
      ['wds-000000.tar.gz/000000.png', '0'],
      ['wds-000000.tar.gz/000001.png', '1'],
      ['wds-000000.tar.gz/000002.png', '0'],
      ['wds-000001.tar.gz/000003.png', 'c3'],
      ['wds-000001.tar.gz/000004.png', 'c4'],
    ]);
    for (const i of [0, 4]) expect(await decodedOf(entries[i])).toEqual(patternOf(i, 72));
  });

  test('shards of parts', async () => {
    mkdirSync(path('split'));
    for (const [i, part] of ['train', 'val', 'test'].entries())
      await tar(`split/${part}-0000.tar`, { '0.png': i, '0.cls': String(i) });
    const { train, val, test: held } = await tarSource(path('split'));
    expect([
      (await entriesOf(train))[0]?.label,
      (await entriesOf(val))[0]?.label,
      (await entriesOf(held))[0]?.label,
    ]).toEqual(['0', '1', '2']);
  });
});

test('shards whose labels come before or after all images, or with an image twice', async () => {
  const shard = async (name: string, files: Files, more: Files = {}) => {
    mkdirSync(path(name));
    const own = await tar(`${name}/0.tar`, files);
    writeFileSync(
      own,
      Buffer.concat([readFileSync(own).subarray(0, -1024), readFileSync(await tar('more.tar', more))]),
    );
    await tar(`${name}/1.tar`, { '9.png': 0 });
    return { file: own, all: (await tarSource(path(name))).all };
  };
  const before = await shard('before', { '1.cls': 'a', '2.cls': 'b', '1.png': 0, '2.png': 1 });
  expect((await entriesOf(before.all)).map(({ label }) => label)).toEqual(['a', 'b', undefined]);
  const after = await shard('after', { '1.png': 0, '2.png': 1, '1.cls': 'a', '2.cls': 'b' });
  expectFacts(await inputErrorOf(entriesOf(after.all)), after.file, '1.cls', '--sort=name');
  const twice = await shard('twice', { '1.png': 0, '2.png': 1 }, { '1.png': 2 });
  expectFacts(await inputErrorOf(entriesOf(twice.all)), twice.file, '1.png twice');
});

test('links in tar archives are noted, and names that are not UTF-8 are refused', async () => {
  const archive = pack();
  archive.entry({ name: 'a/1.png' }, pictures[0] as Buffer);
  archive.entry({ name: 'b/3.png', type: 'link', linkname: 'a/1.png' });
  const bytes = await packed(archive);
  writeFileSync(path('links.tar'), bytes);
  const { all, notes } = await tarSource(path('links.tar'));
  expectFacts([all?.count, ...notes].join(), /^1,/, 'b/3.png', '--hard-dereference');
  bytes.write('\xe9', 0, 'latin1'); // instead of "a"
  const sum = Number.parseInt(bytes.toString('latin1', 148, 154), 8) + 0xe9 - 0x61; // in the header
  bytes.write(sum.toString(8).padStart(6, '0'), 148);
  writeFileSync(path('latin.tar'), bytes);
  expectFacts(await inputErrorOf(tarSource(path('latin.tar'))), path('latin.tar'), 'UTF-8');
});

test('a tar archive that is left before its end', async () => {
  const { all } = await tarSource(await tar('left.tar', { '1.png': 0, '2.png': 1, 'long.txt': 'x'.repeat(1_000_000) }));
  for await (const entry of all?.entries() ?? []) {
    expect(entry.id).toBe('1.png');
    break;
  }
  expect(await entriesOf(all)).toHaveLength(2);
});

test('a tar archive that ends between two images is said to', async () => {
  const whole = readFileSync(await tar('between.tar', { '1.png': 0, '2.png': 1 }));
  writeFileSync(path('between.tar'), whole.subarray(0, 1024));
  const { all, notes } = await tarSource(path('between.tar'));
  expectFacts(notes.join(), path('between.tar'), 'cut short');
  expect(await entriesOf(all)).toHaveLength(1);
});

test('what is which format', async () => {
  const formOf = async (value: string) => {
    for (const { labelled, matches } of packedFormats) if (await matches(value)) return labelled.split(',')[0];
    return undefined;
  };
  mkdirSync(path('images/a'), { recursive: true });
  writeFileSync(path('images/a/1.png'), bytesOf(0));
  writeFileSync(path('images/labels.csv'), 'a/1.png,3');
  mkdirSync(path('hub/data'), { recursive: true });
  copyFileSync(fixture('hf-image.parquet'), path('hub/data/train.parquet'));
  expect(await Promise.all([path('images'), path('hub'), fixture('hf-image.parquet')].map(formOf))).toEqual([
    undefined,
    'Parquet',
    'Parquet',
  ]);
  mkdirSync(path('downloaded')); // img2dataset
  copyFileSync(fixture('python-pax.tar.gz'), path('downloaded/00000.tar.gz'));
  copyFileSync(fixture('hf-image.parquet'), path('downloaded/00000.parquet'));
  expect(await formOf(path('downloaded'))).toBe('an archive');
  const files = ['python-streamed.zip', 'python-pax.tar.gz', 'numpy-stored.npz'].map(fixture);
  expect(await Promise.all(files.map(formOf))).toEqual(['an archive', 'an archive', undefined]);
  writeFileSync(path('photos.tar.xz'), '');
  expectFacts(await inputErrorOf(locateData(path('photos.tar.xz'))), path('photos.tar.xz'), 'tar.gz');
  expect((await locateData(path('hub'))).all?.count).toBe(6);
});

describe('zip', () => {
  test('npz files are not archives of images', async () => {
    expect(await isImageZip(fixture('numpy-stored.npz'))).toBe(false);
    expect(await isImageZip(fixture('python-streamed.zip'))).toBe(true);
    expect(await isImageZip(fixture('hf-image.parquet'))).toBe(false);
  });

  test('one damaged image can be skipped', async () => {
    const file = await zip('bits.zip', { '1.png': 0, '2.png': 1 });
    const bytes = readFileSync(file);
    bytes.fill(0, 60, 64);
    writeFileSync(file, bytes);
    const { all } = await zipSource(file);
    const entries = await entriesOf(all);
    expectFacts(await inputErrorOf(entries[0]?.read() as Promise<unknown>), file, '1.png');
    expect(await decodedOf(entries[1])).toEqual(patternOf(1, 72));
    await all?.close();
  });

  test('encrypted images', async () => {
    const file = await zip('secret.zip', { '1.png': 0 });
    const bytes = readFileSync(file);
    const central = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    bytes.writeUInt16LE(1, central + 8);
    writeFileSync(file, bytes);
    const { all } = await zipSource(file);
    const [entry] = await entriesOf(all);
    expectFacts(await inputErrorOf(entry?.read() as Promise<unknown>), `${file}:1.png`, 'encrypted');
    await all?.close();
  });
});
