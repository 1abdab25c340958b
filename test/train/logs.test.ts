import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { addMetrics, eventOf, type MetricsLine, meansOf, noSums, Stopwatch } from '../../pipeline/artifacts/metrics.ts';
import { openMetricsLog, readMetrics } from '../../pipeline/artifacts/run-files.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { type Event, openEventLog } from '../../pipeline/io/tfevents.ts';
import { drawReconstructions } from '../../pipeline/pictures/grid.ts';
import { readPictures, writePictures } from '../../pipeline/train/pictures.ts';
import { temporaryFolder } from './folders.ts';

const line = (step: number, split: 'train' | 'test' = 'train'): MetricsLine => ({
  split,
  span: 'epoch',
  epoch: step,
  step,
  images: 100,
  rate: 50.5,
  time: 1_700_000_000 + step,
  loss: 1 / step,
  kl: 2 / step,
});

test('means weight all images equally', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double({ min: -10, max: 10, noNaN: true }), fc.integer({ min: 1, max: 50 })), {
        minLength: 1,
      }),
      (batches) => {
        const sums = batches.reduce((sum, [loss, count]) => addMetrics(sum, { loss }, count), noSums);
        const every = batches.flatMap(([loss, count]) => Array<number>(count).fill(loss));
        expect(sums.images).toBe(every.length);
        expect(meansOf(sums).loss).toBeCloseTo(every.reduce((a, b) => a + b) / every.length, 9);
      },
    ),
  );
});

test('a stopwatch computes images per second of the added time', () => {
  const watch = new Stopwatch();
  expect(watch.rate).toBe(0);
  watch.add(100, 200);
  watch.add(200, 100);
  expect(watch.rate).toBe(1000);
  watch.reset();
  expect(watch.rate).toBe(0);
});

test('the metrics log is truncated to complete lines, and new lines are appended', async () => {
  const path = join(temporaryFolder(), 'metrics.jsonl');
  const log = await openMetricsLog(path, 0);
  for (const step of [1, 2, 3]) await log.write(line(step));
  await log.close();
  appendFileSync(path, '{"split":"train","sp');
  for (const [keep, kept] of [
    [9, 3],
    [2, 2],
  ] as const) {
    const reopened = await openMetricsLog(path, keep);
    expect(reopened.kept).toEqual([1, 2, 3].slice(0, kept).map((step) => line(step)));
    expect(reopened.lines).toBe(kept);
    await reopened.close();
  }
  const last = await openMetricsLog(path, 2);
  await last.write(line(7, 'test'));
  await last.close();
  expect(readFileSync(path, 'utf8').replace(/,"crc":"[0-9a-f]{8}"/g, '')).toBe(
    [line(1), line(2), line(7, 'test')].map((l) => `${JSON.stringify(l)}\n`).join(''),
  );
  writeFileSync(path, 'not metrics\n');
  await expect(openMetricsLog(path, 5)).rejects.toBeInstanceOf(InputError);
  const fresh = await openMetricsLog(path, 0);
  expect([fresh.kept, fresh.lines]).toEqual([[], 0]);
  await fresh.close();
});

/** CRC-32C computed bit by bit from its definition. */
function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    for (let bit = 0; bit < 8; bit++) {
      const top = (crc ^ (byte >>> bit)) & 1;
      crc >>>= 1;
      if (top) crc ^= 0x82f63b78;
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const unmask = (masked: number) => {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
};

/** The records of a TFRecord file. */
function framesOf(file: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(unmask(file.readUInt32LE(at + 8))).toBe(crc32c(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(unmask(file.readUInt32LE(at + 12 + length))).toBe(crc32c(data));
    frames.push(data);
    at += 16 + length;
  }
  return frames;
}

const events: Event[] = [
  eventOf(line(1)),
  eventOf(line(300, 'test')),
  { time: 1_700_000_009.25, step: 2 ** 33, scalars: { 'loss/µ': 0.5 } },
];

const pictureOf = (channels: number) =>
  drawReconstructions({
    shape: { height: 3, width: 2, channels },
    originals: Uint8Array.from({ length: 12 * channels }, (_, i) => i * 5),
    reconstructions: Float32Array.from({ length: 12 * channels }, (_, i) => (i * 7) / 255),
  });

async function eventFile(): Promise<{ folder: string; picture: Awaited<ReturnType<typeof pictureOf>> }> {
  const folder = temporaryFolder();
  const picture = await pictureOf(3);
  const log = await openEventLog(join(folder, 'events.out.tfevents.0.convae'), events.slice(0, 1));
  for (const event of events.slice(1)) await log.write(event);
  await log.write({ time: 1_700_000_010, step: 7, picture: { tag: 'reconstruction', picture } });
  await log.close();
  return { folder, picture };
}

test('event files are TFRecords with correct checksums and the version first', async () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283); // the check value of the CRC catalogue
  const { folder } = await eventFile();
  const frames = framesOf(readFileSync(join(folder, 'events.out.tfevents.0.convae')));
  expect(frames.length).toBe(5);
  expect(frames[0]?.toString('latin1')).toContain('\x1a\x0dbrain.Event:2');
  expect(frames[1]?.readDoubleLE(1)).toBe(1_700_000_001);
  expect(frames[1]?.subarray(9, 11)).toEqual(Buffer.from([0x10, 1])); // step: field 2, varint
  expect(frames[2]?.subarray(9, 12)).toEqual(Buffer.from([0x10, 0xac, 0x02])); // 300
  expect(frames[2]?.toString('latin1')).toContain('loss/test');
});

