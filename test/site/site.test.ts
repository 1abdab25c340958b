import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import type { Card } from '../../pipeline/artifacts/card.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { amendExport } from '../../pipeline/export/amend.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import type { StageState } from '../../pipeline/io/stages.ts';
import { buildSite, type SiteOptions } from '../../pipeline/site/site.ts';
import { idxBytes } from '../data/formats.ts';
import { inputErrorOf, pixelsOf, scratchFolder } from '../data/support.ts';
import { readRows, tinyData } from '../encode/support.ts';
import { tiny } from '../encode/tiny-model.ts';
import { changeCard, copyExport, exportTrained, readJson, readNpy, stubApp } from './support.ts';

const scratch = scratchFolder();
mkdirSync(scratch('app'));
const app = stubApp(scratch('app'));
const data = tinyData(scratch('data'), 150);
const LOGVAR = -0.7;
const classes = ['0', '1', '2', '3', '4'];
const plain = await exportTrained(scratch('exported/plain'), data);
const variational = await exportTrained(scratch('exported/variational'), data, { logvar: LOGVAR, classes });
const conditional = await exportTrained(scratch('exported/conditional'), data, {
  conditional: { encoder: true, decoder: true },
  classes,
});

const building = (options: Partial<SiteOptions>) =>
  buildSite({ exported: [plain], out: scratch('out'), data: [], split: 'test', device: 'cpu', app, ...options });

interface Manifest {
  readonly files: Record<string, number>;
  readonly set: string;
  readonly pixels?: string;
  readonly points: { latents: string; errors: string; map: string };
  readonly dimensions: { kl: number[] | null; variance: number[] };
}

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();

/** As `bytes` of a site counts them. */
const bytesIn = (folder: string) =>
  filesIn(folder)
    .filter((file) => file !== 'SHA256SUMS')
    .reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Column `d` of rows that lie one after another. */
const column = (numbers: readonly number[], d: number) => numbers.filter((_, i) => i % tiny.size === d);

test('a site contains the app, the models, and what ONNX Runtime computes from the images', async () => {
  const out = scratch('whole');
  const states: StageState[] = [];
  const site = await building({
    exported: [variational, `${conditional}/`, plain],
    out,
    progress: (state) => states.push(state),
  });
  expect(readFileSync(join(out, 'index.html'))).toEqual(readFileSync(join(app, 'index.html')));
  expect(readJson(join(out, 'models/index.json'))).toEqual({
    format: 1,
    models: ['variational', 'conditional', 'plain'].map((name) => ({ name, folder: name })),
  });
  expect(existsSync(join(out, '.nojekyll'))).toBe(true);
  const held = await openSplit(data, 'test');
  const images = await pixelsOf(held);
  const set = `sets/${(await held.fingerprint()).slice(7, 19)}`;
  expect(readdirSync(join(out, 'sets'))).toEqual([set.slice(5)]);
  expect(readJson(join(out, set, 'set.json'))).toMatchObject({
    name: 'data-images,data-labels', // a page names no folders of this machine
    split: 'test',
    images: held.length,
    classes,
  });
  expect(readNpy(join(out, set, 'labels.npy')).numbers).toEqual([...(held.labels ?? [])]);
  expect(readJson(join(out, set, 'ids.json'))).toEqual(Array.from({ length: held.length }, (_, i) => held.id(i)));

  for (const exported of [plain, variational, conditional]) {
    const name = exported.slice(exported.lastIndexOf('/') + 1);
    const folder = join(out, 'models', name);
    const manifest = readJson<Manifest>(join(folder, 'manifest.json'));
    expect(Object.keys(manifest.files)).toEqual(filesIn(folder).filter((file) => file !== 'manifest.json'));
    for (const [file, bytes] of Object.entries(manifest.files)) expect(statSync(join(folder, file)).size).toBe(bytes);
    for (const file of ['encoder.onnx', 'decoder.onnx']) {
      expect(readFileSync(join(folder, file))).toEqual(readFileSync(join(exported, file)));
    }
    expect(manifest).toMatchObject({
      ...{ format: 1, set, training: null, report: null },
      card: createHash('sha256')
        .update(readFileSync(join(folder, 'card.json')))
        .digest('hex'),
      points: { count: held.length, method: 'codes', perplexity: null },
    });

    const [card, own] = [exported, folder].map((place) => readJson<Card>(join(place, 'card.json'))) as [Card, Card];
    expect(card.dataset.name).toBe(data);
    expect(own).toEqual({ ...card, dataset: { ...card.dataset, name: 'data-images,data-labels' } });
    const session = await InferenceSession.create(join(exported, 'encoder.onnx'));
    const { latent } = await session.run({
      image: new Tensor('uint8', images, [held.length, tiny.height, tiny.width, 1]),
      ...(exported === conditional && { label: new Tensor('int32', held.labels ?? [], [held.length]) }),
    });
    await session.release();
    const latents = readNpy(join(folder, manifest.points.latents));
    expect(latents.shape).toEqual([held.length, tiny.size]);
    const truth = Array.from(latent?.data as Float32Array);
    latents.numbers.forEach((value, i) => {
      expect(value).toBeCloseTo(truth[i] ?? Number.NaN, 5);
    });
    expect(readNpy(join(folder, manifest.points.map))).toEqual(latents);

    const parquet = scratch(`${name}.parquet`);
    await encode({ exported, data, split: 'test', out: parquet, device: 'cpu', threads: 2 });
    const rows = await readRows(parquet);
    const errors = readNpy(join(folder, manifest.points.errors));
    expect(errors.shape).toEqual([rows.length]);
    rows.forEach(({ error }, i) => {
      expect(errors.numbers[i]).toBeCloseTo(error ?? Number.NaN, 6);
    });

    const { kl, variance } = manifest.dimensions;
    const means = [0, 1].map((d) => column(truth, d));
    means.forEach((values, d) => {
      const centre = mean(values);
      expect(variance[d]).toBeCloseTo(mean(values.map((value) => (value - centre) ** 2)), 5);
      const divergence = mean(values.map((mu) => (mu ** 2 + Math.exp(LOGVAR) - 1 - LOGVAR) / 2));
      if (exported === variational) expect(kl?.[d]).toBeCloseTo(divergence, 5);
    });
    if (exported !== variational) expect(kl).toBeNull();
  }
  expect(site).toMatchObject({ out, bytes: bytesIn(out) });
  expect(site.models).toEqual(
    ['variational', 'conditional', 'plain'].map((name) => {
      const bytes = filesIn(join(out, 'models', name)).map((file) => statSync(join(out, 'models', name, file)).size);
      const total = bytes.reduce((a, b) => a + b, 0);
      return { name, points: held.length, maps: ['codes'], columns: [], bytes: total, reused: false };
    }),
  );
  const totals = states.map(({ total }) => total);
  expect(totals).toEqual([...totals].sort((a, b) => a - b));
  expect(states.at(-1)).toMatchObject({ name: 'images', number: 8, stages: 8, total: 1 });
  await held.close();
});

