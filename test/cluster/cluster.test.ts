import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { type Clusters, clustersSchema } from '../../pipeline/artifacts/clusters.ts';
import { readCard, writeCard } from '../../pipeline/artifacts/exported.ts';
import { clustersText } from '../../pipeline/cluster/report.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { fileDigest } from '../../pipeline/io/digest.ts';
import { findDamage } from '../../pipeline/io/sums.ts';
import { normals } from '../analyse/support.ts';
import { call, callJson } from '../cli/call.ts';
import { npyBytes } from '../data/formats.ts';
import { scratchFolder } from '../data/support.ts';
import { readRows } from '../encode/support.ts';
import { exportTiny, tinyLatent } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const cwd = dirname(scratch('x'));
const N = 120;

/** Images of three kinds, whose latents are far apart; the kinds in turn. */
const noise = normals(6 * N, 1);
const images = Array.from({ length: N }, (_, i) =>
  Array.from({ length: 6 }, (_, pixel) =>
    Math.round((pixel % 3 === i % 3 ? 200 : 30) + 6 * (noise[6 * i + pixel] ?? 0)),
  ),
);
writeFileSync(scratch('images.npy'), npyBytes('|u1', [N, 2, 3, 1], Uint8Array.from(images.flat())));
writeFileSync(
  scratch('labels.npy'),
  npyBytes(
    '|u1',
    [N],
    Uint8Array.from(images, (_, i) => i % 3),
  ),
);
writeFileSync(scratch('equal.npy'), npyBytes('|u1', [N, 2, 3, 1], new Uint8Array(6 * N).fill(7)));
for (const [name, count] of Object.entries({ three: 3, four: 4, fifteen: 15 }))
  writeFileSync(
    scratch(`${name}.npy`),
    npyBytes('|u1', [count, 2, 3, 1], Uint8Array.from(images.slice(0, count).flat())),
  );
writeFileSync(scratch('ones.npy'), npyBytes('|u1', [N], new Uint8Array(N).fill(1)));

const exported = (name: string) => exportTiny(scratch(name));
const cluster = (folder: string, out: string, ...more: string[]) =>
  callJson<{ report: Clusters }>(
    ['cluster', folder, '--data', 'images.npy,labels.npy', '--out', out, '--quiet', ...more],
    { cwd },
  );

test.each([
  ['kmeans', 'latents'],
  ['gmm', 'latents'],
  ['umap-gmm', 'map'],
  ['spectral', 'eigenvectors'],
] as const)('%s finds the kinds, and writes them whole', async (method, space) => {
  const folder = await exported('model');
  const { report } = await cluster(folder, method, '--method', method, '--k', '3');
  const out = scratch(method);
  expect(clustersSchema.parse(JSON.parse(readFileSync(join(out, 'clusters.json'), 'utf8')))).toEqual(report);
  expect(report).toMatchObject({
    ...{ method, k: 3, choice: null, data: { split: 'all', images: N } },
    agreement: { accuracy: 1, nmi: 1, ari: 1, images: N },
    stability: { seeds: [0, 1, 2], mean: 1, least: 1 },
    silhouette: { images: N, space },
  });
  expect(report.silhouette?.value).toBeGreaterThan(0.6);
  const rows = await readRows(join(out, 'clusters.parquet'));
  expect(rows).toHaveLength(N);
  expect(Object.keys(rows[0] ?? {})).toEqual(['id', 'label', 'class', 'cluster', 'confidence']);
  const found = rows as unknown as { id: string; label: number; cluster: number; confidence: number }[];
  for (const { label, cluster, confidence } of found) {
    expect(cluster).toBe(found[label]?.cluster);
    expect(confidence).toBeGreaterThan(0.9);
  }
  for (const { cluster, images, classes, representative, borderline } of report.clusters) {
    const own = found.filter((row) => row.cluster === cluster);
    expect([images, classes?.reduce((a, b) => Math.max(a, b))]).toEqual([own.length, own.length]);
    const ids = new Set(own.map(({ id }) => id));
    expect([...representative, ...borderline].every((id) => ids.has(id))).toBe(true);
    const least = Math.min(...own.map(({ confidence }) => confidence));
    expect(own.find(({ id }) => id === borderline[0])?.confidence).toBe(least);
  }
  for (const { file } of report.pictures) expect(existsSync(join(out, 'pictures', file))).toBe(true);
  expect(report.pictures.map(({ file }) => file)).toContain('confusion.png');
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('100.0 %');
  expect(await findDamage(out)).toBeUndefined();
});

test('a report takes any number of classes', async () => {
  const { report } = await cluster(
    await exported('model'),
    'classes',
    '--method',
    'kmeans',
    '--k',
    '3',
    '--seeds',
    '1',
  );
  const classes = new Array<number>(200_000).fill(1);
  classes[150_000] = 50_000;
  const text = clustersText({ ...report, clusters: report.clusters.map((one) => ({ ...one, classes })) });
  expect(text.split('| 150000 (20.0 %) |')).toHaveLength(4);
});

