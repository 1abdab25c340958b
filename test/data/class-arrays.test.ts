import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import type { EncodingInput } from '../../pipeline/artifacts/encoding-plan.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import type { DataSource } from '../../pipeline/data/image-source.ts';
import { partsOf } from '../../pipeline/data/pass.ts';
import { openInputs } from '../../pipeline/data/sections.ts';
import { sampleFiles } from '../../pipeline/io/digest.ts';
import { npyBytes } from './formats.ts';
import { contentsOf, entriesOf, patternOf, png } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();

/** A folder of uint8 arrays, by name and shape. */
function write(folder: string, arrays: Readonly<Record<string, readonly number[]>>): string {
  for (const [i, [name, shape]] of Object.entries(arrays).entries()) {
    const numbers = Uint8Array.from(patternOf(i, shape.reduce((product, side) => product * side, 1))); // biome-ignore format: short
    mkdirSync(dirname(path(`${folder}/${name}`)), { recursive: true });
    writeFileSync(path(`${folder}/${name}.npy`), npyBytes('|u1', shape, numbers));
  }
  return path(folder);
}

test('Quick Draw: each file is a class, also one that is called train', async () => {
  const rows = { 'full_numpy_bitmap_The Eiffel Tower': [2, 16], cat: [1, 16], 'full%2Fnumpy_bitmap%2Ftrain': [1, 16] };
  const before = openFiles();
  const { all, notes } = await locateData(write('draw', rows));
  const { ids, labels, values, images } = await contentsOf(all);
  expect([all?.count, all?.classes]).toEqual([4, ['The Eiffel Tower', 'cat', 'train']]);
  expect(ids).toEqual(['cat/0', 'train/0', 'The Eiffel Tower/0', 'The Eiffel Tower/1']);
  expect(labels).toEqual(['cat', 'train', 'The Eiffel Tower', 'The Eiffel Tower']);
  expect(values).toEqual([...patternOf(1, 16), ...patternOf(2, 16), ...patternOf(0, 32)]);
  expect(images[0]).toMatchObject({ height: 4, width: 4, channels: 1 });
  expect([notes.length, openFiles()]).toEqual([2, before]);
});

test('what may be something else than classes is refused', async () => {
  const refused = (name: string, arrays: Parameters<typeof write>[1]) => inputErrorOf(locateData(write(name, arrays)));
  const pair = await refused('keras', { X_test: [2, 4, 4], y_test: [2], X_train: [3, 4, 4], y_train: [3] });
  expectFacts(pair, `--data ${path('keras/X_train.npy')},${path('keras/y_train.npy')}`);
  expectFacts(await refused('digits', { X: [3, 4, 4], Y: [3, 10] }), `${path('digits/X.npy')},${path('digits/Y.npy')}`);
  expectFacts(await refused('parts', { train: [3, 4, 4], test: [2, 4, 4] }), 'test.npy', path('parts/train.npy'));
  expectFacts(await refused('numbers', { img_0: [8, 8], img_1: [8, 8], img_10: [8, 8] }), 'img_0.npy', 'img_1.npy');
  expectFacts(await refused('images', { lena: [8, 8, 3], baboon: [8, 8, 3] }), 'baboon.npy', '8×8×3');
  expectFacts(await refused('sizes', { cat: [3, 16], dog: [3, 25] }), 'cat.npy', '3×16', 'dog.npy', '3×25');
  expectFacts(await refused('faces', { faces: [3, 4, 4], ids: [3] }), 'faces.npy', 'ids.npy', '3 uint8');
  expectFacts(await refused('twice', { cat: [3, 16], full_numpy_bitmap_cat: [3, 16] }), 'full_numpy_bitmap_cat.npy');
});

test('archives of classes: their names are words or WordNet numbers; numbered ones are parts', async () => {
  const image = await png(0);
  const write = async (file: string, ...members: string[]) => {
    const archive = pack();
    for (const name of members) archive.entry({ name }, image);
    archive.finalize();
    mkdirSync(dirname(path(file)), { recursive: true });
    writeFileSync(path(file), await buffer(archive));
  };
  for (const part of ['train', 'val'])
    for (const name of ['n01440764', 'n01443537']) await write(`imagenet/${part}/${name}.tar`, `${name}_1.JPEG`);
  for (const name of ['cat-0', 'cat-1', 'hot dog']) await write(`words/${name}.tar`, 'images/1.png');
  for (const name of ['wds-0', 'wds-1']) await write(`parts/${name}.tar`, '1.png');
  for (const name of ['images-0', 'masks-0', 'masks-1']) await write(`kinds/${name}.tar`, '1.png');
  for (const name of ['one', 'two']) await write(`inside/${name}.tar`, 'cat/1.png', 'dog/1.png');
  const labelsIn = async (folder: string) => {
    const { notes, ...source } = await locateData(path(folder));
    const read: unknown[] = [];
    for (const [name, part] of partsOf(source as DataSource)) {
      const labels = (await entriesOf(part)).map(({ label }) => label);
      const inputs = Array.from(part.pieces?.() ?? [], (piece) => ({ ...piece, ...sampleFiles([piece.path]) }));
      const { sections } = await openInputs(inputs as EncodingInput[], { spec: path(folder), planned: Date.now() });
      const alone: unknown[] = [];
      for (const section of sections) for await (const { label } of section.entries()) alone.push(label);
      expect(alone, 'in shards').toEqual(labels);
      read.push([name, ...labels]);
    }
    return read;
  };
  expect(await labelsIn('imagenet')).toEqual(['train', 'val'].map((part) => [part, 'n01440764', 'n01443537']));
  expect(await labelsIn('words')).toEqual([['all', 'cat', 'cat', 'hot dog']]);
  expect(await labelsIn('parts')).toEqual([['all', undefined, undefined]]);
  expect(await labelsIn('kinds')).toEqual([['all', undefined, undefined, undefined]]);
  expect(await labelsIn('inside')).toEqual([['all', 'cat', 'dog', 'cat', 'dog']]);
});
