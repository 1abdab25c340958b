import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { improveMixture } from '../../pipeline/analyse/gaussian-mixture.ts';
import type { Card } from '../../pipeline/artifacts/card.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { exportRun } from '../../pipeline/export/export.ts';
import { planSamples } from '../../pipeline/generate/samplers.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { withSessions } from '../../pipeline/inference/sessions.ts';
import { silent } from '../../pipeline/io/progress.ts';
import { loadRun } from '../../pipeline/train/load-run.ts';
import { train } from '../../pipeline/train/train.ts';
import { scratchFolder } from '../data/support.ts';

const scratch = scratchFolder();
const [run, exported] = [scratch('run'), scratch('exported')];
let card: Card;

beforeAll(async () => {
  const chosen = { data: 'mnist', resume: false, engine: 'onnx', device: 'cpu', threads: 2, epochs: 1 } as const;
  await train(
    { ...chosen, model: models.ccvae as ModelDefinition, run, latent: 4, filters: 8, limitTrain: 640, limitTest: 40 },
    { signal: new AbortController().signal, progress: silent },
  );
  ({ card } = await exportRun({ run, out: exported, which: 'latest' }));
}, 60_000);

test('the decoder gives the images that eager tfjs gives', async () => {
  const { latents, labels } = planSamples(card, exported, { n: 23, seed: 0 });
  const model = await openExported(exported);
  const options = { graphs: ['decoder'], device: 'cpu', threads: 2, images: 23, batchSize: 5 } as const;
  const images = await withSessions(model, options, (sessions) => sessions.decodeAll({ latents, labels }));
  await tf.setBackend('cpu');
  const { program } = await loadRun(run, 'latest');
  const label = tf.tensor1d(labels ?? new Int32Array(0), 'int32');
  const expected = program.autoencoder.decode(tf.tensor2d(latents, [23, 4]), label).dataSync();
  expect(images.length).toBe(23 * 784);
  expect(Math.max(...images.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))))).toBeLessThan(1e-5);
});

test('its mixture is fitted to latents drawn from the training images’ distributions', async () => {
  expect(card.model.variational).toBe(true);
  const { size } = card.latent;
  const mixture = card.latent.mixture as NonNullable<Card['latent']['mixture']>;
  expect(mixture).toMatchObject({ over: 'train', codes: 640 });
  const mnist = await openSplit('mnist', 'train');
  const pixels = new Uint8Array(640 * 784);
  await mnist.read(
    Array.from({ length: 640 }, (_, i) => i),
    pixels,
  );
  const session = await ort.InferenceSession.create(join(exported, 'encoder.onnx'));
  const { latent, logvar } = await session.run({
    image: new ort.Tensor('uint8', pixels, [640, 28, 28, 1]),
    label: new ort.Tensor('int32', mnist.labels?.slice(0, 640) ?? new Int32Array(0), [640]),
  });
  const noise = new Float32Array(640 * 4);
  Generator.of(99, 'other noise than the export’s').fillNormal(noise);
  const [mu, log] = [latent?.data as Float32Array, logvar?.data as Float32Array];
  const drawn = mu.map((value, i) => value + Math.exp((log[i] ?? 0) / 2) * (noise[i] ?? 0));
  const logDensity = async (rows: Float32Array) =>
    (await improveMixture(rows, { size, ...mixture }, { maxIterations: 1 })).logLikelihood;
  const mean = await logDensity(drawn);
  // Other draws are about as likely as those that it was fitted on; means are closer together.
  expect(Math.abs(mean - mixture.logLikelihood)).toBeLessThan(0.6);
  expect(await logDensity(mu)).toBeGreaterThan(mean + 0.5);
  await mnist.close();
});
