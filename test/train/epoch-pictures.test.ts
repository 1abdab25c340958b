import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { ccvae } from '../../models/vae.ts';
import type { DatasetSplits } from '../../pipeline/data/dataset.ts';
import { classColours } from '../../pipeline/pictures/palette.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { never, stripes, tinyOptions } from './tiny.ts';

const shape = { height: 12, width: 12, channels: 1 };
const splits = (): DatasetSplits => ({
  name: 'stripes',
  train: stripes(24, { shape }),
  test: stripes(24, { shape, salt: 5 }),
});

test('an epoch of a conditional model with a 2-D latent leaves three pictures, which a resume keeps', async () => {
  const run = join(temporaryFolder(), 'run');
  const options = (epochs: number) =>
    tinyOptions(run, { model: ccvae, engine: 'onnx', latent: 2, epochs, resume: true });
  await trainOn(splits(), options(1), never);
  const pictures = join(run, 'pictures');
  const names = ['epoch-001-codes.png', 'epoch-001-samples.png', 'epoch-001.png'];
  expect(readdirSync(pictures)).toEqual(names);
  const first = names.map((name) => readFileSync(join(pictures, name)));
  await trainOn(splits(), options(2), never);
  expect(readdirSync(pictures)).toHaveLength(6);
  expect(names.map((name) => readFileSync(join(pictures, name)))).toEqual(first);
  expect(readFileSync(join(pictures, 'epoch-002-samples.png'))).not.toEqual(first[1]);

  // Ten rows, and a column for each of the first ten of twelve classes.
  const samples = await sharp(first[1]).metadata();
  expect(samples.width).toBeGreaterThan(10 * 12);
  expect(samples.height).toBeGreaterThan(10 * 12);
  const { data, info } = await sharp(first[0]).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const colours = new Set<string>();
  for (let i = 0; i < data.length; i += info.channels) {
    colours.add(`#${[...data.subarray(i, i + 3)].map((value) => value.toString(16).padStart(2, '0')).join('')}`);
  }
  expect(classColours(12).filter((colour) => colours.has(colour)).length).toBeGreaterThan(6); // in the legend
  for (const tag of ['reconstruction', 'samples', 'codes']) {
    expect(readFileSync(join(run, 'events.out.tfevents.0.convae')).includes(tag)).toBe(true);
  }
});