test('--into adds an output that other programs can run, and a second time replaces it', async () => {
  const folder = await exported('into');
  for (const [k, method] of [
    [4, 'gmm'],
    [3, 'kmeans'],
  ] as const) {
    const { report } = await cluster(folder, 'with-into', '--method', method, '--k', String(k), '--into');
    const { card } = await openExported(folder); // verifies digests, and inputs and outputs with their shapes
    expect(card.clusters).toMatchObject({ count: k, method });
    expect(card.clusters?.parity).toBeLessThan(1e-4);
    const session = await ort.InferenceSession.create(join(folder, 'encoder.onnx'));
    expect(session.outputNames).toEqual(['latent', 'cluster']);
    const image = new ort.Tensor('uint8', Uint8Array.from(images.flat()), [N, 2, 3, 1]);
    const outputs = await session.run({ image });
    await session.release();
    expect(outputs.cluster?.dims).toEqual([N, k]);
    const [latents, probabilities] = [outputs.latent?.data, outputs.cluster?.data] as [Float32Array, Float32Array];
    const rows = await readRows(scratch('with-into/clusters.parquet'));
    rows.forEach((row, i) => {
      const shares = [...probabilities.subarray(k * i, k * (i + 1))];
      const { cluster, confidence } = row as unknown as { cluster: number; confidence: number };
      expect(shares.indexOf(Math.max(...shares))).toBe(cluster);
      expect(Math.max(...shares)).toBeCloseTo(confidence, 5);
      expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 5);
      expect(latents[2 * i]).toBeCloseTo(tinyLatent(images[i] ?? [])[0] ?? Number.NaN, 4);
    });
    expect(report.k).toBe(k);
  }
  expect((await call(['encode', folder, '--data', 'images.npy', '--out', 'l.parquet', '--quiet'], { cwd })).code).toBe(
    0,
  );
});

/** Up to 20 clusters, and to a quarter of the images, or a tenth for mixtures of latents of two numbers. */
test.each([
  ['kmeans', 80, 20],
  ['gmm', 120, 12],
  ['umap-gmm', 36, 9],
] as const)(
  '--k auto finds the number of kinds with %s, and shows the curve',
  { timeout: 240_000 },
  async (method, n, most) => {
    writeFileSync(scratch(`${n}.npy`), npyBytes('|u1', [n, 2, 3, 1], Uint8Array.from(images.slice(0, n).flat())));
    const args = ['--data', `${n}.npy`, '--method', method, '--k', 'auto', '--seeds', '1', '--quiet'];
    const { report } = await callJson<{ report: Clusters }>(
      ['cluster', await exported('model'), ...args, '--out', `auto-${method}`],
      { cwd },
    );
    expect(report.k).toBe(3);
    expect(report.choice).toMatchObject({ by: method === 'gmm' ? 'BIC' : 'stability', images: n });
    expect(report.choice?.curve.map(({ k }) => k)).toEqual(Array.from({ length: most - 1 }, (_, i) => i + 2));
    expect(report.pictures.map(({ file }) => file)).toContain('k.png');
    expect(report.stability).toBeNull();
    expect(report.notes.join()).not.toContain('--k');
  },
);

test('a model of an opset that nothing can be added to is refused before the work', async () => {
  const folder = await exported('old');
  const path = join(folder, 'encoder.onnx');
  const encoder = fromBinary(ModelProtoSchema, readFileSync(path));
  for (const used of encoder.opsetImport) used.version = 12n;
  writeFileSync(path, toBinary(ModelProtoSchema, encoder));
  const decoder = join(folder, 'decoder.onnx');
  rmSync(decoder);
  const card = await readCard(folder);
  const files = { ...card.files, 'encoder.onnx': await fileDigest(path) };
  await writeCard(folder, { ...card, opset: 12, files });
  const args = [
    'cluster',
    folder,
    '--data',
    'images.npy',
    '--method',
    'kmeans',
    '--k',
    '3',
    '--out',
    'old-out',
    '--into',
  ];
  const { code, stderr } = await call([...args, '--quiet'], { cwd });
  expect([code, stderr, existsSync(scratch('old-out'))]).toEqual([
    2,
    expect.stringMatching(/--into: .*opset 12/),
    false,
  ]);
});

test('that the most or the fewest clusters that were tried are the best is told', async () => {
  const of = async (name: string, some: readonly number[][]) => {
    writeFileSync(scratch(`${name}.npy`), npyBytes('|u1', [some.length, 2, 3, 1], Uint8Array.from(some.flat())));
    const auto = [...'--method kmeans --k auto --seeds 1 --quiet'.split(' '), '--data', `${name}.npy`, '--out', name];
    return (await callJson<{ report: Clusters }>(['cluster', await exported('model'), ...auto], { cwd })).report;
  };
  const dozen = await of('dozen', images.slice(0, 12));
  expect([dozen.k, dozen.choice?.curve.map(({ k }) => k)]).toEqual([3, [2, 3]]);
  expect(dozen.notes.join()).toContain('--k');
  const pair = await of(
    'pair',
    images.slice(0, 60).filter((_, i) => i % 3 < 2),
  );
  expect([pair.k, pair.notes.length]).toEqual([2, 2]); // the other: there are no labels
});

