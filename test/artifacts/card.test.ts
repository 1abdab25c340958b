import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { heldOutOf } from '../../pipeline/artifacts/card.ts';
import { readCard, verifyFiles, writeCard } from '../../pipeline/artifacts/exported.ts';
import { inputErrorOf, scratchFolder } from '../data/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';

const scratch = scratchFolder();

type Json = Record<string, unknown>;
const json = (folder: string): Json => JSON.parse(readFileSync(join(folder, 'card.json'), 'utf8')) as Json;

/** An exported model whose card was changed after the export. */
async function withCard(name: string, change: (card: Json) => unknown): Promise<string> {
  const folder = await exportTiny(scratch(name));
  writeFileSync(join(folder, 'card.json'), JSON.stringify(change(json(folder))));
  return folder;
}

test('a card is read as it was written, with defaults filled in', async () => {
  const folder = await exportTiny(scratch('written'));
  const card = await readCard(folder);
  expect(card).toEqual(json(folder));
  expect(card.model.error).toBe('binary cross-entropy');
  expect(card.files['encoder.onnx'].bytes).toBe(readFileSync(join(folder, 'encoder.onnx')).length);
  const again = scratch('again');
  mkdirSync(again);
  expect(await writeCard(again, card)).toEqual(card);
});

test('a card that does not fit its schema is not written', async () => {
  const card = await readCard(await exportTiny(scratch('misfit')));
  const folder = scratch('unwritten');
  mkdirSync(folder);
  await expect(
    writeCard(folder, { ...card, metrics: { ...card.metrics, test: { loss: Number.NaN } } }),
  ).rejects.toThrow(/^the card does not fit its schema: .*metrics\.test\.loss$/);
  const latent = { ...card.latent, statistics: { ...card.latent.statistics, std: [1, 2, 3] } };
  await expect(writeCard(folder, { ...card, latent })).rejects.toThrow(
    'expected 2 numbers, one per latent dimension, got 3 at latent.statistics.std',
  );
  expect(() => json(folder)).toThrow('ENOENT');
});

test('a mixture of latents is kept, each list of numbers on one line, and must fit the latent size', async () => {
  const folder = await exportTiny(scratch('mixture'));
  const card = await readCard(folder);
  expect(card.latent.mixture).toBeUndefined(); // as in older cards
  expect(card.model.variational).toBe(false);
  const mixture = {
    over: 'train' as const,
    codes: 7,
    logLikelihood: -1.5,
    weights: [0.25, 0.75],
    means: [
      [1, -2.5],
      [3e-9, 4],
    ],
    factors: [
      [1, 0, 2],
      [3, -1, 1],
    ],
  };
  const summary = 'lists [\n 1,\n 2\n] and "quotes"';
  const complete = { ...card, model: { ...card.model, summary }, latent: { ...card.latent, mixture } };
  await writeCard(folder, complete);
  expect(await readCard(folder)).toEqual(complete);
  const text = readFileSync(join(folder, 'card.json'), 'utf8');
  expect(text).toContain('      "means": [\n        [1, -2.5],\n        [3e-9, 4]\n      ],\n');

  for (const [change, message] of [
    [{ means: [[1, 2]] }, 'expected 2 numbers for each of 2 components at latent.mixture.means'],
    [{ factors: [[1, 0, 2], [3]] }, 'expected 3 numbers for each of 2 components at latent.mixture.factors'],
    [{ weights: [] }, 'latent.mixture.weights'],
  ] as const) {
    const misfit = { ...complete, latent: { ...card.latent, mixture: { ...mixture, ...change } } };
    writeFileSync(join(folder, 'card.json'), JSON.stringify(misfit));
    expect(await inputErrorOf(readCard(folder))).toContain(message);
  }
});

test('anything but an exported model is refused, with what to do', async () => {
  const missing = scratch('nowhere');
  expect(await inputErrorOf(readCard(missing))).toBe(
    `${missing}: there is no such folder; make it with \`convae export RUN\``,
  );
  const empty = scratch('empty');
  mkdirSync(empty);
  expect(await inputErrorOf(readCard(empty))).toContain('it has no card.json, so it is not an exported model');
  const file = scratch('file');
  writeFileSync(file, '');
  expect(await inputErrorOf(readCard(file))).toContain('it is not a folder');
});

