import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import * as tf from '@tensorflow/tfjs-core';
import { ModelProtoSchema } from 'onnx-buf';
import ort from 'onnxruntime-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { models } from '../../models/index.ts';
import type { Card } from '../../pipeline/artifacts/card.ts';
import { readCard, verifyFiles } from '../../pipeline/artifacts/exported.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { exportRun } from '../../pipeline/export/export.ts';
import { mixtureScale } from '../../pipeline/export/mixture.ts';
import { measureParity } from '../../pipeline/export/parity.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { withSessions } from '../../pipeline/inference/sessions.ts';
import { silent } from '../../pipeline/io/progress.ts';
import type { TrainSummary } from '../../pipeline/train/epochs.ts';
import { loadRun } from '../../pipeline/train/load-run.ts';
import { train } from '../../pipeline/train/train.ts';
import { idxBytes } from '../data/formats.ts';
import { interruptAfter } from '../train/tiny.ts';

const quick = { resume: false, engine: 'onnx', device: 'cpu', threads: 2, filters: 8, epochs: 1 } as const;
const cae = models.cae as NonNullable<typeof models.cae>;
let folder: string;
let trained: TrainSummary;
let card: Card;
const run = () => join(folder, 'run');
const out = () => join(folder, 'exported');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convae-export-'));
  trained = await train(
    {
      model: cae,
      data: 'mnist',
      run: run(),
      ...quick,
      limitTrain: 1280,
      limitTest: 100,
    },
    { signal: new AbortController().signal, progress: silent },
  );
  ({ card } = await exportRun({ run: run(), out: out(), which: 'latest' }));
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the card can be read back, matches its files and has the metrics of the training', async () => {
  expect(await readCard(out())).toEqual(card);
  await verifyFiles(out(), card);
  expect(card.metrics.test).toEqual(trained.test);
  expect(card.parity.images).toBe(16);
  expect(Math.max(card.parity.latent, card.parity.image)).toBeLessThan(1e-5);
  expect(card.dataset.train.images).toBe(1280);
});

test('the card of a run that was interrupted within an epoch tells its weights from its losses', async () => {
  const stopped = join(folder, 'stopped');
  await cp(run(), stopped, { recursive: true, verbatimSymlinks: true });
  const options = { model: cae, data: 'mnist', run: stopped, resume: true, engine: 'onnx', device: 'cpu' } as const;
  await expect(train({ ...options, threads: 2, epochs: 2 }, interruptAfter(3))).rejects.toThrow('interrupted');
  const { card } = await exportRun({ run: stopped, out: join(folder, 'stopped-out') });
  const { steps, train: losses, test } = trained;
  expect(card.metrics).toEqual({ epoch: 1, step: steps + 3, measuredAtStep: steps, train: losses, test });
});

test('any batch size gives the latents that eager tfjs gives', async () => {
  const mnist = await openSplit('mnist', 'test');
  const images = new Uint8Array(1000 * 784);
  await mnist.read(
    Array.from({ length: 1000 }, (_, i) => i),
    images,
  );
  const encoder = await ort.InferenceSession.create(join(out(), 'encoder.onnx'));
  const decoder = await ort.InferenceSession.create(join(out(), 'decoder.onnx'));
  const { program } = await loadRun(run(), 'latest');
  const three = tf.div(tf.tensor4d(images.slice(0, 3 * 784), [3, 28, 28, 1], 'int32'), 255) as tf.Tensor4D;
  const { latent: expected } = program.autoencoder.encode({ image: three });
  const pixels = program.autoencoder.decode(expected);
  for (const n of [1, 3, 1000]) {
    const feeds = { image: new ort.Tensor('uint8', images.slice(0, n * 784), [n, 28, 28, 1]) };
    const { latent } = await encoder.run(feeds);
    const { image } = await decoder.run({ latent: latent as ort.Tensor });
    expect(latent?.dims).toEqual([n, 10]);
    expect(image?.dims).toEqual([n, 28, 28, 1]);
    const shared = Math.min(n, 3);
    expect(largestDifference(expected, latent as ort.Tensor, shared * 10)).toBeLessThan(1e-5);
    expect(largestDifference(pixels, image as ort.Tensor, shared * 784)).toBeLessThan(1e-5);
  }
  await mnist.close();
});

