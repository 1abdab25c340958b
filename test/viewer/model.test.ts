import { expect, test } from 'vitest';
import { cardSchema, parseFile } from '../../web-viewer/src/site/schema.ts';
import {
  inOneLine,
  kindOf,
  measuresOf,
  optimizerOf,
  restOfRecipe,
  shapeOf,
  valuesOf,
} from '../../web-viewer/src/views/models/texts.ts';
import { card } from './card.ts';

const tiny = parseFile(cardSchema, card(), 'card.json');

test('describes a card in a line', () => {
  expect(inOneLine(tiny)).toBe('dots · 2-D · loss 0.25 nats');
  const squared = { ...tiny, model: { ...tiny.model, error: 'mean squared error' as const } };
  expect(inOneLine(squared)).toBe('dots · 2-D · loss 0.25');
  expect([shapeOf(tiny), valuesOf(tiny)]).toEqual(['4\u00a0×\u00a05, colour', 60]);
  expect(kindOf(tiny)).toBe('variational, decoder conditioned on the class');
  const both = { model: { ...tiny.model, variational: false }, conditional: { encoder: true, decoder: true } };
  expect(kindOf(both)).toBe('plain, encoder and decoder conditioned on the class');
});

test('gives measures per pixel, and per image as a sum over its values', () => {
  expect(measuresOf(tiny).map(({ name, test, testImage, train }) => [name, test, testImage, train])).toEqual([
    ['loss', 0.25, 15, 0.5],
    ['reconstruction', 0.2, 12, 0.4],
    ['kl', 0.05, 3, 0.1],
  ]);
  const plain = { ...tiny, metrics: { ...tiny.metrics, train: null, test: { sharpness: 2, loss: 1 } } };
  expect(measuresOf(plain).map(({ name, trainImage }) => [name, trainImage])).toEqual([
    ['loss', null],
    ['sharpness', null],
  ]);
});

test('describes the recipe', () => {
  expect(optimizerOf(tiny)).toBe('adam, learning rate 0.001, epsilon 1e−8');
  expect(restOfRecipe(tiny)).toEqual([['KL warm up', '2']]);
});