test('points are computed once per model, split and images', async () => {
  const exported = scratch('exported/reused');
  copyExport(plain, exported);
  const reused = async (options: Partial<SiteOptions> = {}) => {
    const { models, bytes } = await building({ exported: [exported], out: scratch('reused'), ...options });
    expect(bytes).toBe(bytesIn(scratch('reused')));
    return models.map(({ reused }) => reused);
  };
  const arrays = () => ['latents', 'errors', 'map'].map((name) => readNpy(join(exported, 'viewer', `${name}.npy`)));
  expect(await reused()).toEqual([false]);
  const first = arrays();
  const page = () => filesIn(scratch('reused')).map((file) => readFileSync(join(scratch('reused'), file), 'latin1'));
  const before = page();
  expect(await reused()).toEqual([true]);
  expect(page()).toEqual(before);
  expect(await reused({ split: 'all' })).toEqual([false]);
  expect(arrays().map(({ shape }) => shape[0])).toEqual([150, 150, 150]);
  const all = readJson<Manifest>(scratch('reused/models/reused/manifest.json'));
  expect(all.points.latents).toBe('all/latents.npy');
  expect(await reused()).toEqual([false]);
  expect(arrays()).toEqual(first);

  writeFileSync(join(exported, 'viewer/errors.npy'), readFileSync(join(exported, 'viewer/errors.npy')).fill(7, 100));
  expect(await reused()).toEqual([false]);
  expect(arrays()).toEqual(first);
  writeFileSync(join(exported, 'viewer/manifest.json'), '{');
  expect(await reused()).toEqual([false]);
  changeCard(exported, { convae: '9.9.9' });
  expect(await reused()).toEqual([false]);
  expect(await reused()).toEqual([true]);
  const model = await openExported(exported);
  await amendExport(model, { model: { ...model.card.model, summary: 'amended' } }, {}, undefined);
  expect(await reused()).toEqual([true]);
  expect(readJson<Card>(scratch('reused/models/reused/card.json')).model.summary).toBe('amended');
});

test('a model whose folder cannot be written to is shown too', async () => {
  const exported = scratch('exported/full');
  copyExport(plain, exported);
  writeFileSync(join(exported, 'viewer'), 'a file in the way');
  const notes: string[] = [];
  const { models } = await building({ exported: [exported], out: scratch('full'), note: (line) => notes.push(line) });
  expect(models).toHaveLength(1);
  expect(notes).toEqual([
    expect.stringMatching(/^the points of full will be computed again next time: cannot write .*viewer: it is a file/),
  ]);
});

