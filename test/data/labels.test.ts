import { describe, expect, test } from 'vitest';
import type { RawLabel } from '../../pipeline/data/image-source.ts';
import { indexLabels } from '../../pipeline/data/labels.ts';
import { sortNaturally } from '../../pipeline/data/natural-order.ts';
import { orderOf } from '../../pipeline/data/parts.ts';
import { expectFacts, inputErrorOf } from './support.ts';

const indexed = (labels: RawLabel[], classes?: string[]) => {
  const { labels: byPart, ...rest } = indexLabels({ all: labels }, { classes });
  return { ...rest, labels: byPart.all && [...byPart.all] };
};

describe('labels become indices:', () => {
  const X = null;
  const animals = ['cat', 'dog', 'cow'];
  test.each<[string, RawLabel[], number[], string[], string[]?]>([
    ['0 … 9 stay', [3, 1, 0, 2], [3, 1, 0, 2], ['0', '1', '2', '3']],
    ['from 5 on', [14, 5, 10, 5], [2, 0, 1, 0], ['5', '10', '14']],
    ['whole floats', [2.0, 100.0], [0, 1], ['2', '100']],
    ['no label', [1, -1, Number.NaN, X, undefined, 0], [1, -1, -1, -1, -1, 0], ['0', '1']],
    ['names', ['dog', 'cat', '', 'dog', X], [1, 0, -1, 1, -1], ['cat', 'dog']],
    ['natural order', ['10', '2', 'a10', 'a9', '02'], [2, 1, 4, 3, 0], ['02', '2', '10', 'a9', 'a10']],
    ['numerals', ['10', '-1', '2'], [1, -1, 0], ['2', '10']],
    ['numerals, some missing', ['1', 'nan', '0'], [1, -1, 0], ['0', '1']],
    ['names such as NaN', ['nan', 'pita'], [0, 1], ['nan', 'pita']],
    ['numbered folders, one of which is -1', ['3', '-1', '0'], [1, -1, 0], ['0', '3'], ['-1', '0', '3']],
    [
      'one-hot',
      [
        [0, 0, 1],
        [1, 0, 0],
        [0, 0, 0],
      ],
      [2, 0, -1],
      ['0', '1', '2'],
    ],
    ['indices into classes', [2, 0], [2, 0], animals, animals],
    ['numerals as indices', ['2', '0'], [2, 0], animals, animals],
    ['names among classes', ['cow', 'cat'], [2, 0], animals, animals],
    ['one-hot of classes', [[0, 1, 0]], [1], animals, animals],
    ['numbers that are names', [5, 7], [0, 1], ['5', '7'], ['5', '7']],
    ['numerals that are names', ['1', '0'], [0, 1], ['1', '0'], ['1', '0']],
  ])('%s', (_, labels, indices, names, classes) => {
    expect(indexed(labels, classes)).toEqual({ labels: indices, classes: names, warnings: [] });
  });
});

test('parts have the same classes; where all is unlabelled there are none', () => {
  const { labels, classes } = indexLabels({ train: [7, 5], val: [-1, 6], test: [null, -1] });
  expect(labels).toEqual({ train: Int32Array.of(2, 0), val: Int32Array.of(-1, 1), test: undefined });
  expect(classes).toEqual(['5', '6', '7']);
  const none = { classes: undefined, labels: undefined, warnings: [] };
  expect(indexed([null, -1, Number.NaN, undefined])).toEqual(none);
  expect(indexed(['', '-1'], ['a'])).toEqual(none);
  expect(indexed([[0, 0]])).toEqual(none);
});

