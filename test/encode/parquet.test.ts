import { parquetMetadataAsync } from 'hyparquet';
import { asyncBufferFromFile } from 'hyparquet/src/node.js';
import { expect, test } from 'vitest';
import { defineDataset, type ImageDataset } from '../../pipeline/data/dataset.ts';
import { parquetWriter } from '../../pipeline/encode/parquet.ts';
import { scratchFolder } from '../data/support.ts';
import { readRows } from './support.ts';

const scratch = scratchFolder();

const dataset = (labels: readonly number[], classes: readonly string[] | undefined): ImageDataset =>
  defineDataset({
    name: 'some',
    shape: { height: 1, width: 1, channels: 1 },
    length: labels.length,
    labels: Int32Array.from(labels),
    classes,
    id: (i) => `image-${i}`,
    read: async () => {},
    close: async () => {},
  });

async function written(name: string, images: ImageDataset) {
  const path = scratch(name);
  const writer = parquetWriter(path, images, { size: 1, errors: false, about: {} });
  const latents = Float32Array.from({ length: images.length }, (_, i) => i);
  await writer.write({ start: 0, count: images.length, latents, logvars: undefined, errors: undefined });
  await writer.finish();
  const { schema } = await parquetMetadataAsync(await asyncBufferFromFile(path));
  const kinds = Object.fromEntries(schema.map(({ name, repetition_type }) => [name, repetition_type]));
  return { rows: await readRows(path), kinds };
}

test('images without a label have null for label and class, over several row groups', async () => {
  const labels = Array.from({ length: 20_000 }, (_, i) => (i % 3) - 1);
  const { rows, kinds } = await written('some.parquet', dataset(labels, ['cat', 'dög']));
  expect(kinds).toMatchObject({ id: 'REQUIRED', label: 'OPTIONAL', class: 'OPTIONAL' });
  rows.forEach((row, i) => {
    const label = labels[i] as number;
    const known = label >= 0;
    expect(row).toEqual({
      id: `image-${i}`,
      label: known ? label : null,
      class: known ? ['cat', 'dög'][label] : null,
      latent: [i],
    });
  });
});

test('a group in which no image has a label', async () => {
  const { rows } = await written('none.parquet', dataset([-1, -1], ['a']));
  expect(rows.map(({ label, class: name }) => [label, name])).toEqual([
    [null, null],
    [null, null],
  ]);
});

test('labels of all images are required, and there is no class without names', async () => {
  const { rows, kinds } = await written('all.parquet', dataset([4, 0], undefined));
  expect(kinds.label).toBe('REQUIRED');
  expect(kinds).not.toHaveProperty('class');
  expect(rows.map(({ label }) => label)).toEqual([4, 0]);
});
