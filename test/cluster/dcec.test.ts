import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import type { Card } from '../../pipeline/artifacts/card.ts';
import type { Clusters } from '../../pipeline/artifacts/clusters.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { loadRun } from '../../pipeline/train/load-run.ts';
import { call, callJson } from '../cli/call.ts';
import { npyBytes } from '../data/formats.ts';
import { scratchFolder } from '../data/support.ts';
import { readRows } from '../encode/support.ts';

vi.setConfig({ testTimeout: 120_000 }); // trains and exports

const scratch = scratchFolder();
const cwd = dirname(scratch('x'));
const [N, SIDE] = [60, 8];
/** A bright row, whose place is the kind, on noise. */
const pixels = Uint8Array.from({ length: N * SIDE * SIDE }, (_, at) => {
  const [image, row] = [Math.floor(at / SIDE ** 2), Math.floor(at / SIDE) % SIDE];
  return row === 2 * (image % 3) + 1 ? 220 - (at % 17) : (at * 7919) % 40;
});
writeFileSync(scratch('images.npy'), npyBytes('|u1', [N, SIDE, SIDE], pixels));
writeFileSync(
  scratch('labels.npy'),
  npyBytes(
    '|u1',
    [N],
    Uint8Array.from({ length: N }, (_, i) => i % 3),
  ),
);
const data = ['--data', 'images.npy,labels.npy', '--quiet'];
const done = async (...args: string[]) => {
  const { code, stderr } = await call(args, { cwd });
  expect(stderr).toBe('');
  expect(code).toBe(0);
};

test('from train to clusters: a dcec model is exported with its clusters, and assigns images by them', async () => {
  const size = ['--width', '8', '--depth', '1', '--latent', '3', '--batch-size', '6'];
  await done('train', 'conv-ae', ...data, ...size, '--epochs', '8', '--run', 'ae');
  const more = ['--epochs', '3', '--batch-size', '6', '--clusters', '3', '--augment', 'shift=0.1'];
  await done('train', 'dcec', ...data, '--init', 'ae', ...more, '--run', 'dcec');
  await done('export', 'dcec', '--out', 'exported');
  const refused = await call(['export', 'dcec', '--out', 'with-step', '--with-train-step'], { cwd });
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--with-train-step')]);

  const { card } = await openExported(scratch('exported'));
  expect(card.clusters).toMatchObject({ count: 3, method: 'dcec' });
  expect(card.clusters?.parity).toBeLessThan(1e-5);
  const { report } = await callJson<{ report: Clusters }>(['cluster', 'exported', ...data, '--out', 'clusters'], {
    cwd,
  });
  expect(report).toMatchObject({ method: 'dcec', k: 3, stability: null, agreement: { accuracy: 1 } });

  await tf.setBackend('cpu');
  const { program } = await loadRun(scratch('dcec'));
  const image = tf.div(tf.tensor4d(pixels, [N, SIDE, SIDE, 1], 'int32'), 255) as tf.Tensor4D;
  const expected = program.autoencoder.encode({ image }).cluster?.arraySync() ?? [];
  const rows = await readRows(scratch('clusters/clusters.parquet'));
  for (const [i, row] of rows.entries()) {
    const { cluster, confidence } = row as unknown as { cluster: number; confidence: number };
    const shares = expected[i] ?? [];
    expect(shares.indexOf(Math.max(...shares))).toBe(cluster);
    expect(confidence).toBeCloseTo(Math.max(...shares), 5);
  }
  const other = await call(['cluster', 'exported', ...data, '--k', '4', '--out', 'four'], { cwd });
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('was trained with 3 clusters')]);
});

test('a training step still finds its weights in an encoder that got clusters', async () => {
  const size = ['--width', '8', '--depth', '1', '--latent', '3', '--epochs', '1'];
  await done('train', 'conv-ae', ...data, ...size, '--run', 'plain');
  await done('export', 'plain', '--out', 'step', '--with-train-step');
  const weightsIn = ({ trainStep }: Card) =>
    trainStep?.weights.map(({ variable, file, offset, bytes }) => {
      const content = readFileSync(join(scratch('step'), file)).subarray(offset, offset + bytes);
      return [variable, content.toString('hex')];
    });
  const before = weightsIn((await openExported(scratch('step'))).card);
  const options = ['--method', 'gmm', '--k', '3', '--seeds', '1', '--into', '--out', 'gmm'];
  await done('cluster', 'step', ...data, ...options);
  const { card } = await openExported(scratch('step'));
  expect(card.clusters?.method).toBe('gmm');
  expect(weightsIn(card)).toEqual(before);
  expect(before?.length).toBeGreaterThan(5);
});