test('TensorBoard reads the events', async () => {
  const python = process.env.CONVAE_PEER_PYTHON;
  if (!python) {
    console.log('skipped: CONVAE_PEER_PYTHON names no Python with tensorboard');
    return;
  }
  const { folder, picture } = await eventFile();
  const script = `
import base64, json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], size_guidance={}).Reload()
s = {t: [[e.wall_time, e.step, e.value] for e in a.Scalars(t)] for t in a.Tags()['scalars']}
i = {t: [[e.step, e.width, e.height, base64.b64encode(e.encoded_image_string).decode()] for e in a.Images(t)] for t in a.Tags()['images']}
print(json.dumps([s, i]))`;
  const [scalars, images] = JSON.parse(
    execFileSync(python, ['-c', script, folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const near = (value: number) => expect.closeTo(value, 6);
  expect(scalars).toEqual({
    'loss/epoch': [[1_700_000_001, 1, 1]],
    'kl/epoch': [[1_700_000_001, 1, 2]],
    'rate/epoch': [[1_700_000_001, 1, 50.5]],
    'loss/test': [[1_700_000_300, 300, near(1 / 300)]],
    'kl/test': [[1_700_000_300, 300, near(2 / 300)]],
    'rate/test': [[1_700_000_300, 300, 50.5]],
    'loss/µ': [[1_700_000_009.25, 2 ** 33, 0.5]],
  });
  expect(images).toEqual({
    reconstruction: [[7, picture.width, picture.height, Buffer.from(picture.png).toString('base64')]],
  });
}, 60_000);

test.each([1, 3])('a picture of %i channels is read back unchanged', async (channels) => {
  const { svg: _, ...picture } = await pictureOf(channels);
  const folder = join(temporaryFolder(), 'pictures');
  await writePictures(folder, 1, { reconstruction: picture, samples: picture });
  for (const file of ['epoch-001.png', 'epoch-001-samples.png']) {
    const { width, height, channels: stored } = await sharp(join(folder, file)).metadata();
    expect([width, height, stored]).toEqual([picture.width, picture.height, channels]);
  }
  const stored = { ...picture, png: Buffer.from(picture.png) };
  const read = await readPictures(folder, 1);
  expect(read).toEqual({ reconstruction: stored, samples: stored });
  expect(Object.keys(read)).toEqual(['reconstruction', 'samples']); // the order of the events
});

test('pictures that are missing or damaged are skipped', async () => {
  const folder = temporaryFolder();
  expect(await readPictures(folder, 1)).toEqual({});
  writeFileSync(join(folder, 'epoch-001.png'), 'no png');
  expect(await readPictures(folder, 1)).toEqual({});
});

test('metrics are read up to the last complete line; a run without a file has none', async () => {
  const path = join(temporaryFolder(), 'metrics.jsonl');
  expect(await readMetrics(path)).toEqual([]);
  const [first, second] = [line(1), line(2, 'test')];
  writeFileSync(path, `${JSON.stringify(first)}\n${JSON.stringify(second)}\n{"split":"tr`);
  expect(await readMetrics(path)).toEqual([first, second]);
});
