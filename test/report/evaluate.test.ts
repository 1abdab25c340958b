import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { type Report, reportSchema } from '../../pipeline/artifacts/report.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { InputError, Interrupted } from '../../pipeline/io/errors.ts';
import type { StageState } from '../../pipeline/io/stages.ts';
import { drawPictures, evaluate } from '../../pipeline/report/evaluate.ts';
import { labelsOfSamples } from '../../pipeline/report/generation.ts';
import { notesOf } from '../../pipeline/report/notes.ts';
import { pairsOf } from '../../pipeline/report/pictures.ts';
import { npyBytes, zipBytes } from '../data/formats.ts';
import { inputErrorOf, peerPython, pixelsOf, scratchFolder, trainAndTest } from '../data/support.ts';
import { imageOf, tinyData, tinyImages } from '../encode/support.ts';
import { decoderWeights, encoderWeights, exportTiny, tinyError } from '../encode/tiny-model.ts';
import { crossEntropy, latentOf, tinyExpectedError, tinyLikelihood, voteOfTen } from './tiny-truth.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'));
const options = { exported, device: 'cpu', threads: 1, seed: 0, quick: false } as const;

/** The images and labels of both parts, read by other ways than the report's. */
async function partsOf(data: string) {
  const { train, test: held } = await trainAndTest(data);
  const parts = await Promise.all(
    [train, held].map(async (part) => {
      const pixels = await pixelsOf(part);
      const images = Array.from({ length: part.length }, (_, i) => imageOf(pixels, i));
      return { images, labels: [...(part.labels ?? [])] };
    }),
  );
  await Promise.all([train.close(), held.close()]);
  return { train: parts[0] as (typeof parts)[0], test: parts[1] as (typeof parts)[0] };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('the measures agree with those computed from the images', async () => {
  const data = tinyData(scratch('data'), 300);
  const { train, test: held } = await partsOf(data);
  const [known, latents] = [train.images.map(latentOf), held.images.map(latentOf)];
  const states: StageState[] = [];
  const out = scratch('figures');
  const { report } = await evaluate({
    ...options,
    data,
    out,
    threads: 2,
    batchSize: 16,
    progress: (state) => states.push(state),
  });

  expect(held.images.length).toBeGreaterThan(10);
  const error = mean(held.images.map((image, i) => tinyError(image, latents[i] ?? [])));
  expect(report.reconstruction).toMatchObject({ images: held.images.length, atSample: null });
  expect(report.reconstruction.atCode.perPixel).toBeCloseTo(error, 6);
  expect(report.reconstruction.atCode.nats).toBeCloseTo(6 * error, 5);
  expect(report).toMatchObject({ variational: null, generation: null });

  const share = (rows: number[][], queries: number[][]) =>
    mean(queries.map((query, i) => (voteOfTen(rows, train.labels, query) === held.labels[i] ? 1 : 0)));
  const plain = (images: readonly Uint8Array[]) => images.map((image) => [...image]);
  const [ofLatents, , ofPixels] = report.representations ?? [];
  expect(ofLatents?.neighbours).toEqual({
    accuracy: expect.closeTo(share(known, latents), 12),
    neighbours: 10,
    points: train.images.length,
    queries: held.images.length,
  });
  expect(ofPixels?.neighbours.accuracy).toBeCloseTo(share(plain(train.images), plain(held.images)), 12);
  expect(report.clusters).toMatchObject({ clusters: 5, images: 300 });
  const first = latents.map(([x = 0]) => x);
  expect(report.spread.mean[0]).toBeCloseTo(mean(first), 5);
  expect(report.spread.max[0]).toBeCloseTo(Math.max(...first), 5);
  expect(report.spread.min).toHaveLength(2);

  const totals = states.map(({ total }) => total);
  expect(totals).toEqual([...totals].sort((a, b) => a - b));
  expect(states.at(-1)).toMatchObject({ name: 'pictures', number: 7, stages: 7, share: 1, total: 1, left: 0 });
});

test('the report is complete, and its page is self-contained', async () => {
  const data = tinyData(scratch('complete-data'), 60);
  const out = scratch('complete');
  const { report } = await evaluate({ ...options, data, out, quick: true });
  expect(readdirSync(out).sort()).toEqual(['SHA256SUMS', 'pictures', 'report.html', 'report.json', 'report.md']);
  expect(reportSchema.parse(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')))).toEqual(report);
  expect(report.pictures.map(({ file }) => file)).toEqual(['reconstructions.png', 'codes.png']);
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  const text = readFileSync(join(out, 'report.md'), 'utf8');
  for (const { file, alt, width, height } of report.pictures) {
    expect(alt).not.toBe('');
    const bytes = readFileSync(join(out, 'pictures', file));
    expect(await sharp(bytes).metadata()).toMatchObject({ width, height });
    expect(page).toContain(`src="data:image/png;base64,${bytes.toString('base64')}" alt="${alt}"`);
    expect(text).toContain(`](pictures/${file})`);
  }
  expect(page.replace(/"data:[^"]*"/g, '')).not.toMatch(/https?:|<script|<link|url\(|@import|src="(?!")/);
  for (const document of [page, text]) expect(document).not.toContain(dirname(out)); // they are handed on
  for (const note of report.notes) expect(page).toContain(note);
  expect(report.notes.join(' ')).toMatch(/--quick.*by epoch are missing/);
  await evaluate({ ...options, data, out, quick: true }); // replaces it
});

test('errors, KL and likelihood of a variational model agree with sums over the plane of latents', async () => {
  const logvar = -0.7;
  const encoder = encoderWeights.map((weight) => weight / 10);
  const decoder = decoderWeights.map((weight) => weight * 6);
  const model = await exportTiny(scratch('variational'), { encoder, decoder, logvar });
  const data = tinyData(scratch('variational-data'), 1500);
  const { test: held } = await partsOf(data);
  const { report } = await evaluate({ ...options, exported: model, data, out: scratch('variational-report') });
  const means = held.images.map((image) => latentOf(image).map((x) => x / 10));

  const { reconstruction, variational } = report;
  const atMean = mean(held.images.map((image, i) => crossEntropy(image, means[i] ?? [], decoder) / 6));
  expect(reconstruction.atCode.perPixel).toBeCloseTo(atMean, 6);
  const expected = mean(held.images.map((image, i) => tinyExpectedError(image, decoder, means[i] ?? [], logvar)));
  expect(Math.abs((reconstruction.atSample?.perPixel ?? 0) - expected)).toBeLessThan(0.02);
  expect(expected - atMean).toBeGreaterThan(0.05); // so that the one is not taken for the other

  const kl = [0, 1].map((d) =>
    mean(means.map((latent) => ((latent[d] ?? 0) ** 2 + Math.exp(logvar) - 1 - logvar) / 2)),
  ) as [number, number];
  expect(variational?.klByDimension).toEqual(kl.map((value) => expect.closeTo(value, 5)));
  expect(variational?.kl.nats).toBeCloseTo(kl[0] + kl[1], 5);
  expect(variational?.kl.perPixel).toBeCloseTo((kl[0] + kl[1]) / 6, 6);
  expect(variational?.negativeElbo).toBeCloseTo(6 * (reconstruction.atSample?.perPixel ?? 0) + kl[0] + kl[1], 6);
  const spread = [0, 1].map((d) => {
    const column = means.map((latent) => latent[d] ?? 0);
    return mean(column.map((x) => (x - mean(column)) ** 2));
  });
  expect(variational?.varianceByDimension).toEqual(spread.map((value) => expect.closeTo(value, 5)));
  expect(variational?.activeUnits).toBe(spread.filter((value) => value > 0.01).length);

  const { nll } = variational ?? {};
  const logs = held.images.map((image) => tinyLikelihood(image, decoder));
  const truth = mean(logs);
  expect(nll).toMatchObject({ samples: 500, images: held.images.length });
  expect(Math.abs((nll?.nats ?? 0) - truth)).toBeLessThan(0.01);
  expect(nll?.negativeElbo).toBeGreaterThan(nll?.nats ?? Number.POSITIVE_INFINITY);
  const error = Math.sqrt(mean(logs.map((log) => (log - truth) ** 2)) / (logs.length - 1));
  expect(nll?.standardError).toBeCloseTo(error, 2);
  expect(report.pictures.map(({ file }) => file)).toEqual([
    'reconstructions.png',
    'codes.png',
    'samples.png',
    'interpolations.png',
    'kl.png',
  ]);
});

test('equal seeds give equal measures, other seeds others', async () => {
  const model = await exportTiny(scratch('seeded'), { logvar: 0 });
  const data = tinyData(scratch('seeded-data'), 80);
  const run = async (seed: number): Promise<Partial<Report>> => {
    const { report } = await evaluate({
      ...options,
      exported: model,
      data,
      seed,
      quick: true,
      out: scratch('seeded-out'),
    });
    return { ...report, settings: undefined, seconds: undefined } as unknown as Partial<Report>;
  };
  const [first, again, other] = [await run(3), await run(3), await run(4)];
  expect(again).toEqual(first);
  expect(other.variational?.nll).not.toEqual(first.variational?.nll);
  expect(other.reconstruction?.atCode).toEqual(first.reconstruction?.atCode);
});

test('squared errors are not given in nats', async () => {
  const model = await exportTiny(scratch('squared'), { error: 'mean squared error', logvar: 0 });
  const data = tinyData(scratch('squared-data'), 60);
  const { report } = await evaluate({ ...options, exported: model, data, quick: true });
  expect(report.reconstruction).toMatchObject({ error: 'mean squared error', atCode: { nats: null } });
  expect(report.variational).toMatchObject({ negativeElbo: null, nll: null });
  expect(report.notes.join()).toContain('no likelihood in nats');
  expect(report.notes.filter((note) => note.includes('held out'))).toHaveLength(1); // trained.test.ts has none
  const page = readFileSync(join(model, 'report', 'report.html'), 'utf8');
  expect(page).toContain('MSE per pixel');
  expect(page).not.toMatch(/>BCE|ELBO/);
});

test('without labels, the report explains why it has no measures by class', async () => {
  const data = tinyData(scratch('unlabelled'), 40, { labels: false });
  const out = scratch('unlabelled-report');
  const { report } = await evaluate({ ...options, data, out });
  expect(report).toMatchObject({ representations: null, clusters: null, data: { classes: null } });
  expect(report.reconstruction.atCode.perPixel).toBeGreaterThan(0);
  expect(report.notes.join()).toMatch(/by class.*the images have no labels/);
});

/** A set in two parts, of the labels given. */
function parts(name: string, train: readonly number[], held: readonly number[]): string {
  const members = Object.entries({ train, test: held }).flatMap(([part, labels]) => [
    { name: `x_${part}.npy`, data: npyBytes('|u1', [labels.length, 2, 3, 1], tinyImages(labels.length)) },
    { name: `y_${part}.npy`, data: npyBytes('|u1', [labels.length], Uint8Array.from(labels)) },
  ]);
  writeFileSync(scratch(name), zipBytes(members));
  return scratch(name);
}

test('samples of a conditional model are judged only where a classifier can be trained and compared', async () => {
  const conditional = { encoder: false, decoder: true };
  const model = await exportTiny(scratch('conditional'), { conditional, classes: ['0', '1', '2', '3', '4'] });
  for (const data of [
    tinyData(scratch('twelve'), 12), // of which one image is held out
    parts('one-class.npz', [1, 1, 1, 1], [0, 1, 2]),
  ]) {
    const { report } = await evaluate({ ...options, exported: model, data, quick: true });
    expect(report.generation).toBe(null);
    expect(report.notes.filter((note) => note.includes('classifier'))).toHaveLength(1);
    expect(report.representations).toHaveLength(3);
  }
});

test('samples are of the classes that the training images have', () => {
  expect([...labelsOfSamples({ labels: Int32Array.of(3, 1, 3) }, 5)]).toEqual([1, 3, 1, 3, 1]);
});

test('notes say which probes have not converged, which classes are not judged, and that test images are few', () => {
  const probe = { accuracy: 0.5, fittedOn: 9, tested: 9, converged: true };
  const of = (name: 'codes' | 'pixels', converged: boolean) => ({
    ...{ name, size: 2, neighbours: { accuracy: 0.5, neighbours: 9, points: 9, queries: 9 } },
    probe: { ...probe, converged },
  });
  const notes = (converged: boolean, classes: readonly string[], images = 128) =>
    notesOf({
      othersHeldOut: false,
      ...{ card: { conditional: { decoder: true }, classes, model: {} }, quick: false, variational: false },
      splits: { train: { labels: Int32Array.of(0, 2, 0), length: 3 }, test: { length: 3 } },
      labels: { train: { rows: [0, 1, 2] }, test: { rows: [0, 1, 2] } },
      ...{ leakage: { exact: 0, near: 0 }, generation: { classifier: { images } }, pictures: [{ file: 'losses.png' }] },
      representations: [of('codes', true), of('pixels', converged)],
    } as unknown as Parameters<typeof notesOf>[0]);
  expect(notes(true, ['a', 'b'])).toEqual([]);
  expect(notes(false, ['a', 'b'])).toEqual([expect.stringContaining('raw pixels')]);
  expect(notes(true, ['a', 'b', 'c'])).toEqual([expect.stringContaining('2 of the 3')]);
  expect(notes(true, ['a', 'b'], 127)).toEqual([expect.stringContaining('127 test images')]);
});

test('pairs to interpolate are of two classes or of one, however many images there are', () => {
  const length = 300_000;
  const labelled = (of: (i: number) => number) => ({ length, labels: Int32Array.from({ length }, (_, i) => of(i)) });
  const first = Array.from({ length: 6 }, (_, i) => [2 * i, 2 * i + 1]);
  expect(pairsOf({ length, labels: undefined }, false)).toEqual(first);
  expect(
    pairsOf(
      labelled(() => 4),
      false,
    ),
  ).toEqual(first);
  expect(
    pairsOf(
      labelled(() => 4),
      true,
    ),
  ).toEqual(first);
  expect(
    pairsOf(
      labelled((i) => Number(i === 7)),
      false,
    ),
  ).toEqual([[0, 7]]);
  const [alternating, same] = [
    labelled((i) => i % 2),
    pairsOf(
      labelled((i) => i % 2),
      true,
    ),
  ];
  expect(pairsOf(alternating, false)).toEqual(first);
  expect(same.every(([from, to]) => from % 2 === to % 2)).toBe(true);
});

test('escapes names in the page and in the text', async () => {
  const classes = ['<script>alert(1)</script>', '|', 'ä & "b"', '*', '`'];
  const model = await exportTiny(scratch('named'), { classes, name: '<img src=x> [a](b) | c' });
  const data = tinyData(scratch('named-data'), 40);
  await evaluate({ ...options, exported: model, data, quick: true });
  const page = readFileSync(join(model, 'report', 'report.html'), 'utf8');
  expect(page).toContain('<h1>&lt;img src=x&gt; [a](b) | c</h1>');
  expect(page).not.toMatch(/<script|<img src=x/);
  expect(readFileSync(join(model, 'report', 'report.md'), 'utf8')).toMatch(
    /^# \\<img src=x\\> \\\[a\\\]\(b\) \\\| c\n/,
  );
});

test('draws only the pictures, as PNG and SVG, of given data or the data that the card names', async () => {
  const data = tinyData(scratch('pictures-data'), 100);
  const out = scratch('pictures');
  const { pictures } = await drawPictures({ ...options, data, out });
  const files = ['reconstructions.png', 'reconstructions.svg', 'codes.png', 'codes.svg'];
  expect(pictures.flatMap((picture) => picture.files)).toEqual(files);
  expect(readdirSync(out).sort()).toEqual(['SHA256SUMS', ...files].sort());
  expect(readFileSync(join(out, 'codes.svg'), 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\s*$/);
  expect(await inputErrorOf(drawPictures({ ...options }))).toContain('the model was trained on by hand');
  const variational = await exportTiny(scratch('pictures-variational'), { logvar: 0 });
  await drawPictures({ ...options, exported: variational, data, out });
  expect(readdirSync(out).length).toBeGreaterThan(files.length + 1);
  await drawPictures({ ...options, data, out }); // fewer pictures
  expect(readdirSync(out).sort()).toEqual(['SHA256SUMS', ...files].sort());
});

test('refuses data that does not fit, in one line, and writes nothing', async () => {
  const out = scratch('refused');
  const refused = (more: Partial<Parameters<typeof evaluate>[0]>) =>
    inputErrorOf(evaluate({ ...options, data: tinyData(scratch('refused-data'), 40), out, ...more }));
  const conditional = { encoder: false, decoder: true };
  const labelled = await exportTiny(scratch('labelled'), { conditional, classes: ['0', '1', '2', '3', '4'] });
  const unlabelled = tinyData(scratch('refused-unlabelled'), 40, { labels: false });
  expect(await refused({ exported: labelled, data: unlabelled })).toContain('needs the class of each image');
  const few = await exportTiny(scratch('few'), { conditional, classes: ['0', '1'] });
  expect(await refused({ exported: few })).toContain('its classes 2, 3, 4 are not among');
  const damaged = await exportTiny(scratch('damaged'));
  writeFileSync(join(damaged, 'decoder.onnx'), 'changed');
  expect(await refused({ exported: damaged })).toContain('SHA-256 is not the one in card.json');
  for (const logvar of [200, Number.NaN]) {
    const diverged = await exportTiny(scratch(`diverged-${logvar}`), { logvar });
    expect(await refused({ exported: diverged })).toContain('is not finite');
  }
  expect(existsSync(out)).toBe(false);
});

test('does not overwrite a folder with other files', async () => {
  const out = scratch('taken');
  const data = tinyData(scratch('taken-data'), 40);
  await evaluate({ ...options, data, out, quick: true });
  writeFileSync(join(out, 'notes.txt'), 'mine');
  await expect(evaluate({ ...options, data, out, quick: true })).rejects.toThrow(InputError);
  expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
});

test.each(['encoding', 'importance sampling', 'clusters', 'pixels', 'pictures'])(
  'an interruption in the stage %s ends it, and nothing is written',
  async (stage) => {
    const model = await exportTiny(scratch(`interrupted-${stage}`), { logvar: 0 });
    const controller = new AbortController();
    const progress = ({ name }: StageState) => {
      if (name === stage) controller.abort();
    };
    const data = tinyData(scratch('interrupted'), 400);
    const work = evaluate({ ...options, exported: model, data, quick: true, progress, signal: controller.signal });
    await expect(work).rejects.toThrow(Interrupted);
    expect(existsSync(join(model, 'report'))).toBe(false);
  },
);

test('scikit-learn measures the same', async (context) => {
  if (!peerPython) return context.skip('CONVAE_PEER_PYTHON names no Python with scikit-learn');
  const data = tinyData(scratch('peer'), 1000);
  const { train, test: held } = await partsOf(data);
  const { report } = await evaluate({ ...options, data, out: scratch('peer-report') });
  const latents = (split: 'train' | 'test') => {
    const out = scratch(`peer-${split}.npy`);
    return encode({ exported, data, out, split, device: 'cpu' }).then(() => out);
  };
  const script = `
import json, sys, numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline
from sklearn.decomposition import PCA
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score as nmi, adjusted_rand_score as ari
train, test = np.load(sys.argv[1]), np.load(sys.argv[2])
images, held, y, t = json.load(sys.stdin)
images, held = np.array(images) / 255.0, np.array(held) / 255.0
pca = PCA(min(10, images.shape[1])).fit(images)
def judge(a, b):
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(a, y)
    return [KNeighborsClassifier(10).fit(a, y).score(b, t), probe.score(b, t)]
k = KMeans(5, n_init=10, random_state=0).fit(np.concatenate([train, test]))
print(json.dumps([judge(train, test), judge(pca.transform(images), pca.transform(held)), judge(images, held), k.inertia_, nmi(y + t, k.labels_), ari(y + t, k.labels_)]))`;
  const input = JSON.stringify([
    train.images.map((image) => [...image]),
    held.images.map((image) => [...image]),
    train.labels,
    held.labels,
  ]);
  const answer = execFileSync(peerPython, ['-c', script, await latents('train'), await latents('test')], { input });
  const [ofLatents, ofPca, ofPixels, inertia, nmi, ari] = JSON.parse(answer.toString()) as [
    [number, number],
    [number, number],
    [number, number],
    number,
    number,
    number,
  ];
  [ofLatents, ofPca, ofPixels].forEach(([neighbours, probe], i) => {
    const found = report.representations?.[i];
    expect(Math.abs((found?.neighbours.accuracy ?? 0) - neighbours)).toBeLessThan(0.03); // ties are broken otherwise
    expect(Math.abs((found?.probe.accuracy ?? 0) - probe)).toBeLessThan(0.011);
  });
  expect((report.clusters?.inertia ?? 0) / inertia).toBeCloseTo(1, 3);
  expect(report.clusters?.nmi).toBeCloseTo(nmi, 2);
  expect(report.clusters?.ari).toBeCloseTo(ari, 2);
}, 60_000);
