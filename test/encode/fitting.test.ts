import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parquetMetadataAsync } from 'hyparquet';
import { asyncBufferFromFile } from 'hyparquet/src/node.js';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { oneShard } from '../../pipeline/encode/choose-shards.ts';
import { type EncodeOptions, encode } from '../../pipeline/encode/encode.ts';
import { encodeShards } from '../../pipeline/encode/encode-shards.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { reconstruct } from '../../pipeline/generate/reconstruct.ts';
import { call } from '../cli/call.ts';
import { npyBytes } from '../data/formats.ts';
import { pngBytes } from '../data/images.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';
import { grayOf, tinyBytes } from '../generate/support.ts';
import { readRows } from './support.ts';
import { exportTiny, tinyLatent } from './tiny-model.ts';

const scratch = scratchFolder();
const contained = await exportTiny(scratch('contained'), {
  preprocessing: { height: 2, width: 3, channels: 1, fit: 'contain', background: '#808080', scalings: [] },
});
const old = await exportTiny(scratch('old'));

/** Writes an image of one colour, `[R, G, B]` or `[R, G, B, A]`. */
async function plain(path: string, width: number, height: number, colour: readonly number[]): Promise<string> {
  mkdirSync(dirname(path), { recursive: true });
  const channels = colour.length as 3 | 4;
  const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) => colour[i % channels] ?? 0);
  await sharp(pixels, { raw: { width, height, channels } }).png().toFile(path);
  return path;
}

const photos = scratch('photos');
await plain(join(photos, 'cat/wide.png'), 12, 4, [255, 255, 255]);
await plain(join(photos, 'dog/exact.png'), 3, 2, [200, 0, 0]);
await plain(join(photos, 'dog/clear.png'), 3, 2, [255, 255, 255, 0]);
writeFileSync(join(photos, 'dog/broken.png'), '<html>');

/** What the model has to see of each image, by hand: gray by luma, transparent pixels on the background. */
const expected: Record<string, number[]> = {
  'cat/wide.png': [255, 255, 255, 128, 128, 128], // 3×1 at the top, as half a row below is rounded down
  'dog/clear.png': [128, 128, 128, 128, 128, 128],
  'dog/exact.png': Array<number>(6).fill(Math.round(0.299 * 200)),
};

const cache = scratch('cache');
const encoding = (options: Partial<EncodeOptions> & Pick<EncodeOptions, 'data' | 'out'>) =>
  encode({
    ...{ exported: contained, split: 'all', device: 'cpu', threads: 1, dataOptions: { cache, maxSkipped: 0.5 } },
    ...options,
  });

test('images of any size are fitted as the card says; unreadable ones have no row and are named', async () => {
  const out = scratch('photos.parquet');
  const notes: string[] = [];
  const result = await encoding({ data: photos, out, note: (line) => notes.push(line) });
  expect(result).toMatchObject({ rows: 3, skipped: 1 });
  const rows = await readRows(out);
  expect(rows.map(({ id, class: name }) => [id, name])).toEqual([
    ['cat/wide.png', 'cat'],
    ['dog/clear.png', 'dog'],
    ['dog/exact.png', 'dog'],
  ]);
  for (const { id, latent } of rows) {
    const wanted = tinyLatent(expected[id] ?? []);
    expect(latent).toEqual(wanted.map((value) => expect.closeTo(value, 5)));
  }
  const { key_value_metadata } = await parquetMetadataAsync(await asyncBufferFromFile(out));
  const about = JSON.parse(key_value_metadata?.find(({ key }) => key === 'convae')?.value ?? '') as unknown;
  const file = expect.stringMatching(/dog\/broken\.png$/) as string;
  expect(about).toMatchObject({ skipped: [{ file, reason: expect.stringMatching(/./) as string }], skippedImages: 1 });
  expect(notes).toEqual([expect.stringMatching(/photos\.parquet.*1 image .*broken\.png/)]);
});

test('unreadable images are refused in strict mode, and where there are more than allowed', async () => {
  for (const dataOptions of [{ cache, maxSkipped: 0.5, strict: true }, { cache }]) {
    const out = scratch('refused.parquet');
    expect(await inputErrorOf(encoding({ data: photos, out, dataOptions }))).toContain('broken.png');
  }
});

test('one image', async () => {
  const data = await plain(scratch('one.png'), 30, 20, [10, 10, 10]);
  const out = scratch('one.npy');
  await encoding({ data, out });
  const latent = new Float32Array(new Uint8Array(readFileSync(out).subarray(-8)).buffer);
  expect([...latent]).toEqual(tinyLatent(Array(6).fill(10)).map((value) => expect.closeTo(value, 5)));
});

