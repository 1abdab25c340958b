import { expect, test } from 'vitest';
import { readCard } from '../../pipeline/artifacts/exported.ts';
import type { Preprocessing } from '../../pipeline/artifacts/preprocessing.ts';
import { defineDataset, type ImageDataset } from '../../pipeline/data/dataset.ts';
import { checkFits, optionsFor } from '../../pipeline/inference/exported.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { expectFacts, scratchFolder } from '../data/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const plain = await readCard(await exportTiny(scratch('plain')));
const both = { encoder: true, decoder: true };
const options = { conditional: both, classes: ['cat', 'dog'] };
const conditional = await readCard(await exportTiny(scratch('conditional'), options));
const decoder = { ...conditional, conditional: { encoder: false, decoder: true } };

const dataset = (labels: readonly number[] | undefined, classes?: readonly string[]): ImageDataset =>
  defineDataset({
    name: 'pets',
    shape: { height: 2, width: 3, channels: 1 },
    length: labels?.length ?? 2,
    labels: labels && Int32Array.from(labels),
    classes,
    id: (i) => `${i}.png`,
    read: async () => {},
    close: async () => {},
  });

const refusal = (images: ImageDataset): string => {
  try {
    checkFits(conditional, images, false);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return expect.fail('nothing was refused');
};

test('a conditional model refuses images without labels, and says how many', () => {
  expectFacts(refusal(dataset(undefined)), 'pets', 'no labels', 'tiny');
  expectFacts(refusal(dataset([0, -1, 1, -1], ['cat', 'dog'])), 'pets: 2 of its 4 images', '1.png', 'tiny');
});

test('a conditional model refuses classes that it does not know, by their names', () => {
  expectFacts(refusal(dataset([0, 1], ['cat', 'bird'])), 'pets', 'bird', 'tiny', 'cat, dog');
  expectFacts(refusal(dataset([0, 2])), 'pets', '1.png', 'label 2', '0 to 1');
  checkFits(conditional, dataset([0, 1], ['cat', 'dog']), true);
});

test('a model that takes no class accepts any labels, as does a decoder that is not needed', () => {
  for (const images of [dataset(undefined), dataset([-1, 7]), dataset([0, 1], ['x', 'y'])]) {
    checkFits(plain, images, true);
    checkFits(decoder, images, false);
  }
  expect(() => checkFits(decoder, dataset(undefined), true)).toThrow(InputError);
});

test('data are prepared as the card says, and as ever for a card that says nothing', () => {
  expect(optionsFor(plain, { strict: true, size: { height: 9, width: 9 } })).toMatchObject({
    strict: true,
    preprocessing: { height: 2, width: 3, channels: 1, fit: 'cover', background: '#000000', scalings: [] },
    classes: undefined,
  });
  const preprocessing: Preprocessing = {
    ...{ height: 2, width: 3, channels: 1, fit: 'contain', background: '#102030' },
    scalings: [{ type: 'uint16', from: [0, 4095], rule: '12 bits in 16' }],
  };
  const dataset = { ...conditional.dataset, valSplit: 0.25 };
  expect(optionsFor({ ...conditional, dataset, preprocessing })).toMatchObject({
    preprocessing,
    classes: ['cat', 'dog'],
    valSplit: 0.25,
  });
});
