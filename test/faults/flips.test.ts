import { readdirSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { parquetMetadataAsync } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { asyncBufferFromFile } from 'hyparquet/src/node.js';
import { beforeAll, expect, test } from 'vitest';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { openSplits } from '../../pipeline/data/open.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { findDamage } from '../../pipeline/io/sums.ts';
import { pixelsOf, scratchFolder } from '../data/support.ts';
import { commands, makeWorld } from './commands.ts';
import { flipBits } from './flips.ts';

/** Bits of each file. `npm run torture` tries more. */
const MOST = 25;

const scratch = scratchFolder();
const world = { root: scratch('.') };
beforeAll(() => makeWorld(world), 60_000);

const refused = (work: Promise<unknown>) =>
  work.then(
    () => false,
    (error: unknown) => error instanceof InputError,
  );

test('a bit that flipped in an exported model is found when it is opened', async () => {
  const folder = scratch('exported');
  await openExported(folder);
  const { tried, missed } = await flipBits(folder, MOST, () => refused(openExported(folder)));
  expect(missed).toEqual([]);
  expect(tried).toBe(MOST * 7);
});

test('and in a checkpoint', async () => {
  const folder = scratch('run/checkpoints/epoch-002');
  const { tried, missed } = await flipBits(folder, MOST, () => refused(readRun(scratch('run'), 'latest')));
  expect(missed).toEqual([]);
  expect(tried).toBe(MOST * 8);
});

test('and in decoded images, which are decoded again', async () => {
  const cache = scratch('cache/convae/images');
  const read = async () => {
    const splits = await openSplits(scratch('data'), {});
    const pixels = await pixelsOf(splits.train);
    const fingerprint = await splits.train.fingerprint();
    await Promise.all([splits.train.close(), splits.test?.close()]);
    return {
      pixels: Buffer.from(pixels).toString('hex'),
      fingerprint,
      ids: splits.train.id(5),
      labels: splits.train.labels,
    };
  };
  const expected = await read();
  const { tried, missed } = await flipBits(cache, 2, async () => {
    const found = await read();
    return JSON.stringify(found) === JSON.stringify(expected);
  });
  expect(missed).toEqual([]);
  expect(tried).toBeGreaterThan(10);
});

test.each(['site', 'evaluate', 'sample'] as const)(
  '%s: and in what it publishes',
  async (name) => {
    await commands[name].run(world);
    const [out] = readdirSync(scratch('out'));
    const folder = scratch(`out/${out}`);
    expect(await findDamage(folder)).toBeUndefined();
    const { missed } = await flipBits(folder, 5, async () => (await findDamage(folder)) !== undefined);
    expect(missed).toEqual([]);
  },
  60_000,
);

test('each page of a Parquet file has the CRC-32 of its bytes', async () => {
  await commands.encode.run(world);
  const path = scratch('out/x.parquet');
  const bytes = readFileSync(path);
  const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
  const pages = row_groups.flatMap(({ columns }) =>
    columns.flatMap(({ meta_data: about }) => {
      if (!about) throw new Error('a column has no metadata');
      const start = Number(about.dictionary_page_offset ?? about.data_page_offset);
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: start };
      const found: { crc: number | undefined; expected: number }[] = [];
      while (reader.offset < start + Number(about.total_compressed_size)) {
        const { crc, compressed_page_size } = parquetHeader(reader);
        found.push({ crc, expected: crc32(bytes.subarray(reader.offset, reader.offset + compressed_page_size)) | 0 });
        reader.offset += compressed_page_size;
      }
      expect(reader.offset).toBe(start + Number(about.total_compressed_size));
      return found;
    }),
  );
  expect(pages.length).toBeGreaterThan(5);
  for (const { crc, expected } of pages) expect(crc).toBe(expected);
});
