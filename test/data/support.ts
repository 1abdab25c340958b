import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { bytesPerImage, type ImageDataset } from '../../pipeline/data/dataset.ts';
import { type OpenedSplits, openSplits } from '../../pipeline/data/open.ts';
import type { DataOptions } from '../../pipeline/data/options.ts';
import { range } from '../../pipeline/data/rows.ts';
import type { TrainAndTest } from '../../pipeline/data/split.ts';
import { InputError } from '../../pipeline/io/errors.ts';

/** A folder for the tests of one file, removed after them: names become paths. */
export function scratchFolder(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'convae-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** The message of the InputError that the work must end with; it must be one line. */
export async function inputErrorOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => expect.fail('no error was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof InputError)) throw error;
  expect(error.exitCode).toBe(2);
  expect(error.message).toMatch(/^[^\n]+$/);
  return error.message;
}

/** Asserts that a message contains these facts (paths, values, option names), in this order. */
export function expectFacts(message: string, ...facts: readonly (string | RegExp)[]): void {
  let rest = message;
  for (const fact of facts) {
    const found = typeof fact === 'string' ? rest.indexOf(fact) : rest.search(fact);
    if (found < 0)
      expect.fail(`'${message}' does not contain ${fact}${rest === message ? '' : ` after the facts before`}`);
    rest = rest.slice(found + (typeof fact === 'string' ? fact.length : (rest.match(fact)?.[0].length ?? 0)));
  }
}

/** Opens data that must have a training and a test part. */
export async function trainAndTest(spec: string, options: DataOptions = {}): Promise<OpenedSplits & TrainAndTest> {
  const splits = await openSplits(spec, options);
  const { test } = splits;
  if (!test) expect.fail(`${spec} has no test part`);
  return { ...splits, test };
}

/** All pixels, in the data set's order. */
export async function pixelsOf(dataset: ImageDataset): Promise<Uint8Array> {
  const pixels = new Uint8Array(dataset.length * bytesPerImage(dataset.shape));
  await dataset.read(range(0, dataset.length), pixels);
  return pixels;
}

export const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

/** How many files this process has open, on systems that tell. */
export const openFiles = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);

/** A Python with numpy to compare with, where the environment names one. */
export const peerPython = process.env.CONVAE_PEER_PYTHON;
