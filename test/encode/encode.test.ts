import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { parquetMetadataAsync } from 'hyparquet';
import { asyncBufferFromFile } from 'hyparquet/src/node.js';
import { parse } from 'npyjs';
import { describe, expect, test } from 'vitest';
import { type EncodeOptions, encode } from '../../pipeline/encode/encode.ts';
import { peerPython, scratchFolder } from '../data/support.ts';
import { imageOf, labelOf, type Row, readRows, tinyData, tinyImages } from './support.ts';
import { decoderWeights, exportTiny, tiny, tinyError, tinyLatent } from './tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'));

/** Encodes with the defaults of the command line. */
const encoding = (options: Partial<EncodeOptions> & Pick<EncodeOptions, 'data' | 'out'>) =>
  encode({ exported, split: 'all', device: 'auto', threads: 2, ...options });

function expectRow(row: Row | undefined, i: number, images: Uint8Array, { label = 0 } = {}): void {
  const image = imageOf(images, i);
  const latent = tinyLatent(image, label);
  latent.forEach((value, d) => {
    expect(row?.latent[d]).toBeCloseTo(value, 5);
  });
  expect(row?.latent).toHaveLength(tiny.size);
  expect(row?.error).toBeCloseTo(tinyError(image, latent), 5);
}

test('a row for each image, in the data’s order, over many batches and threads', async () => {
  const [data, out] = [tinyData(scratch('rows'), 101), scratch('new/rows.parquet')];
  const done: [number, number][] = [];
  const result = await encoding({ data, out, batchSize: 3, threads: 3, progress: (...counts) => done.push(counts) });
  expect(result).toMatchObject({ rows: 101, out });
  expect(result.imagesPerSecond).toBeCloseTo(101 / result.seconds, 6);
  expect(done.map(([count]) => count)).toEqual(Array.from({ length: 34 }, (_, i) => Math.min(3 * (i + 1), 101)));
  expect(new Set(done.map(([, total]) => total))).toEqual(new Set([101]));

  const rows = await readRows(out);
  expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 101 }, (_, i) => String(i)));
  expect(rows.map(({ label }) => label)).toEqual(Array.from({ length: 101 }, (_, i) => labelOf(i)));
  rows.forEach((row, i) => {
    expectRow(row, i, tinyImages(101));
  });
  expect(readdirSync(dirname(out))).toEqual(['rows.parquet']);
});

test('latents and errors do not depend on batch size and threads', async () => {
  const data = tinyData(scratch('same'), 50);
  const files = [{ batchSize: 1, threads: 1 }, { batchSize: 7, threads: 4 }, { batchSize: 1000, threads: 2 }, {}].map(
    (options, i) => ({ ...options, out: scratch(`same-${i}.parquet`) }),
  );
  for (const options of files) await encoding({ data, ...options });
  const [first, ...others] = await Promise.all(files.map(({ out }) => readRows(out)));
  for (const other of others) {
    other.forEach(({ latent, error, ...row }, i) => {
      const expected = first?.[i];
      expect(row).toEqual({ id: expected?.id, label: expected?.label, class: expected?.class });
      latent.forEach((value, d) => {
        expect(value).toBeCloseTo(expected?.latent[d] ?? Number.NaN, 5);
      });
      expect(error).toBeCloseTo(expected?.error ?? Number.NaN, 5);
    });
  }
});

test('row groups follow each other, and readers see a list of float32', async () => {
  const [data, out] = [tinyData(scratch('groups'), 20_000), scratch('groups.parquet')];
  await encoding({ data, out });
  const { row_groups, schema, num_rows, key_value_metadata } = await parquetMetadataAsync(
    await asyncBufferFromFile(out),
  );
  expect(num_rows).toBe(20_000n);
  expect(row_groups.map((group) => group.num_rows)).toEqual([8192n, 8192n, 3616n]);
  expect(
    schema
      .slice(1)
      .map(({ name, type, converted_type, repetition_type }) => [name, type ?? converted_type, repetition_type]),
  ).toEqual([
    ['id', 'BYTE_ARRAY', 'REQUIRED'],
    ['label', 'INT32', 'REQUIRED'],
    ['class', 'BYTE_ARRAY', 'OPTIONAL'],
    ['latent', 'LIST', 'REQUIRED'],
    ['list', undefined, 'REPEATED'],
    ['element', 'FLOAT', 'REQUIRED'],
    ['error', 'FLOAT', 'REQUIRED'],
  ]);
  const about = JSON.parse(key_value_metadata?.find(({ key }) => key === 'convae')?.value ?? '') as unknown;
  expect(about).toMatchObject({ model: 'tiny', data, split: 'all', error: 'binary cross-entropy' });
  const rows = await readRows(out);
  expect(rows.every(({ id, label }, i) => id === String(i) && label === labelOf(i))).toBe(true);
  for (const i of [0, 8191, 8192, 16_383, 16_384, 19_999]) expectRow(rows[i], i, tinyImages(20_000));
});

