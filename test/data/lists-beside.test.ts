import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { locateData } from '../../pipeline/data/formats.ts';
import { pngBytes } from './images.ts';
import { entriesOf } from './sources.ts';
import { expectFacts, scratchFolder } from './support.ts';

const path = scratchFolder();

function save(file: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(path(file)), { recursive: true });
  writeFileSync(path(file), bytes);
}

/** A folder of images and of texts. */
async function read(name: string, images: readonly string[], texts: Readonly<Record<string, readonly string[]>>) {
  for (const image of images) save(`${name}/${image}`, pngBytes(1, 1, 8, 0, [7]));
  for (const [file, lines] of Object.entries(texts)) save(`${name}/${file}`, lines.map((line) => `${line}\n`).join(''));
  const { notes, label: _, ...parts } = await locateData(path(name));
  const rows: Record<string, unknown[]> = {};
  for (const [part, source] of Object.entries(parts)) {
    rows[part] = (await entriesOf(source)).map(({ id, label }) => (label === undefined ? id : [id, label]));
    expect(source?.count).toBe(rows[part].length);
  }
  return { rows, notes: notes.join('\n') };
}

const numbered = (...numbers: number[]) => numbers.map((i) => `images/${i}.jpg`);

describe('text files that say the splits of images, as public sets have them', () => {
  test('Food-101: a list for each split, of names without extension, in another folder', async () => {
    const images = ['a', 'b'].flatMap((name) => [1, 2, 3].map((i) => `images/${name}/${i}.jpg`));
    const { rows, notes } = await read('food', images, {
      'meta/train.txt': ['a/1', 'a/2', 'b/1'],
      'meta/test.txt': ['a/3', 'b/2', 'b/9', 'b/3'],
      'meta/classes.txt': ['a', 'b'],
    });
    expect(rows).toEqual({
      train: [['images/a/1.jpg', 'a'], ['images/a/2.jpg', 'a'], ['images/b/1.jpg', 'b']],
      test: [['images/a/3.jpg', 'a'], ['images/b/2.jpg', 'b'], ['images/b/3.jpg', 'b']],
    }); // biome-ignore format: short
    expectFacts(notes, 'meta/test.txt', '1 file', 'b/9', 'meta/train.txt', 'meta/classes.txt');
  });

  test('VOC: several lists agree, trainval is not needed, images in none are left out, -1 is no class', async () => {
    const { rows, notes } = await read(
      'voc',
      ['JPEGImages/7_1.jpg', 'JPEGImages/7_2.jpg', 'JPEGImages/7_3.jpg', 'SegmentationClass/7_1.png'],
      {
        'ImageSets/Main/train.txt': ['7_1'],
        'ImageSets/Main/cat_train.txt': ['7_1 -1'],
        'ImageSets/Main/val.txt': ['7_2'],
        'ImageSets/Main/trainval.txt': ['7_1', '7_2'],
      },
    );
    expect(rows).toEqual({ train: ['JPEGImages/7_1.jpg'], val: ['JPEGImages/7_2.jpg'] });
    expectFacts(notes, 'SegmentationClass/', '1 image', 'JPEGImages/7_3.jpg');
  });

  test('Oxford-IIIT Pet: trainval is to train on', async () => {
    const { rows, notes } = await read('pet', ['images/A_1.jpg', 'images/b_c_1.jpg', 'annotations/trimaps/A_1.png'], {
      'annotations/trainval.txt': ['A_1 17 1 1'],
      'annotations/test.txt': ['b_c_1 2 2 1'],
    });
    expect(rows).toEqual({ train: ['images/A_1.jpg'], test: ['images/b_c_1.jpg'] });
    expectFacts(notes, 'annotations/test.txt', "'2'", 'metadata.csv');
  });

  test('CUB: tables that share an id; CelebA: a column of 0, 1 and 2', async () => {
    const cub = await read('cub', ['images/001.X/X_1.jpg', 'images/002.Y/Y_1.jpg', 'images/002.Y/Y_2.jpg'], {
      'images.txt': ['1 001.X/X_1.jpg', '2 002.Y/Y_1.jpg', '3 002.Y/Y_2.jpg'],
      'image_class_labels.txt': ['1 1', '2 2', '3 2'],
      'train_test_split.txt': ['1 1', '2 0', '3 1'],
    });
    expect(cub.rows).toEqual({
      train: [['images/001.X/X_1.jpg', '001.X'], ['images/002.Y/Y_2.jpg', '002.Y']],
      test: [['images/002.Y/Y_1.jpg', '002.Y']],
    }); // biome-ignore format: short
    for (const [file, line] of [
      ['list_eval_partition.txt', (i: number) => `${i}.jpg ${i - 1}`],
      ['list_eval_partition.csv', (i: number) => (i === 0 ? 'image_id,partition' : `${i}.jpg,${i - 1}`)],
    ] as const) {
      const { rows } = await read(`celeba/${file}`, numbered(1, 2, 3), {
        [file]: (file.endsWith('csv') ? [0, 1, 2, 3] : [1, 2, 3]).map(line),
        'list_attr_celeba.txt': ['3', 'Male Young', '1.jpg -1  1', '2.jpg  1  1', '3.jpg -1 -1'],
      });
      expect(rows).toEqual({ train: ['images/1.jpg'], val: ['images/2.jpg'], test: ['images/3.jpg'] });
    }
  });

  test('Tiny ImageNet, ImageNet: labels of images that are in no class; boxes are none', async () => {
    const images = [
      'train/n1/images/n1_0.JPEG',
      'train/n2/images/n2_0.JPEG',
      'val/images/v_0.JPEG',
      'val/images/v_1.JPEG',
    ];
    const expected = [['images/v_0.JPEG', 'n2'], ['images/v_1.JPEG', 'n1']]; // biome-ignore format: short
    const tiny = await read('tiny', images, {
      'train/n1/n1_boxes.txt': ['n1_0.JPEG\t0\t10\t63\t58'],
      'val/val_annotations.txt': ['v_0.JPEG\tn2\t0\t32\t44\t62', 'v_1.JPEG\tn1\t0\t32\t44\t62'],
    });
    expect(tiny.rows.val).toEqual(expected);
    expectFacts(tiny.notes, '2 labels', 'val/val_annotations.txt');
    const kaggle = await read('kaggle', images, {
      'val.txt': ['v_0 1', 'v_1 2'],
      'LOC_val_solution.csv': ['ImageId,PredictionString', 'v_0,n2 85 1 499 272 ', 'v_1,n1 0 1 2 3 n1 1 1 2 3 '],
    });
    expect(kaggle.rows.val).toEqual(expected);
  });

  test('NIH chest X-rays: numbered folders, train_val_list; a column may say train and val', async () => {
    const images = [1, 2, 3].map((i) => `images_00${i}/images/${i}.png`);
    const nih = await read('nih', images, { 'train_val_list.txt': ['1.png', '2.png'], 'test_list.txt': ['3.png'] });
    expect(nih.rows).toEqual({ train: images.slice(0, 2), test: images.slice(2) });
    const column = { 'train_val.csv': ['file,set', '1.png,train', '2.png,val'], 'test.txt': ['3.png'] };
    const { rows } = await read('column', images, column);
    expect(rows).toEqual({ train: images.slice(0, 1), val: images.slice(1, 2), test: images.slice(2) });
  });

  test('a list of splits that also has columns of labels is said to be a table', async () => {
    const lists = { 'train.csv': ['image_id,rust,scab', '1,0,1', '2,1,0'], 'test.csv': ['image_id', '3'] };
    const { rows, notes } = await read('plants', numbered(1, 2, 3), lists);
    expect(rows).toEqual({ train: numbered(1, 2), test: numbered(3) });
    expectFacts(notes, 'test.csv, train.csv', `--data ${path('plants/train.csv')}`);
  });

  test('of several tables, the one of training images is said to have labels', async () => {
    const tables = { 'test.csv': ['id', 'c'], 'train.csv': ['id,breed', 'a,pug', 'b,boxer'] };
    const { notes } = await read('breeds', ['train_images/a.jpg', 'train_images/b.jpg', 'test_images/c.jpg'], tables);
    expectFacts(notes, `--data ${path('breeds/train.csv')}`);
  });

  test('names in another Unicode form than those of the files, in lists and tables', async () => {
    const [composed, apart] = ['caf\u00e9', 'cafe\u0301'];
    const images = [1, 2, 3].map((i) => `images/${apart}${i}.jpg`);
    const lists = { 'train.txt': [`${composed}1`, `${composed}2`], 'test.txt': [`images/${composed}3.jpg`] };
    expect((await read('forms', images, lists)).rows).toEqual({ train: images.slice(0, 2), test: images.slice(2) });
    const rows = ['file_name,label', ...[1, 2, 3].map((i) => `${composed}${i}.jpg,${i}`)];
    const beside = await read('forms of metadata', images, { 'images/metadata.csv': rows });
    expect(beside.rows).toEqual({ all: images.map((image, i) => [image, String(i + 1)]) });
    for (const [file, text] of [
      ['list.csv', rows.join('\n')],
      ['list.txt', rows.slice(1).join('\n')],
      ['stems.txt', `${composed}1\n${composed}2\n${composed}3\n`],
    ] as const) {
      save(`forms/${file}`, text);
      const { all } = await locateData(path(`forms/${file}`));
      for (const entry of await entriesOf(all)) expect(await entry.read()).toHaveProperty('bytes');
      expect(all?.count).toBe(3);
    }
  });
  test('a table whose name says a split names images of that split', async () => {
    const images = ['train/1.png', 'train/2.png', 'test/1.png', 'test/2.png', 'test/3.png']; // Kaggle's CIFAR-10
    const table = { 'trainLabels.csv': ['id,label', '1,cat', '2,dog'] };
    await read('cifar', images, table);
    const { train, test: held } = await locateData(path('cifar'), { label: 'label' });
    expect((await entriesOf(train)).map(({ label }) => label)).toEqual(['cat', 'dog']);
    expect((await entriesOf(held)).map(({ label }) => label)).toEqual([undefined, undefined, undefined]);
    const { all } = await locateData(path('cifar/trainLabels.csv'));
    expect((await entriesOf(all)).map(({ where }) => where)).toEqual(
      images.slice(0, 2).map((image) => path(`cifar/${image}`)),
    );
    await read('pokemon', ['images/images/mew.png'], { 'pokemon.csv': ['Name,Type1', 'mew,Psychic'] });
    expect((await locateData(path('pokemon/pokemon.csv'))).all?.count).toBe(1);
  });
  test('a list or table that is given itself: folders of its files are splits, and columns such as `data set`', async () => {
    const images = ['train/3/a.png', 'train/7/b.png', 'valid/3/a.png'];
    await read(
      'fastai',
      [...images, 'more/c.png'].map((image) => `set/${image}`),
      {
        'labels.csv': ['name,label', ...images.map((image, i) => `set/${image},${i % 2}`)],
        'all.txt': images.map((image) => path(`fastai/set/${image}`)),
        'mixed.txt': [...images, 'more/c.png'].map((image) => `set/${image}`),
        'one.txt': images.slice(0, 2).map((image) => `set/${image}`),
        'birds.csv': [
          'file,labels,data set',
          ...images.map((image, i) => `set/${image},OWL,${i === 1 ? 'test' : 'train'}`),
        ],
        'flags.csv': ['file,label,is_train', ...images.slice(0, 2).map((image) => `set/${image},OWL,1`)],
      },
    ).catch(() => {});
    const partsOf = async (file: string) => {
      const { notes, label: _, ...parts } = await locateData(path(`fastai/${file}`));
      return [Object.entries(parts).map(([name, part]) => [name, part?.count]), notes.join('\n')] as const;
    };
    for (const file of ['labels.csv', 'all.txt']) {
      const [parts, notes] = await partsOf(file);
      expect(parts).toEqual([['train', 2], ['val', 1]]); // biome-ignore format: short
      expectFacts(notes, 'train, valid');
    }
    const [mixed, note] = await partsOf('mixed.txt');
    expect(mixed).toEqual([['all', 4]]);
    expectFacts(note, 'train, valid', 'more');
    expect(await partsOf('one.txt')).toEqual([[['all', 2]], '']);
    expect((await partsOf('birds.csv'))[0]).toEqual([['train', 2], ['test', 1]]); // biome-ignore format: short
    expectFacts((await partsOf('flags.csv'))[1], 'is_train', 'column split');
  });
  test('not used: lists that contradict each other, are damaged, name other images, or one split alone', async () => {
    const all = { all: numbered(1, 2, 3) };
    const twice = await read('twice', numbered(1, 2, 3), {
      'train1.txt': ['images/1.jpg', 'images/2.jpg'],
      'test1.txt': ['images/3.jpg'],
      'test2.txt': ['images/1.jpg'],
    });
    expect(twice.rows).toEqual(all);
    expectFacts(twice.notes, 'test1.txt', 'images/1.jpg');
    const folds = await read('folds', numbered(1, 2), {
      'train1.txt': ['1'],
      'test1.txt': ['2'],
      'train2.txt': ['2'],
      'test2.txt': ['1'],
    });
    expect(folds.rows).toEqual({ all: numbered(1, 2) });
    expectFacts(folds.notes, 'test1.txt', 'images/1.jpg');
    const damaged = await read('damaged', numbered(1, 2, 3), {
      'train.csv': ['file,text', '1.jpg,"x'],
      'test.txt': ['2.jpg'],
    });
    expect(damaged.rows).toEqual(all);
    expectFacts(damaged.notes, 'train.csv', 'line 2');
    const others = { 'train.txt': ['epoch 1', 'loss 0.5'], 'test.txt': ['1', '2'], 'train_test_split.txt': ['1 0'] };
    expect((await read('others', numbered(1, 2, 3), others)).rows).toEqual(all);
  });
});