test('mixtures that ended before they converged are told', { timeout: 240_000 }, async () => {
  // Along a narrow wave the likelihood grows slowly: 16 components need more than 100 iterations, 12 do not.
  const wave = Array.from({ length: 500 }, (_, i) => [
    ...[Math.round((255 * i) / 500), Math.round(127 + 127 * Math.sin((30 * i) / 500))],
    ...[0, 0, 0, 0],
  ]);
  writeFileSync(scratch('wave.npy'), npyBytes('|u1', [500, 2, 3, 1], Uint8Array.from(wave.flat())));
  const folder = await exported('model');
  const notesWith = async (k: string, about: RegExp) => {
    const args = ['--method', 'gmm', '--k', k, '--seeds', '2', '--data', 'wave.npy', '--out', 'wave', '--quiet'];
    const { report } = await callJson<{ report: Clusters }>(['cluster', folder, ...args], { cwd });
    return report.notes.filter((note) => about.test(note));
  };
  expect(await notesWith('12', /\bseed\b/)).toEqual([]);
  const found = await notesWith('16', /\bseed\b/);
  expect(found).toEqual([expect.stringMatching(/seed 0\b/)]);
  expect(readFileSync(scratch('wave/report.md'), 'utf8')).toContain(found[0]);
  const [tried = '', ...more] = await notesWith('auto', /\bBIC\b/);
  expect([more, tried.match(/\d+/g)?.filter((k) => k === '12' || k === '16')]).toEqual([[], ['16']]);
});

test('clusters of too few images for a mixture are told', async () => {
  const folder = await exported('model');
  const notesWith = async (...more: string[]) => {
    const args = ['--data', 'fifteen.npy', '--out', 'few', '--seeds', '1', '--quiet', ...more];
    return (await callJson<{ report: Clusters }>(['cluster', folder, ...args], { cwd })).report.notes;
  };
  const [usual, few] = [await notesWith('--method', 'gmm', '--k', '3'), await notesWith('--method', 'gmm', '--k', '9')];
  expect(few).toHaveLength(usual.length + 1);
  expect(await notesWith('--method', 'kmeans', '--k', '9')).toEqual(usual);
});

test('without labels, or with one class only, measures by class are left out, and the report says so', async () => {
  const folder = await exported('model');
  for (const data of ['images.npy', 'images.npy,ones.npy']) {
    const args = [
      'cluster',
      folder,
      '--data',
      data,
      '--out',
      'unlabelled',
      '--k',
      '3',
      '--method',
      'kmeans',
      '--seeds',
      '1',
      '--quiet',
    ];
    const { report } = await callJson<{ report: Clusters }>(args, { cwd });
    expect(report.agreement).toBeNull();
    expect(report.notes).toHaveLength(1);
  }
  const columns = await readRows(scratch('unlabelled/clusters.parquet'));
  expect(columns[0]).toMatchObject({ label: 0, cluster: expect.any(Number) });
});

test.each<[string, string[], RegExp]>([
  ['more clusters than images', ['--k', '121'], /has 120 images, too few for --k 121/],
  ['more clusters than distinct images', ['--k', '2', '--data', 'equal.npy'], /1 distinct latent, too few for --k 2/],
  ['fewer images than any clusters need', ['--k', '2', '--data', 'three.npy'], /3 images, .*at least 4(?!.*--k)/],
  ['too few images to choose --k', ['--k', 'auto', '--data', 'four.npy'], /4 images, .*at least 9, or a number/],
  [
    'too few images to compare mixtures',
    ['--k', 'auto', '--method', 'gmm', '--data', 'fifteen.npy'],
    /15 images .* 2 numbers, which takes 20;.*--method/,
  ],
  ['no clusters', ['--k', '0'], /--k 0: expected an integer of at least 1, or auto/],
  ['no number', ['--k', 'many'], /--k many/],
  [
    'the clusters of a model that has none',
    ['--method', 'dcec'],
    /--method dcec: .* has no clusters of its own.*--init/,
  ],
  ['a map for new images', ['--into'], /--into: a map by UMAP cannot be computed for new images/],
  ['eigenvectors for new images', ['--into', '--method', 'spectral'], /--into: .* cannot be computed for new images/],
  ['choosing --k for spectral clustering', ['--k', 'auto', '--method', 'spectral'], /--k auto: .*; give one/],
  ['more groups than clusters', ['--k', '2', '--method', 'spectral'], /more than 2 groups .* larger --k/],
  ['a part that there is not', ['--split', 'val'], /has no val part/],
])('%s is refused', async (_, more, message) => {
  const folder = await exported('model');
  const data = more.includes('--data') ? [] : ['--data', 'images.npy,labels.npy'];
  const args = ['cluster', folder, ...data, '--out', 'refused', '--quiet', ...more];
  const { code, stderr } = await call(args, { cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(existsSync(scratch('refused'))).toBe(false);
  expect((await readCard(folder)).clusters).toBeUndefined();
});
