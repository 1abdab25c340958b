import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSplit } from '../../pipeline/data/open.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { latentsOf } from '../../pipeline/inference/latents.ts';
import { cached } from '../../pipeline/io/cache.ts';
import { scratchFolder } from '../data/support.ts';
import { imageOf, tinyData, tinyImages } from '../encode/support.ts';
import { encoderWeights, exportTiny, tinyError, tinyLatent } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'), { logvar: -0.7 });
const data = tinyData(scratch('data'), 20);
const messages = vi.spyOn(Worker.prototype, 'postMessage');
const countJobs = () => messages.mock.calls.filter(([message]) => message !== null).length;
let caches = 0;

beforeEach(() => {
  vi.stubEnv('XDG_CACHE_HOME', scratch(`cache-${caches++}`));
  messages.mockClear();
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => messages.mockRestore());

const folder = () => join(process.env.XDG_CACHE_HOME ?? '', 'convae/latents');
const files = () => readdirSync(folder()).sort();

/** The latents of some data, and how many jobs it took. */
async function encoding({
  model = exported,
  from = data,
  errors = true,
  cache = undefined as string | undefined,
} = {}) {
  const before = countJobs();
  const dataset = await openSplit(from, 'all', { cache });
  const shares: number[] = [];
  const tick = (share: number) => void shares.push(share);
  const options = { errors, device: 'cpu', threads: 1, batchSize: 8, tick } as const;
  const set = await latentsOf(await openExported(model), dataset, options);
  await dataset.close();
  expect(shares.at(-1)).toBe(1);
  return { ...set, jobs: countJobs() - before };
}

test('latents are computed once, with their variances and errors', async () => {
  const first = await encoding();
  expect(first.jobs).toBe(3);
  for (let i = 0; i < 20; i++) {
    const image = imageOf(tinyImages(20), i);
    const latent = tinyLatent(image);
    latent.forEach((value, d) => {
      expect(first.latents[2 * i + d]).toBeCloseTo(value, 5);
      expect(first.logvars?.[2 * i + d]).toBeCloseTo(-0.7, 6);
    });
    expect(first.errors?.[i]).toBeCloseTo(tinyError(image, latent), 5);
  }
  expect(await encoding()).toEqual({ ...first, jobs: 0 });
  expect(await encoding({ errors: false })).toEqual({ ...first, errors: undefined, jobs: 0 });
});

test('errors are added to cached latents', async () => {
  const { errors, jobs, ...set } = await encoding({ errors: false });
  expect([errors, jobs]).toEqual([undefined, 3]);
  expect(await encoding()).toMatchObject({ ...set, jobs: 3 });
  expect((await encoding()).jobs).toBe(0);
});

test('another model or other data are computed separately', async () => {
  const first = await encoding();
  const other = await exportTiny(scratch('other'), { encoder: encoderWeights.with(0, 2), logvar: -0.7 });
  expect((await encoding({ model: other })).latents).not.toEqual(first.latents);
  const plain = await encoding({ model: await exportTiny(scratch('plain')) });
  expect(plain).toMatchObject({ logvars: undefined, jobs: 3 });
  const more = await encoding({ from: tinyData(scratch('more'), 24) });
  expect([more.latents.length, more.jobs]).toEqual([48, 3]);
  expect(await encoding()).toEqual({ ...first, jobs: 0 });
});

test.each(['a changed byte', 'a cut', 'other content'])('a file with %s is computed again', async (damage) => {
  const first = await encoding();
  for (const name of files()) {
    const [path, bytes] = [join(folder(), name), readFileSync(join(folder(), name))];
    const changed = Buffer.from(bytes);
    changed[5] = (changed[5] ?? 0) + 1;
    const contents = { 'a changed byte': changed, 'a cut': bytes.subarray(4), 'other content': Buffer.from('{}') };
    writeFileSync(path, contents[damage as keyof typeof contents]);
  }
  expect(await encoding()).toEqual({ ...first, jobs: 3 });
  expect(files()).toHaveLength(2);
  expect((await encoding()).jobs).toBe(0);
});

test('a cache that cannot be used costs only time', async () => {
  mkdirSync(process.env.XDG_CACHE_HOME ?? '');
  writeFileSync(join(process.env.XDG_CACHE_HOME ?? '', 'convae'), 'a file in the way');
  expect((await encoding({ cache: scratch('images') })).jobs).toBe(3);
});

test('a cache is bounded: the least recently used files are removed first', async () => {
  const keep = (key: string) => cached(folder(), key, async () => Buffer.alloc(100, key), { limit: 250 });
  await keep('a');
  await keep('b');
  for (const name of files()) utimesSync(join(folder(), name), 1, name.startsWith('a') ? 1 : 2);
  await keep('a'); // used again
  await keep('c');
  expect(files().map((name) => name[0])).toEqual(['a', 'c']);
  expect(files().reduce((sum, name) => sum + statSync(join(folder(), name)).size, 0)).toBe(200);
});

test('a file of the cache that another process removes is made again', async () => {
  mkdirSync(scratch('raced'));
  symlinkSync('removed', scratch('raced/key-0.onnx')); // listed, and not there
  expect(await cached(scratch('raced'), 'key', async () => Uint8Array.of(7))).toEqual(Uint8Array.of(7));
});