test.runIf(peerPython)('pyarrow and numpy read the same', async () => {
  const data = tinyData(scratch('peer'), 9000);
  const [parquet, npy] = [scratch('peer.parquet'), scratch('peer.npy')];
  await encoding({ data, out: parquet });
  await encoding({ data, out: npy });
  const script = `
import sys, json, numpy as np, pyarrow.parquet as pq
table, array = pq.read_table(sys.argv[1]), np.load(sys.argv[2])
latent = np.array(table['latent'].to_pylist(), np.float32)
print(json.dumps([{field.name: str(field.type) for field in table.schema}, bool((latent == array).all()), str(array.dtype),
  array.shape, table['id'].to_pylist(), table['label'].to_pylist(), table['error'].to_pylist()]))`;
  const answer = execFileSync(peerPython ?? '', ['-c', script, parquet, npy], { encoding: 'utf8', maxBuffer: 2 ** 24 });
  const rows = await readRows(parquet);
  expect(JSON.parse(answer)).toEqual([
    { id: 'string', label: 'int32', class: 'string', latent: 'list<element: float not null>', error: 'float' },
    true,
    'float32',
    [9000, 2],
    rows.map(({ id }) => id),
    rows.map(({ label }) => label),
    rows.map(({ error }) => error),
  ]);
});

test('there is no label column without labels, and no error column without errors', async () => {
  const [data, out] = [tinyData(scratch('bare'), 5, { labels: false }), scratch('bare.parquet')];
  await encoding({ data, out, error: false });
  const rows = await readRows(out);
  expect(rows.map((row) => Object.keys(row))).toEqual(Array(5).fill(['id', 'latent']));
});

test('an npy file holds only the latents', async () => {
  const [data, out] = [tinyData(scratch('npy'), 2000), scratch('latents.npy')];
  await encoding({ data, out });
  const { shape, dtype, data: latents } = parse(new Uint8Array(readFileSync(out)).buffer);
  expect([shape, dtype]).toEqual([[2000, 2], 'f4']);
  const images = tinyImages(2000);
  const expected = Array.from({ length: 2000 }, (_, i) => tinyLatent(imageOf(images, i))).flat();
  expect(latents).toHaveLength(4000);
  [...(latents as Float32Array)].forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });
});

test('a large npy file is written in parts, without a gap', async () => {
  const [data, out] = [tinyData(scratch('pieces'), 150_000), scratch('pieces.npy')];
  await encoding({ data, out });
  const { data: latents } = parse(new Uint8Array(readFileSync(out)).buffer);
  const images = tinyImages(150_000);
  for (const i of [0, 131_071, 131_072, 149_999]) {
    expect((latents as Float32Array)[2 * i + 1]).toBeCloseTo(tinyLatent(imageOf(images, i))[1] ?? Number.NaN, 5);
  }
  expect(statSync(out).size).toBeGreaterThan(150_000 * 8);
});

test('a model trained on squared error has squared errors', async () => {
  const squared = await exportTiny(scratch('squared'), { error: 'mean squared error' });
  const [data, out] = [tinyData(scratch('mse'), 6), scratch('mse.parquet')];
  await encoding({ exported: squared, data, out });
  const rows = await readRows(out);
  rows.forEach(({ error }, n) => {
    const image = imageOf(tinyImages(6), n);
    const latent = tinyLatent(image);
    const squares = [...image].map((pixel, i) => {
      const logit = latent.reduce((sum, value, d) => sum + value * (decoderWeights[tiny.pixels * d + i] ?? 0), 0);
      return (pixel / 255 - 1 / (1 + Math.exp(-logit))) ** 2;
    });
    expect(error).toBeCloseTo(squares.reduce((a, b) => a + b) / tiny.pixels, 6);
  });
});

test('errors stay finite where the reconstruction is certain and wrong', async () => {
  const certain = await exportTiny(scratch('certain'), { encoder: Array<number>(12).fill(1000) });
  const [data, out] = [tinyData(scratch('wrong'), 8), scratch('wrong.parquet')];
  await encoding({ exported: certain, data, out });
  const rows = await readRows(out);
  for (const { error } of rows) {
    expect(error).toBeGreaterThan(0.1);
    expect(error).toBeLessThan(25 * Math.LN2 + 0.01); // 2^-25 from certainty
  }
});

describe('conditional models', () => {
  const classes = ['0', '1', '2', '3', '4'];

  test('get the labels', async () => {
    const both = await exportTiny(scratch('both'), { conditional: { encoder: true, decoder: true }, classes });
    const [data, out] = [tinyData(scratch('labelled'), 20), scratch('both.parquet')];
    await encoding({ exported: both, data, out, batchSize: 3 });
    const rows = await readRows(out);
    rows.forEach((row, i) => {
      const latent = tinyLatent(imageOf(tinyImages(20), i), labelOf(i));
      latent.forEach((value, d) => {
        expect(row.latent[d]).toBeCloseTo(value, 4);
      });
      expect(row.error).toBeCloseTo(tinyError(imageOf(tinyImages(20), i), latent, labelOf(i)), 4);
    });
  });

  test('need labels only where they are used', async () => {
    const decoder = await exportTiny(scratch('decoder'), { conditional: { encoder: false, decoder: true }, classes });
    const data = tinyData(scratch('unlabelled'), 4, { labels: false });
    const out = scratch('decoder.parquet');
    await encoding({ exported: decoder, data, out, error: false });
    expect(await readRows(out)).toHaveLength(4);
    await expect(encoding({ exported: decoder, data, out })).rejects.toThrow(
      'it has no labels, and the model tiny needs the class of each image; give labelled data',
    );
  });

  test('refuse labels that they do not have', async () => {
    const four = await exportTiny(scratch('four'), {
      conditional: { encoder: true, decoder: false },
      classes: classes.slice(1),
    });
    const data = tinyData(scratch('five'), 20);
    await expect(encoding({ exported: four, data, out: scratch('five.parquet') })).rejects.toThrow(
      /its classes 0 are not among those of the model tiny, 1, 2, 3, 4/,
    );
  });
});