describe('refused with the first image and its label:', () => {
  test.each<[string, RawLabel[], string[] | undefined, ...string[]]>([
    ['no whole number', [1, 0.5], undefined, 'image 1', '0.5'],
    ['infinity', [1, Number.POSITIVE_INFINITY], undefined, 'image 1', 'Infinity'],
    ['below −1', [1, -1, -2], undefined, 'image 2', '-2', '-1'],
    ['below −1 as text', ['1', '-2'], undefined, 'image 1', '-2', '-1'],
    ['kinds', [null, 1, 'cat'], undefined, 'image 2', '"cat"', 'name', 'image 1', 'number'],
    [
      'two classes at once',
      [
        [0, 1],
        [1, 1],
      ],
      undefined,
      'image 1',
      '[1,1]',
      'one-hot',
      '2',
    ],
    ['a row of shares', [[0.5, 0.5]], undefined, 'image 0', '[0.5,0.5]', 'one-hot'],
    [
      'rows of two lengths',
      [
        [0, 1],
        [0, 0, 1],
      ],
      undefined,
      'image 1',
      '[0,0,1]',
      '2',
    ],
    ['an index too large', [0, 2], ['a', 'b'], 'image 1', '2', '2 classes', 'a, b', '0 to 1'],
    ['an unknown name', ['a', 'c'], ['a', 'b'], 'image 1', '"c"', 'a, b'],
  ])('%s', async (_, labels, classes, ...facts) => {
    const message = await inputErrorOf((async () => indexLabels({ all: labels }, { classes, where: 'photos' }))());
    expectFacts(message, 'photos: ', ...facts);
  });

  test('with its part', async () => {
    const message = await inputErrorOf((async () => indexLabels({ train: [1], test: [0, 1.5] }))());
    expectFacts(message, 'test image 1', '1.5');
  });
});

test('labels that may mean something else come with a warning', () => {
  const ids = Array.from({ length: 20 }, (_, i) => 100 + i);
  expect(indexed(ids).warnings).toEqual([expect.stringMatching(/20.*ids/)]);
  expect(indexed(Array.from({ length: 5000 }, (_, i) => i % 1001)).warnings).toEqual([expect.stringMatching(/1001/)]);
  expect(indexed(Array.from({ length: 5000 }, (_, i) => i % 1000)).warnings).toEqual([]);
  expect(indexed([1, -1, 1, -1]).warnings).toEqual([expect.stringMatching(/-1 or 1/)]);
  expect(indexed(['1', '-1']).warnings).toEqual([expect.stringMatching(/-1 or 1/)]);
  expect(indexed([0, -1, 1]).warnings).toEqual([]);
  expect(indexed(['Cat', 'dog', 'cat', 'Cat']).warnings).toEqual([expect.stringMatching(/'Cat' and 'cat'/)]);
  // Cityscapes: folders of cities, none of which is in two parts.
  expect(indexLabels({ train: ['ulm'], val: ['bonn', null], test: ['ulm'] }).warnings).toEqual([
    expect.stringMatching(/val.*ulm.*bonn/),
  ]);
});

test('a name in two Unicode forms is one class, that of the format or of a model', () => {
  const [composed, apart] = ['caf\u00e9', 'cafe\u0301'];
  expect(indexed([composed, 'the', apart])).toMatchObject({ classes: [composed, 'the'], warnings: [] });
  expect(indexed([composed, 'the', apart]).labels).toEqual([0, 1, 0]);
  for (const classes of [[apart, 'the'], [composed, 'the']])
    expect(indexLabels({ all: [composed, apart] }, { classes }).labels.all).toEqual(Int32Array.of(0, 0)); // biome-ignore format: short
  expect(orderOf([composed, 'the'], ['the', apart])).toEqual([1, 0]);
  expect(orderOf([composed, 'the'], [apart, 'the'])).toEqual([0, 1]); // the model's names are used
  expect(orderOf([composed, 'the'], [composed, 'the'])).toBeUndefined();
});

test('natural order does not depend on the locale', () => {
  const sorted = [
    'B',
    'a',
    'img2',
    'img10',
    'img1b',
    'img1',
    '1',
    '01',
    '10',
    'é',
    'z',
    '9007199254740993',
    'b2',
    'b02',
    '9007199254740992',
  ];
  expect(sortNaturally(sorted)).toEqual([
    '01',
    '1',
    '10',
    '9007199254740992',
    '9007199254740993',
    'B',
    'a',
    'b02',
    'b2',
    'img1',
    'img1b',
    'img2',
    'img10',
    'z',
    'é',
  ]);
});