test('the parity check measures latents relative to the largest, and NaN in one pixel fails it', async () => {
  const { program } = await loadRun(run(), 'latest');
  const mnist = await openSplit('mnist', 'test');
  const options = { graphs: ['encoder', 'decoder'], device: 'cpu', threads: 1, images: 16 } as const;
  await withSessions(await openExported(out()), options, async (sessions) => {
    expect((await measureParity(program, sessions, mnist)).images).toBe(16);
    const { encodeAll, decodeAll } = sessions;
    const encoded = (change: (value: number) => number) =>
      vi.spyOn(sessions, 'encodeAll').mockImplementation(async (...args) => {
        const { latents, ...rest } = await encodeAll.apply(sessions, args);
        return { ...rest, latents: latents.map(change) };
      });
    const { autoencoder } = program;
    const encode: typeof autoencoder.encode = (batch) => ({ latent: tf.mul(autoencoder.encode(batch).latent, 100) });
    const large = { ...program, autoencoder: { ...autoencoder, encode } };
    encoded((value) => 100 * value + 2e-4); // the largest latent is above 2
    expect((await measureParity(large, sessions, mnist)).latent).toBeGreaterThan(1e-4);
    encoded((value) => 100.1 * value);
    await expect(measureParity(large, sessions, mnist)).rejects.toThrow('nothing was exported');
    vi.restoreAllMocks();
    vi.spyOn(sessions, 'decodeAll').mockImplementation(async (...args) =>
      (await decodeAll.apply(sessions, args)).with(0, Number.NaN),
    );
    await expect(measureParity(program, sessions, mnist)).rejects.toThrow('differ by NaN on 16 images');
  });
  await mnist.close();
});