test('numbers that the model was not trained on: how they are scaled is said, or refused', async () => {
  const notes: string[] = [];
  const dataOptions = { cache, note: (line: string) => notes.push(line) };
  const latentsOf = async (name: string, values: number[]) => {
    const data = scratch(`${name}.png`);
    writeFileSync(
      data,
      pngBytes(
        3,
        2,
        16,
        0,
        values.flatMap((value) => [value >> 8, value & 255]),
      ),
    );
    await encoding({ data, out: scratch('deep.parquet'), dataOptions });
    return (await readRows(scratch('deep.parquet')))[0]?.latent;
  };
  const close = (pixels: number[]) => tinyLatent(pixels).map((value) => expect.closeTo(value, 5) as number);
  expect(await latentsOf('dark', Array(6).fill(3000))).toEqual(close(Array(6).fill(187)));
  expect(await latentsOf('bright', [3000, 3000, 3000, 3000, 3000, 65535])).toEqual(close([12, 12, 12, 12, 12, 255]));
  expect(notes).toEqual([
    expect.stringMatching(/dark\.png: uint16.*4095.*12 bits/),
    expect.stringMatching(/bright\.png: uint16.*65535.*16 bits/),
  ]);
  const { code, stderr } = await call(
    ['encode', contained, '--data', scratch('dark.png'), '--out', scratch('dark.npy'), '--cache', cache],
    { cwd: scratch('') },
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining(notes[0] ?? '-')]);
  const ambiguous = scratch('float.npy');
  writeFileSync(ambiguous, npyBytes('<f4', [1, 2, 3, 1], new Uint8Array(new Float32Array(6).fill(100).buffer)));
  const refused = await inputErrorOf(encoding({ data: ambiguous, out: scratch('refused.npy') }));
  expectFacts(refused, ambiguous, '100', '8 bits');
  expect(refused).not.toContain('--range');
});

test('numbers beyond those that are black and white in training are cut off, which is said', async () => {
  const preprocessing = { height: 2, width: 3, channels: 1, fit: 'cover', background: '#ffffff' } as const;
  const scalings = [{ type: 'uint16', from: [0, 4095] as [number, number], rule: '12 bits' }];
  const exported = await exportTiny(scratch('twelve'), { preprocessing: { ...preprocessing, scalings } });
  const folder = scratch('brighter');
  mkdirSync(folder);
  for (const [name, value] of Object.entries({ '12-bits': 4095, '16-bits': 60000 })) {
    const pixels = Array(6).fill([value >> 8, value & 255]);
    writeFileSync(join(folder, `${name}.png`), pngBytes(3, 2, 16, 0, pixels.flat()));
  }
  const notes: string[] = [];
  const note = (line: string) => void notes.push(line);
  const wanted = { exported, data: folder, device: 'cpu', split: 'all' } as const;
  await encode({ ...wanted, out: scratch('brighter.parquet'), dataOptions: { cache, note } });
  expect((await readRows(scratch('brighter.parquet'))).map(({ latent }) => latent)).toEqual(
    Array(2).fill(tinyLatent(Array(6).fill(255)).map((value) => expect.closeTo(value, 5) as number)),
  );
  await planShards({ ...wanted, out: scratch('shards'), shards: 1 });
  await encodeShards({ out: scratch('shards'), choose: oneShard('0'), device: 'cpu', note });
  expect(notes).toEqual([expect.stringMatching(/brighter: .*: 1;/), expect.stringMatching(/shard 0: .*: 1;/)]);
});

test('an image whose largest pixel is 1 is the same alone and beside others', async () => {
  const folder = scratch('caps');
  const notes: string[] = [];
  mkdirSync(folder);
  const pixels = [1, 0, 1, 0, 0, 1];
  for (const [name, values] of [
    ['cap', pixels],
    ['photo', [0, 50, 100, 150, 200, 250]],
  ] as const)
    writeFileSync(join(folder, `${name}.png`), pngBytes(3, 2, 8, 0, values));
  const arrays = scratch('caps.npy');
  writeFileSync(arrays, npyBytes('|u1', [1, 2, 3, 1], Uint8Array.from(pixels)));
  for (const data of [folder, join(folder, 'cap.png'), arrays]) {
    const out = scratch('caps.parquet');
    await encoding({ data, out, dataOptions: { cache, note: (line) => notes.push(line) } });
    expect((await readRows(out))[0]?.latent).toEqual(tinyLatent(pixels).map((value) => expect.closeTo(value, 5)));
  }
  expect(notes).toEqual(
    [join(folder, 'cap.png'), arrays].map((data) => expect.stringContaining(`${data}: all pixels`)),
  );
});

test('a card that does not say how has transparency on black', async () => {
  const out = scratch('old.parquet');
  await encoding({ exported: old, data: photos, out });
  const clear = (await readRows(out)).find(({ id }) => id === 'dog/clear.png');
  expect(clear?.latent).toEqual([0, 0].map((value) => expect.closeTo(value, 5)));
});

test('reconstructions are of fitted images too, in their folders', async () => {
  const out = scratch('reconstructions');
  const dataOptions = { cache, maxSkipped: 0.5 };
  await reconstruct({ exported: contained, data: photos, split: 'all', out, device: 'cpu', threads: 1, dataOptions });
  for (const [id, pixels] of Object.entries(expected)) {
    expect((await grayOf(join(out, id))).gray).toEqual(tinyBytes(tinyLatent(pixels)));
  }
});
