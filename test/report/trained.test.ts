import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test, vi } from 'vitest';
import type { DrawnPictures, Evaluation } from '../../pipeline/report/evaluate.ts';
import { callJson } from '../cli/call.ts';
import { npyBytes, zipBytes } from '../data/formats.ts';
import { scratchFolder } from '../data/support.ts';

/** Bars are told apart after few steps; by default, the classifier is trained for two epochs of MNIST. */
vi.mock(import('../../pipeline/analyse/classifier/classifier.ts'), async (original) => {
  const real = await original();
  return { ...real, openClassifier: (train, options) => real.openClassifier(train, { ...options, steps: 80 }) };
});

const SIDE = 12;
const EPOCHS = 3;
const scratch = scratchFolder();
const cwd = scratch('cwd');
mkdirSync(cwd);
vi.stubEnv('XDG_CACHE_HOME', scratch('cache'));

/** Colour images of bars: lying, standing or slanting, of three colours. */
function bars(count: number, salt: number) {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
  const pixels = Uint8Array.from({ length: count * SIDE * SIDE * 3 }, (_, i) => {
    const [image, pixel, channel] = [Math.floor(i / (SIDE * SIDE * 3)), Math.floor(i / 3) % (SIDE * SIDE), i % 3];
    const [y, x] = [Math.floor(pixel / SIDE), pixel % SIDE];
    const place = (image * 5 + salt) % SIDE;
    const along = [y, x, (x + y) % SIDE][labels[image] ?? 0];
    return along === place && channel === (image + salt) % 3 ? 250 - (image % 60) : (x * y + channel) % 15;
  });
  return { pixels, labels };
}

const parts = { train: bars(240, 0), test: bars(90, 3) };
writeFileSync(
  scratch('cwd/bars.npz'),
  zipBytes(
    (['train', 'test'] as const).flatMap((part) => [
      { name: `x_${part}.npy`, data: npyBytes('|u1', [parts[part].labels.length, SIDE, SIDE, 3], parts[part].pixels) },
      { name: `y_${part}.npy`, data: npyBytes('|u1', [parts[part].labels.length], parts[part].labels) },
    ]),
  ),
);

test('a conditional model of colour images, trained, exported, evaluated, drawn', { timeout: 120_000 }, async () => {
  const training = [
    'train',
    'ccvae',
    '--data',
    'bars.npz',
    '--run',
    'runs/bars',
    '--latent',
    '2',
    '--width',
    '8',
    '--threads',
    '2',
  ];
  const options = ['--epochs', `${EPOCHS}`, '--batch-size', '24', '--limit-train', '216', '--quiet'];
  await callJson([...training, ...options], { cwd });
  await callJson(['export', 'runs/bars'], { cwd });
  const exported = scratch('cwd/exported/bars');
  expect(readdirSync(exported).sort()).toEqual(['SHA256SUMS', 'card.json', 'decoder.onnx', 'encoder.onnx', 'training']);
  const lines = readFileSync(join(exported, 'training', 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line)).map(({ split, span, epoch }) => [split, span, epoch])).toEqual(
    [1, 2, 3].flatMap((epoch) => [
      ['train', 'epoch', epoch],
      ['test', 'epoch', epoch],
    ]),
  );
  expect(readdirSync(join(exported, 'training', 'pictures'))).toEqual([1, 2, 3].map((epoch) => `epoch-00${epoch}.png`));

  const evaluating = ['evaluate', 'exported/bars', '--data', 'bars.npz', '--quick'];
  const { out, report } = await callJson<Evaluation>(evaluating, { cwd });
  expect(out).toBe('exported/bars/report');
  expect(report).toMatchObject({
    model: {
      name: 'ccvae',
      variational: true,
      conditional: { encoder: true, decoder: true },
      epochs: EPOCHS,
      images: 216,
    },
    data: { name: 'bars.npz', train: 240, test: 90, image: { height: SIDE, width: SIDE, channels: 3 } },
    generation: { samples: 1000, classifier: { images: 90 } },
    notes: [
      expect.stringContaining('--quick'),
      expect.stringContaining('Of 90 test images, 0 equal'),
      expect.stringContaining('Fréchet'),
    ],
  });
  const card = JSON.parse(readFileSync(join(exported, 'card.json'), 'utf8'));
  const { reconstruction, kl } = card.metrics.test;
  // Another draw of noise for each image.
  expect((report.reconstruction.atSample?.perPixel ?? 0) / reconstruction).toBeCloseTo(1, 1);
  expect(report.variational?.kl.perPixel).toBeCloseTo(kl, 5);
  const { generation, variational } = report;
  expect(generation?.classifier.accuracy).toBeGreaterThan(0.8);
  expect(generation?.frechet).toBeGreaterThan(0);
  expect(variational?.nll?.nats).toBeLessThan(variational?.nll?.negativeElbo ?? 0);
  expect(report.pictures.map(({ file }) => file)).toEqual([
    'reconstructions.png',
    'codes.png',
    'samples.png',
    'interpolations.png',
    'kl.png',
    'losses.png',
    'training.webp',
  ]);
  const moving = await sharp(join(exported, 'report', 'pictures', 'training.webp'), { animated: true }).metadata();
  expect(moving.pages).toBe(EPOCHS);
  const page = readFileSync(join(exported, 'report', 'report.html'), 'utf8');
  expect(page.match(/<img src="data:image\/(png|webp);base64,/g)).toHaveLength(7);
  expect(page.replace(/"data:[^"]*"/g, '')).not.toMatch(/https?:/);

  const drawn = await callJson<DrawnPictures>(['evaluate', 'exported/bars', '--pictures-only'], { cwd });
  expect(drawn.out).toBe('exported/bars/pictures');
  const files = drawn.pictures.flatMap((picture) => picture.files);
  expect(readdirSync(join(exported, 'pictures')).sort()).toEqual(['SHA256SUMS', ...files].sort());
  expect(files.filter((file) => file.endsWith('.svg'))).toHaveLength(6);
});
