import { describe, expect, test } from 'vitest';
import { PathList } from '../../pipeline/data/path-list.ts';
import { arrangePaths, notesOnNames } from '../../pipeline/data/paths.ts';
import { assignSplits, splitOf } from '../../pipeline/data/split-names.ts';
import { expectFacts, inputErrorOf } from './support.ts';

test.each([
  [
    'train',
    [
      'train',
      'Training',
      'TRAIN',
      'train_set',
      'training-images',
      'trainset',
      'train2017',
      'images_train',
      'TrainImages',
      'training data',
      'x',
      'trainimages',
    ],
  ],
  ['val', ['val', 'valid', 'Validation', 'dev', 'val2017', 'validation_set', 'valset', 'DEV-set']],
  ['test', ['test', 'Testing', 'eval', 'evaluation', 'test-images', 'test_set', 'testset', 'Test Data', 'imgs_test']],
])('names of %s', (split, names) => {
  for (const name of names.filter((each) => each !== 'x')) expect([name, splitOf(name)]).toEqual([name, split]);
});

test('names that only contain such a word', () => {
  const names = [
    'test_tube',
    'trainers',
    'validate',
    'train_station',
    'tests',
    'contest',
    'device',
    'images',
    '2017',
    'set',
    '',
    'train_test',
    'constructor',
    'evaluate',
  ];
  for (const name of names) expect([name, splitOf(name)]).toEqual([name, undefined]);
});

test('folders beside each other', () => {
  expect(assignSplits(['Training', 'valid', 'test_set'], 'x')).toEqual({
    train: 'Training',
    val: 'valid',
    test: 'test_set',
  });
  expect(assignSplits(['cat', 'dog'], 'x')).toBeUndefined();
  expect(assignSplits(['train'], 'x')).toBeUndefined();
});

describe('what can be read in two ways ends with one line that names', () => {
  const refused = (...args: Parameters<typeof assignSplits>) =>
    inputErrorOf(new Promise((done) => done(assignSplits(...args))));
  test('a split beside classes', async () => {
    expectFacts(
      await refused(['train', 'cat', 'dog'], 'photos'),
      'photos: ',
      "'train'",
      'split',
      "'cat', 'dog'",
      'classes',
      'rename',
      'train/',
    );
    expectFacts(await refused(['train', 'test', 'cat'], 'photos'), "'train', 'test'", "'cat'");
  });
  test('a split beside images', async () => {
    expectFacts(await refused(['train'], 'photos', '1.png'), "'train'", "'1.png'");
  });
  test('two folders of one split', async () => {
    expectFacts(
      await refused(['train', 'training', 'test'], 'photos'),
      "'train'",
      "'training'",
      'train',
      'merge',
      'rename',
    );
  });
  test('no training part', async () => {
    expectFacts(await refused(['val', 'test'], 'photos'), "'val', 'test'", 'train');
  });
});