test('copies the training record, the report and the training step, if any', async () => {
  const exported = scratch('exported/trained');
  copyExport(plain, exported);
  mkdirSync(join(exported, 'training/pictures'), { recursive: true });
  mkdirSync(join(exported, 'report'));
  const extra = {
    'train-step.onnx': 'a graph',
    'training/metrics.jsonl': '{}\n',
    'training/pictures/epoch-010.png': 'ten',
    'training/pictures/epoch-002.png': 'two',
    'training/pictures/notes.txt': 'not a picture',
    'report/report.html': '<p>report',
    'report/report.json': '{}',
  };
  for (const [file, text] of Object.entries(extra)) writeFileSync(join(exported, file), text);
  const sha256 = createHash('sha256').update(extra['train-step.onnx']).digest('hex');
  const about = {
    batchSize: 1,
    inputs: { image: [1, 2, 3, 1], rate: [] as [] },
    state: [],
    weights: [],
    losses: ['loss'],
  };
  changeCard(exported, { trainStep: { file: 'train-step.onnx', sha256, bytes: 7, ...about } });
  await building({ exported: [exported], out: scratch('trained') });
  const folder = scratch('trained/models/trained');
  expect(readJson(join(folder, 'manifest.json'))).toMatchObject({
    training: {
      metrics: 'training/metrics.jsonl',
      pictures: [
        { epoch: 2, file: 'training/pictures/epoch-002.png' },
        { epoch: 10, file: 'training/pictures/epoch-010.png' },
      ],
    },
    report: 'report.html',
    files: { 'train-step.onnx': 7, 'report.html': 9, 'training/pictures/epoch-010.png': 3 },
  });
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toBe('<p>report');
  expect(readFileSync(join(folder, 'train-step.onnx'), 'utf8')).toBe('a graph');
  expect(filesIn(folder).filter((file) => /notes|report\.json/.test(file))).toEqual([]);
});

test('models of different data have separate image sets, also when one used only the first images', async () => {
  const other = tinyData(scratch('other'), 100, { labels: false });
  const exported = await exportTrained(scratch('exported/other'), other);
  const limited = scratch('exported/limited');
  copyExport(plain, limited);
  const held = await openSplit(data, 'test');
  const { subset } = await import('../../pipeline/data/split.ts');
  const five = { images: 5, fingerprint: await subset(held, 'five', Uint32Array.of(0, 1, 2, 3, 4)).fingerprint() };
  changeCard(limited, { dataset: { name: 'gone', train: { ...five, images: 20 }, test: five } });
  const { models } = await building({
    exported: [exported, limited, plain],
    out: scratch('sets'),
    data: [data, other],
  });
  expect(models.map(({ points }) => points)).toEqual([10, 5, held.length]);
  const setOf = (name: string) => readJson<Manifest>(scratch(`sets/models/${name}/manifest.json`)).set;
  expect(setOf('limited')).toBe(`sets/${five.fingerprint.slice(7, 19)}`);
  expect(new Set(['other', 'limited', 'plain'].map(setOf)).size).toBe(3);
  expect(readdirSync(scratch('sets/sets'))).toHaveLength(3);
  expect(readJson(scratch(`sets/${setOf('other')}/set.json`))).toMatchObject({ labels: null, classes: null });
  await held.close();
});

test('labels that were corrected since training are shown', async () => {
  const corrected = tinyData(scratch('corrected'), 150);
  writeFileSync(scratch('corrected-labels'), idxBytes([150], new Uint8Array(150).fill(3)));
  await building({ exported: [plain], out: scratch('with-corrected'), data: [corrected] });
  const manifest = readJson<Manifest>(scratch('with-corrected/models/plain/manifest.json'));
  const held = await openSplit(corrected, 'test');
  expect(manifest.set).toBe(`sets/${(await held.fingerprint()).slice(7, 19)}`);
  // By this, the page finds the images of exports that know the former labels.
  const { pixels } = readJson<Card>(join(plain, 'card.json')).dataset.test ?? {};
  expect(pixels).toMatch(/^sha256:/);
  expect([manifest.pixels, readJson<{ pixels: string }>(join(plain, 'viewer/manifest.json')).pixels]).toEqual([
    pixels,
    pixels,
  ]);
  await held.close();
});

test('models whose names differ only in letters outside ASCII have folders of their own', async () => {
  const names = ['\u6570\u5b57', '\u6587\u5b57', 'a b', 'a-b', 'index.json'];
  const copies = names.map((name) => copyExport(plain, scratch(`named/${name}`)));
  for (const [i, copy] of copies.entries())
    changeCard(copy, { model: { name: `model ${i}`, summary: '', error: 'binary cross-entropy', variational: false } });
  const out = scratch('named-site');
  await building({ exported: copies, out, maps: ['PCA'] });
  const { models } = readJson<{ models: { name: string; folder: string }[] }>(join(out, 'models/index.json'));
  expect(models.map(({ name }) => name)).toEqual(names);
  expect(models.map(({ folder }) => readJson<Card>(join(out, 'models', folder, 'card.json')).model.name)).toEqual(
    names.map((_, i) => `model ${i}`),
  );
  for (const { folder } of models) expect(folder).toMatch(/^[\w.-]+$/);
  const composed = copyExport(plain, scratch('named/caf\u00e9'));
  const other = copyExport(plain, scratch('named/cafe\u0301'));
  expect(await inputErrorOf(building({ exported: [composed, other], out }))).toContain(composed);
});
