import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { exportRun } from '../../pipeline/export/export.ts';
import { silent } from '../../pipeline/io/progress.ts';
import { train } from '../../pipeline/train/train.ts';
import { idxBytes } from '../data/formats.ts';
import { scratchFolder } from '../data/support.ts';
import { noWebgpu } from '../devices/adapter.ts';
import { imageOf, labelOf, type Row, readRows, tinyData, tinyImages } from './support.ts';
import { exportTiny, tinyError, tinyLatent } from './tiny-model.ts';

const scratch = scratchFolder();
const device = 'webgpu';

describe.skipIf(noWebgpu !== undefined)('on WebGPU', () => {
  test.each([
    { name: 'plain', conditional: { encoder: false, decoder: false } },
    { name: 'conditional', conditional: { encoder: true, decoder: true } },
  ])('latents and errors of a $name model, over many batches', async ({ name, conditional }) => {
    const exported = await exportTiny(scratch(name), { conditional, classes: ['0', '1', '2', '3', '4'] });
    const [data, out] = [tinyData(scratch(name), 101), scratch(`${name}.parquet`)];
    const { rows: count } = await encode({ exported, data, out, split: 'all', device, batchSize: 8 });
    expect(count).toBe(101);
    const rows = await readRows(out);
    rows.forEach(({ id, latent, error }, i) => {
      const image = imageOf(tinyImages(101), i);
      const label = conditional.encoder ? labelOf(i) : 0;
      const expected = tinyLatent(image, label);
      expect(id).toBe(String(i));
      expect(latent).toHaveLength(expected.length);
      expected.forEach((value, d) => {
        expect(latent[d]).toBeCloseTo(value, 5);
      });
      expect(error).toBeCloseTo(tinyError(image, expected, label), 5);
    });
  });

  test.each([models.cae, models.cae2, models.ccvae].flatMap((model) => model ?? []))(
    '$name encodes and reconstructs as on the CPU',
    async (model) => {
      const [run, out, data] = [scratch(`${model.name}-run`), scratch(model.name), scratch(`${model.name}-data`)];
      const pixels = Uint8Array.from({ length: 40 * 12 * 12 }, (_, i) => ((i % 12) * Math.floor(i / 12)) % 256);
      const labels = Uint8Array.from({ length: 40 }, (_, i) => i % 10);
      writeFileSync(`${data}-images`, idxBytes([40, 12, 12], pixels));
      writeFileSync(`${data}-labels`, idxBytes([40], labels));
      const images = `${data}-images,${data}-labels`;
      const settings = { model, data: images, run, resume: false, engine: 'onnx', device: 'cpu', threads: 1 } as const;
      await train(
        { ...settings, filters: 8, epochs: 1, batchSize: 8 },
        { signal: new AbortController().signal, progress: silent },
      );
      await exportRun({ run, out, which: 'latest' });
      const rowsOn = async (device: 'cpu' | 'webgpu', batchSize?: number): Promise<Row[]> => {
        const file = scratch(`${model.name}-${device}.parquet`);
        await encode({ exported: out, data: images, out: file, split: 'all', device, batchSize });
        return readRows(file);
      };
      const [gpu, cpu] = [await rowsOn('webgpu', 11), await rowsOn('cpu')];
      expect(gpu).toHaveLength(40);
      gpu.forEach(({ latent, error, ...row }, i) => {
        const { latent: expected = [], error: expectedError = Number.NaN, ...expectedRow } = cpu[i] ?? {};
        expect(row).toEqual(expectedRow);
        const differences = latent.map((value, d) => Math.abs(value - (expected[d] ?? Number.NaN)));
        expect(Math.max(...differences)).toBeLessThan(1e-4);
        expect(Math.abs((error ?? Number.NaN) - expectedError)).toBeLessThan(1e-5);
      });
    },
    120_000,
  );
});