test('a damaged card is refused, with all its faults in one line', async () => {
  const folder = await exportTiny(scratch('broken'));
  writeFileSync(join(folder, 'card.json'), '{"format": 1,\n "model": ');
  expect(await inputErrorOf(readCard(folder))).toMatch(/card\.json: it is not JSON \(.*\); export the model again$/);
  const faults = await withCard('faults', (card) => ({ ...card, opset: '17', latent: { size: 0 } }));
  const message = await inputErrorOf(readCard(faults));
  expect(message).toMatch(
    /^.*card\.json: .* at opset; .* at latent\.size; .* at latent\.statistics; export the model again$/,
  );
  expect(message).not.toContain('✖');
  expect(await inputErrorOf(readCard(await withCard('list', () => [])))).toContain('expected object');
});

test('a card of a newer format is refused by its version, whatever else is in it', async () => {
  const folder = await withCard('newer', () => ({ format: 3, everything: 'else' }));
  expect(await inputErrorOf(readCard(folder))).toContain(
    'card format 3 is newer than this version of convae, which reads formats up to 2; update convae',
  );
});

test('files must be those that the card was written for', async () => {
  const folder = await exportTiny(scratch('verified'));
  const card = await readCard(folder);
  await verifyFiles(folder, card);
  const [encoder, decoder] = [join(folder, 'encoder.onnx'), join(folder, 'decoder.onnx')];

  const bytes = readFileSync(encoder);
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  writeFileSync(encoder, bytes);
  expect(await inputErrorOf(verifyFiles(folder, card))).toBe(
    `${encoder}: its SHA-256 is not the one in card.json; export the model again`,
  );
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  writeFileSync(encoder, bytes);
  await verifyFiles(folder, card);

  const { length } = readFileSync(decoder);
  appendFileSync(decoder, 'x');
  expect(await inputErrorOf(verifyFiles(folder, card))).toContain(
    `decoder.onnx: its SHA-256 is not the one in card.json (${length + 1} bytes where ${length} were expected)`,
  );
  rmSync(decoder);
  expect(await inputErrorOf(verifyFiles(folder, card))).toBe(`${decoder}: the file is missing; export the model again`);
});

test('a card of data without a test part has validation images, and a card without either is refused', async () => {
  const { dataset, metrics } = await readCard(await exportTiny(scratch('tested')));
  const { test: held, ...others } = dataset;
  const validated = { dataset: { ...others, valSplit: 0.1, val: held }, metrics: { ...metrics, val: { loss: 0.25 } } };
  const folder = await withCard('validated', (card) => ({
    ...card,
    dataset: validated.dataset,
    metrics: { ...validated.metrics, test: undefined },
  }));
  const card = await readCard(folder);
  expect(heldOutOf(card)).toEqual({ split: 'val', ...held, losses: { loss: 0.25 } });
  const both = { dataset: { ...dataset, val: held }, metrics: validated.metrics };
  expect(heldOutOf(both)).toEqual({ split: 'test', ...held, losses: metrics.test });
  const neither = await withCard('neither', (made) => ({ ...made, metrics: { ...metrics, test: undefined } }));
  await expect(readCard(neither)).rejects.toThrow(/card\.json: .*test or val/);
});

test('what is normal must be of latents of the same size', async () => {
  const folder = await exportTiny(scratch('normal'));
  const card = await readCard(folder);
  const tail = { values: [0, 1], shares: [1, 0.5], decay: 1 };
  const { test: images = card.dataset.train } = card.dataset;
  const outliers = {
    reference: { name: 'by hand', ...images },
    normal: null,
    usual: { weights: [1], means: [[0, 0, 0]], factors: [[1, 0, 1, 0, 0, 1]] },
    tails: { error: tail, distance: tail, surprise: { ...tail, centre: 0 }, both: tail },
    flagAbove: 99,
  };
  expect((await writeCard(folder, { ...card, outliers })).outliers).toEqual(outliers);
  const refused = async (change: object) =>
    expect(writeCard(folder, { ...card, outliers: { ...outliers, ...change } })).rejects.toThrow(
      /outliers --into|tails/,
    );
  await refused({ usual: { weights: [1], means: [[0, 0]], factors: [[1, 0, 1]] } }); // without the error
  await refused({ tails: { ...outliers.tails, error: null } });
  await refused({ tails: { ...outliers.tails, both: { ...tail, values: [1, 0] } } });
});