describe('paths', () => {
  const arranged = (...paths: string[]) => {
    const { parts, classes, notes } = arrangePaths(PathList.of(paths.sort()), 'x');
    const rows = Object.entries(parts).map(([name, { paths: own, id, label }]) => [
      name,
      [...own].map((path) => [id(path), label(path)]),
    ]);
    return { ...Object.fromEntries(rows), classes, notes };
  };
  test('classes, and images in none', () => {
    expect(arranged('10/a.png', '2/b/c.png', 'z.png')).toEqual({
      all: [
        ['10/a.png', '10'],
        ['2/b/c.png', '2'],
        ['z.png', undefined],
      ],
      classes: ['2', '10'],
      notes: [],
    });
    expect(arranged('b.png', 'a.png')).toEqual({
      all: [
        ['a.png', undefined],
        ['b.png', undefined],
      ],
      classes: undefined,
      notes: [],
    });
  });
  test('splits, with the classes of all', () => {
    expect(arranged('train/b/1.png', 'train/c/2.png', 'Test/a/3.png', 'dev/4.png')).toEqual({
      train: [
        ['b/1.png', 'b'],
        ['c/2.png', 'c'],
      ],
      val: [['4.png', undefined]],
      test: [['a/3.png', 'a']],
      classes: ['a', 'b', 'c'],
      notes: [],
    });
  });
  test('a folder around all others is passed over', () => {
    expect(arranged('w/v/cat/1.png', 'w/v/dog/1.png')).toEqual({
      all: [
        ['w/v/cat/1.png', 'cat'],
        ['w/v/dog/1.png', 'dog'],
      ],
      classes: ['cat', 'dog'],
      notes: [],
    });
    expect(arranged('images/train/cat/1.png', 'images/val/cat/1.png')).toMatchObject({
      train: [['cat/1.png', 'cat']],
      val: [['cat/1.png', 'cat']],
    });
    expect(arranged('VOC2012/JPEGImages/1.jpg')).toMatchObject({ all: [['VOC2012/JPEGImages/1.jpg', undefined]] });
  });
  test('a folder that holds the whole set is no class, unless a model knows it', () => {
    for (const file of ['img_align_celeba/1.jpg', 'celeba/img_align_celeba/1.jpg', 'cat/a/1.png']) {
      const { all, classes, notes } = arranged(file);
      expect([all, classes, notes.length]).toEqual([[[file, undefined]], undefined, 1]);
    }
    const { parts, classes } = arrangePaths(PathList.of(['cat/1.png']), 'x', ['cat', 'dog']);
    expect([parts.all?.label('cat/1.png'), classes]).toEqual(['cat', ['cat']]);
    expect(arranged('train/n1/1.png')).toMatchObject({ classes: ['n1'] });
  });
  test('numbered parts are no classes', () => {
    for (const paths of [
      ['HAM10000_images_part_1/1.jpg', 'HAM10000_images_part_2/2.jpg'],
      ['batch-1/1.png', 'batch-2/1.png'],
      ['images_001/images/1.png', 'images_002/images/2.png', 'images_010/images/3.png'],
    ]) {
      const { all, classes, notes } = arranged(...paths);
      expect([all, classes, notes.length]).toEqual([paths.map((path) => [path, undefined]), undefined, 1]);
    }
    for (const names of [
      ['1', '2'],
      ['class_1', 'class_2'],
      ['images_1', 'photos_2'],
      ['part1', 'part2', 'cat'],
    ])
      expect(arranged(...names.map((name) => `${name}/1.png`))).toMatchObject({ classes: names.toSorted() });
    for (const part of ['part', 'fold_'])
      expect(arranged(`${part}1/cat/1.png`, `${part}1/images/2.png`, `${part}2/dog/1.png`)).toMatchObject({
        all: [
          [`${part}1/cat/1.png`, 'cat'],
          [`${part}1/images/2.png`, undefined],
          [`${part}2/dog/1.png`, 'dog'],
        ],
        classes: ['cat', 'dog'],
        notes: [expect.stringContaining(`${part}1`)],
      });
    expect(arranged('fold1/train/a/1.png', 'fold2/train/a/2.png')).toMatchObject({
      classes: ['a'],
      notes: [expect.anything(), expect.stringContaining('fold1/train')],
    });
    for (const part of ['fold', 'part_'])
      expect(() => arranged(`${part}1/train/a/1.png`, `${part}1/test/a/2.png`, `${part}2/train/a/2.png`)).toThrow(
        new RegExp(`${part}1/test.*${part}1/train`),
      );
  });
  test('folders of a thousand numbered images each are parts', () => {
    const paths = ['00000/00007.png', '00000/00999.png', '01000/01000.png', '02000/02001.png']; // FFHQ
    expect(arranged(...paths)).toMatchObject({ all: paths.map((path) => [path, undefined]), classes: undefined });
    for (const [one, other] of [
      ['0000/0001.png', '1000/2001.png'],
      ['0000/0001.png', '1000/a.png'],
      ['0/0.png', '1/1.png'],
      ['2/2.png', '12/13.png'],
    ] as const)
      expect(arranged(one, other).classes).toHaveLength(2);
  });
  test('a folder of images inside a split is no class, unless it stands beside others', () => {
    expect(arranged('train/train/1.png', 'test/test/2.png')).toMatchObject({
      train: [['train/1.png', undefined]],
      test: [['test/2.png', undefined]],
      classes: undefined,
    });
    expect(arranged('train/images/1.png', 'val/images/2.png')).toMatchObject({ classes: undefined });
    expect(arranged('train/images/cat/1.png', 'val/images/dog/2.png')).toMatchObject({
      train: [['images/cat/1.png', 'cat']],
      val: [['images/dog/2.png', 'dog']],
      classes: ['cat', 'dog'],
    });
    // Tiny ImageNet
    expect(arranged('train/n1/images/1.png', 'train/n2/images/2.png', 'val/images/3.png')).toMatchObject({
      train: [
        ['n1/images/1.png', 'n1'],
        ['n2/images/2.png', 'n2'],
      ],
      val: [['images/3.png', undefined]],
      classes: ['n1', 'n2'],
    });
    expect(arranged('train/photos/1.png', 'val/photos/2.png', 'val/sketches/3.png')).toMatchObject({
      train: [['photos/1.png', 'photos']],
      classes: ['photos', 'sketches'],
    });
    expect(arranged('train/1/1.png', 'test/2.png')).toMatchObject({ classes: ['1'] });
    expect(arranged('images/1.png', '2.png')).toMatchObject({ classes: ['images'] });
  });
  test('splits of a common name', () => {
    expect(arranged('s/cars_train/1.png', 's/cars_test/2.png')).toMatchObject({
      train: [['1.png', undefined]],
      test: [['2.png', undefined]],
      classes: undefined,
    });
    // Intel's scenes, GTSRB
    expect(arranged('seg_train/seg_train/sea/1.png', 'seg_test/seg_test/sea/2.png')).toMatchObject({
      train: [['seg_train/sea/1.png', 'sea']],
      test: [['seg_test/sea/2.png', 'sea']],
      classes: ['sea'],
    });
    expect(arranged('Final_Training/Images/1/1.ppm', 'Final_Test/Images/2.ppm')).toMatchObject({
      train: [['Images/1/1.ppm', '1']],
      test: [['Images/2.ppm', undefined]],
    });
    for (const other of ['seg_pred/1.png', '1.png']) {
      expect(() => arranged('seg_train/1.png', 'seg_test/1.png', other)).toThrow(/'seg_test', 'seg_train'/);
    }
    // ISIC 2017
    const isic = ['Training_Data', 'Validation_Data', 'Test_v2_Data'].map((name, i) => `ISIC-2017_${name}/${i}.png`);
    expect(arranged(...isic)).toMatchObject({
      train: [['0.png', undefined]],
      val: [['1.png', undefined]],
      test: [['2.png', undefined]],
    });
    expect(arranged('v1/1.png', 'v2/1.png')).toMatchObject({ classes: ['v1', 'v2'] });
    expect(arranged('test_tube/1.png', 'train_station/1.png')).toMatchObject({
      classes: ['test_tube', 'train_station'],
      notes: [],
    });
    // TensorFlow's rock, paper, scissors; the Simpsons
    expect(() => arranged('rps/rps/rock/1.png', 'rps-test-set/rps-test-set/rock/2.png')).toThrow(/'rps-test-set'/);
    expect(arranged('simpsons_dataset/bart/1.jpg', 'kaggle_simpson_testset/bart_2.jpg')).toMatchObject({
      classes: ['kaggle_simpson_testset', 'simpsons_dataset'],
      notes: [expect.stringContaining('kaggle_simpson_testset/')],
    });
  });
  test('folders that say split and class', () => {
    // CycleGAN
    expect(arranged('h/trainA/1.png', 'h/trainB/1.png', 'h/testA/1.png', 'h/testB/2.png')).toMatchObject({
      train: [
        ['trainA/1.png', 'A'],
        ['trainB/1.png', 'B'],
      ],
      test: [
        ['testA/1.png', 'A'],
        ['testB/2.png', 'B'],
      ],
      classes: ['A', 'B'],
      notes: [expect.stringContaining('testA')],
    });
    expect(arranged('Blue_Jay_train/1.png', 'robin_train/1.png', 'blue-jay-val/1.png')).toMatchObject({
      val: [['blue-jay-val/1.png', 'Blue Jay']],
      classes: ['Blue Jay', 'robin'],
    });
    // A class that is not trained on, one class twice, an image beside them: read in several ways.
    for (const other of ['testC/1.png', 'train-a/1.png', '1.png'])
      expect(() => arranged('trainA/1.png', 'trainB/1.png', 'testA/1.png', other)).toThrow(/rename/);
    expect(arranged('trainA/1.png', 'trainB/1.png')).toMatchObject({ classes: ['trainA', 'trainB'] });
  });
  test('splits inside each class', () => {
    expect(
      arranged('w/bottle/train/good/0.png', 'w/bottle/test/crack/1.png', 'w/nut/train/2.png', 'w/nut/test/3.png'),
    ).toMatchObject({
      train: [
        ['bottle/train/good/0.png', 'bottle'],
        ['nut/train/2.png', 'nut'],
      ],
      test: [
        ['bottle/test/crack/1.png', 'bottle'],
        ['nut/test/3.png', 'nut'],
      ],
      classes: ['bottle', 'nut'],
      notes: [expect.stringContaining('bottle, nut')],
    });
    for (const other of ['nut/4.png', 'nut/more/4.png', 'bolt/train/4.png'])
      expect(
        Object.keys(arranged('a/train/1.png', 'a/test/2.png', 'nut/train/3.png', 'nut/test/4.png', other)),
      ).toContain('all');
  });
  test('names of files that seem to say classes are noted', () => {
    const notesOf = (...names: string[]) =>
      notesOnNames(
        PathList.of(names.flatMap((name) => [1, 2, 3, 40].map((i) => `train/${name.replace('#', String(i))}`))),
      );
    expect(notesOf('cat.#.jpg', 'dog.#.jpg')).toEqual([expect.stringMatching(/cat, dog/)]);
    expect(notesOf('Abyssinian_#.jpg', 'american_bulldog_#.jpg', 'pug#.jpg')).toEqual([
      expect.stringMatching(/Abyssinian, american_bulldog …/),
    ]);
    for (const names of [['IMG_#.jpg', 'photo#.jpg'], ['image_#.jpg'], ['#.jpg', 'cat#.jpg'], ['cat.#.jpg', 'x.jpg']])
      expect(notesOf(...names)).toEqual([]);
    expect(notesOnNames(PathList.of(['a1.png', 'b1.png', 'b2.png']))).toEqual([]);
  });
  test('folders inside a class are noted', () => {
    expect(arranged('a/abbey/1.png', 'a/bar/1.png', 'c/cave/1.png').notes).toEqual([
      expect.stringMatching(/a\/abbey.*a\/bar/),
    ]);
    const inside = ['train/a/x/1.png', 'train/a/y/1.png', 'test/a/x/1.png', 'test/a/y/1.png'];
    expect(arranged(...inside).notes).toEqual([expect.not.stringContaining('pass')]);
    expect(arranged('a/a/abbey/1.png', 'a/a/bar/1.png', 'c/1.png').notes).toEqual([
      expect.stringMatching(/a\/a\/abbey.*a\/a\/bar/),
    ]);
  });
  test('a split alone is the whole set', () => {
    expect(arranged('train/cat/1.png', 'train/2.png')).toMatchObject({
      all: [
        ['train/2.png', undefined],
        ['train/cat/1.png', 'cat'],
      ],
      classes: ['cat'],
      notes: [expect.stringContaining('train/')],
    });
  });
  test('splits inside classes are noted', () => {
    expect(arranged('cat/train/1.png', 'dog/test/2.png')).toMatchObject({
      classes: ['cat', 'dog'],
      notes: [expect.stringContaining('cat/train/1.png')],
    });
  });
});