test('the files hold standard operators only, named by layer, with the weights inside', async () => {
  for (const [name, layers] of [
    ['encoder', ['conv1', 'conv2', 'conv3', 'embedding']],
    ['decoder', ['expand', 'deconv3', 'deconv2', 'deconv1', 'sigmoid']],
  ] as const) {
    const model = fromBinary(ModelProtoSchema, await readFile(join(out(), `${name}.onnx`)));
    expect(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([['', card.opset]]);
    const nodes = model.graph?.node.map((node) => node.name) ?? [];
    for (const layer of layers) expect(nodes.some((node) => node.startsWith(`${name}/${layer}/`))).toBe(true);
    expect(model.graph?.input.length).toBe(1);
  }
});

test('the mixture in the card has the mean and the covariance of the training latents', async () => {
  const { mixture } = card.latent;
  expect(mixture).toMatchObject({ over: 'train', codes: 1280 });
  expect(mixture?.weights.length).toBe(10);
  expect(card.model.variational).toBe(false);
  const mnist = await openSplit('mnist', 'train');
  const images = new Uint8Array(1280 * 784);
  await mnist.read(
    Array.from({ length: 1280 }, (_, i) => i),
    images,
  );
  await mnist.close();
  const encoder = await ort.InferenceSession.create(join(out(), 'encoder.onnx'));
  const { latent } = await encoder.run({ image: new ort.Tensor('uint8', images, [1280, 28, 28, 1]) });
  const latents = latent?.data as Float32Array;
  // Expectation–maximisation keeps the moments of the mixture in each iteration.
  const { weights = [], means = [], factors = [] } = mixture ?? {};
  const sumOver = (term: (component: number) => number) =>
    weights.reduce((sum, weight, component) => sum + weight * term(component), 0);
  const factor = (component: number, i: number, j: number) => factors[component]?.[(i * (i + 1)) / 2 + j] ?? 0;
  for (let i = 0; i < 10; i++) {
    const mean = (of: (image: number) => number) =>
      Array.from({ length: 1280 }, (_, image) => of(image)).reduce((sum, value) => sum + value, 0) / 1280;
    const center = (d: number) => mean((image) => latents[10 * image + d] ?? 0);
    expect(sumOver((component) => means[component]?.[i] ?? 0)).toBeCloseTo(center(i), 4);
    for (let j = 0; j <= i; j++) {
      const second = sumOver((component) => {
        let value = (means[component]?.[i] ?? 0) * (means[component]?.[j] ?? 0);
        for (let k = 0; k <= j; k++) value += factor(component, i, k) * factor(component, j, k);
        return value;
      });
      expect(second).toBeCloseTo(
        mean((image) => (latents[10 * image + i] ?? 0) * (latents[10 * image + j] ?? 0)),
        3,
      );
    }
  }
});

test('a few images without class names suffice: fewer components, classes by number', async () => {
  const images = join(folder, 'few.idx');
  const labels = join(folder, 'few-labels.idx');
  await writeFile(
    images,
    idxBytes(
      [6, 28, 28],
      Uint8Array.from({ length: 6 * 784 }, (_, i) => (i * i) % 251),
    ),
  );
  await writeFile(labels, idxBytes([6], Uint8Array.of(0, 1, 2, 0, 1, 2)));
  const few = { run: join(folder, 'few-run'), data: `${images},${labels}` };
  const options = { ...few, ...quick, latent: 3 };
  const model = models['ccvae-decoder'] as NonNullable<typeof models.cae>;
  await train({ ...options, model }, { signal: new AbortController().signal, progress: silent });
  const { card: small } = await exportRun({ run: few.run, out: join(folder, 'few'), which: 'latest' });
  expect(small.classes).toEqual(['0', '1', '2']);
  expect(small.model.variational).toBe(true);
  expect(small.latent.mixture).toMatchObject({ codes: 5, weights: [1] });

  const { program } = await loadRun(few.run, 'latest');
  const held = await openSplit(few.data, 'test');
  const onCpu = { graphs: ['encoder', 'decoder'], device: 'cpu', threads: 1, images: 1 } as const;
  await withSessions(await openExported(join(folder, 'few')), onCpu, async (sessions) => {
    const { encodeAll } = sessions;
    const encoded = (change: (logvars: Float32Array) => Float32Array | undefined) =>
      vi.spyOn(sessions, 'encodeAll').mockImplementation(async (...args) => {
        const { logvars = new Float32Array(), ...rest } = await encodeAll.apply(sessions, args);
        return { ...rest, logvars: change(logvars) };
      });
    encoded((logvars) => logvars.map((value) => value + 1e-5));
    expect((await measureParity(program, sessions, held)).images).toBe(1);
    encoded((logvars) => logvars.with(2, (logvars[2] ?? 0) + 0.01));
    await expect(measureParity(program, sessions, held)).rejects.toThrow('nothing was exported');
    encoded(() => undefined);
    await expect(measureParity(program, sessions, held)).rejects.toThrow('differ by NaN');
  });
  await held.close();

  const moved = join(folder, 'moved.idx');
  await rename(images, moved);
  const again = { run: few.run, out: join(folder, 'few-again') };
  await expect(exportRun(again)).rejects.toThrow(/few\.idx.* --data/);
  expect((await exportRun({ ...again, data: `${moved},${labels}` })).card.latent).toEqual(small.latent);
});

test('the mixture has fewer components where latents are few or large', () => {
  expect(mixtureScale(60_000, 10, 10)).toEqual({ count: 5000, components: 10 });
  expect(mixtureScale(200, 10, 10)).toEqual({ count: 200, components: 5 });
  expect(mixtureScale(3, 10, 10)).toEqual({ count: 3, components: 1 });
  const long = mixtureScale(60_000, 10, 128);
  expect(long.components).toBeLessThan(10);
  expect(long.count).toBeGreaterThanOrEqual(4 * 128 * long.components);
  expect(mixtureScale(60_000, 10, 512)).toEqual({ count: 2048, components: 1 });
});

test('a training step is exported on request, is verified, and is removed by the next export', async () => {
  const target = join(folder, 'with-step');
  const options = { run: run(), out: target, which: 'latest' } as const;
  const { card: first } = await exportRun({ ...options, trainStep: { batchSize: 4 } });
  expect(await readCard(target)).toEqual(first);
  const file = join(target, 'train-step.onnx');
  const session = await ort.InferenceSession.create(file);
  expect(first.trainStep).toMatchObject({ file: 'train-step.onnx', batchSize: 4, inputs: { image: [4, 28, 28, 1] } });
  expect(session.outputNames).toEqual(expect.arrayContaining(first.trainStep?.losses ?? ['loss']));
  // Adam's powers of beta start again, however long the run was.
  const numbers = new Set(first.trainStep?.state.map(({ initial }) => initial));
  expect([...numbers]).toEqual(['weights', Math.fround(0.9), Math.fround(0.999), 0]);
  await session.release();
  await verifyFiles(target, first);
  await writeFile(file, Buffer.concat([await readFile(file), Buffer.of(0)]));
  await expect(verifyFiles(target, first)).rejects.toThrow(
    /train-step\.onnx: its SHA-256 is not the one in card\.json/,
  );
  const { card: second } = await exportRun(options);
  expect(second.trainStep).toBeUndefined();
  expect(existsSync(file)).toBe(false);
});

const python = process.env.CONVAE_PEER_PYTHON;
if (!python) console.log("skipped: onnx's own checker (CONVAE_PEER_PYTHON names no Python with onnx)");
test.skipIf(!python)("onnx's checker finds nothing wrong, full check", () => {
  const check = 'import onnx, sys; [onnx.checker.check_model(onnx.load(f), full_check=True) for f in sys.argv[1:]]';
  execFileSync(python ?? '', ['-c', check, join(out(), 'encoder.onnx'), join(out(), 'decoder.onnx')]);
});

test('other data, a missing run and missing weights are refused in one line; nothing is exported', async () => {
  const other = join(folder, 'other');
  const pixels = Uint8Array.from({ length: 1200 * 784 }, (_, i) => i % 251);
  for (const count of [200, 1200]) {
    // The test part is a tenth: fewer images than the run's 100, and more.
    const data = join(folder, `${count}.idx`);
    await writeFile(data, idxBytes([count, 28, 28], pixels.subarray(0, count * 784)));
    await expect(exportRun({ run: run(), out: other, which: 'latest', data })).rejects.toThrow(
      /\d+\.idx: its test images are not those/,
    );
  }
  const mnist = await openSplit('mnist', 'test');
  const tested = new Uint8Array(100 * 784);
  await mnist.read([...Array(100).keys()], tested);
  await mnist.close();
  const mixed = join(folder, 'mixed');
  await mkdir(mixed);
  await Promise.all([
    writeFile(join(mixed, 't10k-images-idx3-ubyte'), idxBytes([100, 28, 28], tested)),
    writeFile(
      join(mixed, 't10k-labels-idx1-ubyte'),
      idxBytes([100], Uint8Array.from(mnist.labels ?? []).slice(0, 100)),
    ),
    writeFile(join(mixed, 'train-images-idx3-ubyte'), idxBytes([1200, 28, 28], pixels)),
    writeFile(
      join(mixed, 'train-labels-idx1-ubyte'),
      idxBytes(
        [1200],
        new Uint8Array(1200).map((_, i) => i % 10),
      ),
    ),
  ]);
  await expect(exportRun({ run: run(), out: other, which: 'latest', data: mixed })).rejects.toThrow(
    /mixed: its training images are not those/,
  );
  await expect(exportRun({ run: join(folder, 'nothing'), out: other, which: 'latest' })).rejects.toThrow(/nothing/);
  await rm(join(run(), 'latest', 'encoder', 'weights.bin'));
  await expect(exportRun({ run: run(), out: other, which: 'latest' })).rejects.toThrow(/encoder.weights\.bin/);
  expect(existsSync(other)).toBe(false);
});

function largestDifference(expected: tf.Tensor, got: ort.Tensor, count: number): number {
  const [a, b] = [expected.dataSync(), got.data as Float32Array];
  return Math.max(...Array.from({ length: count }, (_, i) => Math.abs((a[i] ?? Number.NaN) - (b[i] ?? Number.NaN))));
}
