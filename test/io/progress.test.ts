import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createProgress, duration, withCountProgress } from '../../pipeline/io/progress.ts';

/** A stream that keeps what is written, and a clock that the test turns. */
function screen(isTTY: boolean) {
  const written: string[] = [];
  const sink = new Writable({
    write(chunk, _, done) {
      written.push(String(chunk));
      done();
    },
  });
  const stream = Object.assign(sink, { isTTY, columns: 120 }) as unknown as NodeJS.WriteStream;
  const clock = { ms: 0 };
  return { written, stream, clock, now: () => clock.ms };
}

test('without a terminal: a plain line every few seconds, with loss, rate and remaining time', () => {
  const { written, stream, clock, now } = screen(false);
  const progress = createProgress(stream, { now });
  progress.note('hello');
  progress.start(10_000, 1000, 10);
  for (let second = 1; second <= 12; second++) {
    clock.ms = second * 1000;
    progress.update(1000 + second * 50, 2, 0.5);
  }
  progress.stop();
  // 50 images a second from 1,000 on: 8,700 are left after six seconds… the first line comes after five.
  expect(written).toEqual([
    'hello\n',
    'epoch 2/10  12 %  loss 0.5000  50 images/s  ETA 2:55\n',
    'epoch 2/10  15 %  loss 0.5000  50 images/s  ETA 2:50\n',
  ]);
});

test('the rate is that of the last seconds, the ETA follows the complete session', () => {
  const { written, stream, clock, now } = screen(false);
  const progress = createProgress(stream, { now });
  progress.start(100_000, 0, 1);
  clock.ms = 100_000; // slow at first
  progress.update(1000, 1, 1);
  for (let i = 1; i <= 60; i++) {
    clock.ms += 100;
    progress.update(1000 + i * 100, 1, 1); // then 1,000 a second
  }
  expect(written.at(-1)).toMatch(/ 1000 images\/s {2}ETA 2\d:\d\d\n$/); // 94,000 at 66 a second: 24 minutes
});

test('on a terminal: a bar that disappears at the end, and notes that stay', async () => {
  const { written, stream, clock, now } = screen(true);
  const progress = createProgress(stream, { now });
  progress.start(1000, 0, 4);
  for (let i = 1; i <= 20; i++) {
    clock.ms = i * 100;
    progress.update(i * 25, 2, 0.25);
  }
  progress.note('epoch 1 is done');
  progress.stop();
  const text = written.join('');
  expect(text).toContain('epoch 2/4');
  expect(text).toMatch(/50 % {2}loss 0\.2500 {2}250 images\/s {2}ETA 2 s/);
  expect(text).toContain('epoch 1 is done\n');
  expect(text.endsWith('\x1B[0J') || text.includes('\x1B[J')).toBe(true);
  const count = written.length;
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(written.length).toBe(count); // no timer is left
});

test('drawing is throttled', () => {
  const { written, stream, clock, now } = screen(true);
  const progress = createProgress(stream, { now });
  progress.start(1_000_000, 0, 1);
  const before = written.length;
  for (let i = 1; i <= 1000; i++) {
    clock.ms = i; // a step a millisecond
    progress.update(i, 1, 0.5);
  }
  progress.stop();
  expect(written.length - before).toBeLessThan(200);
});

test('there is no rate after the first images, of which it is not known how long they took', async () => {
  const { written, stream } = screen(true);
  await withCountProgress({ quiet: false, stream }, async (progress) => progress(85, 300));
  expect(written.join('')).toMatch(/85\/300 images {2}[0–] images\/s {2}ETA –/);
});

test('only warnings are written when quiet', () => {
  const { written, stream } = screen(true);
  const progress = createProgress(stream, { quiet: true });
  progress.note('hello');
  progress.warn('skipped: a.png');
  progress.start(10, 0, 1);
  progress.update(5, 1, 1);
  progress.stop();
  expect(written).toEqual(['skipped: a.png\n']);
});

test('durations', () => {
  expect([0, 0.2, 59, 60, 61.5, 3599, 3600, 36_061, Number.NaN].map(duration)).toEqual([
    '0 s',
    '1 s',
    '59 s',
    '1:00',
    '1:02',
    '59:59',
    '1:00:00',
    '10:01:01',
    '–',
  ]);
});
