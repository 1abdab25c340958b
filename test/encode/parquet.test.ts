import { parquetMetadataAsync } from 'hyparquet';
import { asyncBufferFromFile } from 'hyparquet/src/node.js';
import { expect, test } from 'vitest';
import { type LatentColumns, parquetWriter } from '../../pipeline/encode/parquet.ts';
import { scratchFolder } from '../data/support.ts';
import { readRows } from './support.ts';

const scratch = scratchFolder();

async function written(
  name: string,
  labels: readonly number[],
  columns: Pick<LatentColumns, 'labelled' | 'classes'> & { groupRows?: number },
) {
  const path = scratch(name);
  const writer = parquetWriter(path, { size: 1, errors: false, about: {}, ...columns });
  const count = labels.length;
  const latents = Float32Array.from({ length: count }, (_, i) => i);
  const ids = labels.map((_, i) => `image-${i}`);
  await writer.write({ count, latents, errors: undefined, labels: Int32Array.from(labels), ids });
  await writer.finish();
  const { schema, row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
  const kinds = Object.fromEntries(schema.map(({ name, repetition_type }) => [name, repetition_type]));
  return { rows: await readRows(path), kinds, groups: row_groups.map(({ num_rows }) => Number(num_rows)) };
}

test('images without a label have null for label and class, over several row groups', async () => {
  const labels = Array.from({ length: 20_000 }, (_, i) => (i % 3) - 1);
  const { rows, kinds } = await written('some.parquet', labels, { labelled: 'some', classes: ['cat', 'dög'] });
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
  const { rows } = await written('none.parquet', [-1, -1], { labelled: 'some', classes: ['a'] });
  expect(rows.map(({ label, class: name }) => [label, name])).toEqual([
    [null, null],
    [null, null],
  ]);
});

test('labels of all images are required, and there is no class without names', async () => {
  const { rows, kinds } = await written('all.parquet', [4, 0], { labelled: 'all', classes: undefined });
  expect(kinds.label).toBe('REQUIRED');
  expect(kinds).not.toHaveProperty('class');
  expect(rows.map(({ label }) => label)).toEqual([4, 0]);
});
