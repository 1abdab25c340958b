import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import * as tf from '@tensorflow/tfjs-core';
import { ModelProtoSchema } from 'onnx-buf';
import ort from 'onnxruntime-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { openMnist } from '../../pipeline/data/mnist.ts';
import { type Card, readCard, verifyFiles } from '../../pipeline/export/card.ts';
import { exportRun } from '../../pipeline/export/export.ts';
import { loadRun } from '../../pipeline/train/load-run.ts';
import type { TrainSummary } from '../../pipeline/train/options.ts';
import { silent } from '../../pipeline/train/progress.ts';
import { train } from '../../pipeline/train/train.ts';

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
      resume: false,
      engine: 'onnx',
      device: 'cpu',
      threads: 2,
      epochs: 1,
      limitTrain: 1280,
      limitTest: 100,
    },
    { signal: new AbortController().signal, progress: silent },
  );
  ({ card } = await exportRun({ run: run(), out: out(), which: 'latest' }));
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the card that is written can be read, fits its files and tells what training reached', async () => {
  expect(await readCard(out())).toEqual(card);
  await verifyFiles(out(), card);
  expect(card.metrics.test).toEqual(trained.test);
  expect(card.parity.images).toBe(16);
  expect(Math.max(card.parity.latent, card.parity.image)).toBeLessThan(1e-5);
  expect(card.dataset.train.images).toBe(1280);
});

test('any batch size gives the codes that eager tfjs gives', async () => {
  const mnist = await openMnist('test');
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

const python = process.env.CONVAE_PEER_PYTHON;
if (!python) console.log("skipped: onnx's own checker (CONVAE_PEER_PYTHON names no Python with onnx)");
test.skipIf(!python)("onnx's checker finds nothing wrong, full check", () => {
  const check = 'import onnx, sys; [onnx.checker.check_model(onnx.load(f), full_check=True) for f in sys.argv[1:]]';
  execFileSync(python ?? '', ['-c', check, join(out(), 'encoder.onnx'), join(out(), 'decoder.onnx')]);
});

test('other data, no run, and weights that are gone are refused in one line; nothing is exported', async () => {
  const other = join(folder, 'other');
  const images = Uint8Array.from({ length: 200 * 784 }, (_, i) => i % 251);
  const header = Buffer.alloc(16);
  [0x803, 200, 28, 28].forEach((value, i) => {
    header.writeUInt32BE(value, 4 * i);
  });
  await writeFile(join(folder, 'images.idx'), Buffer.concat([header, images]));
  await expect(
    exportRun({ run: run(), out: other, which: 'latest', data: join(folder, 'images.idx') }),
  ).rejects.toThrow(/images\.idx: its test images are not those/);
  await expect(exportRun({ run: join(folder, 'nothing'), out: other, which: 'latest' })).rejects.toThrow(/nothing/);
  await rm(join(run(), 'latest', 'encoder', 'weights.bin'));
  await expect(exportRun({ run: run(), out: other, which: 'latest' })).rejects.toThrow(/encoder.weights\.bin/);
  expect(existsSync(other)).toBe(false);
});

function largestDifference(expected: tf.Tensor, got: ort.Tensor, count: number): number {
  const [a, b] = [expected.dataSync(), got.data as Float32Array];
  return Math.max(...Array.from({ length: count }, (_, i) => Math.abs((a[i] ?? Number.NaN) - (b[i] ?? Number.NaN))));
}
