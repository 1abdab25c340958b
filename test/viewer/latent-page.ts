import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { siteFolder } from './browser.ts';

/** Polls longer than usual: the machine may be busy. */
export const soon = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 });

export const SIZE = 28 * 28;
export const FRAMES = 12;

const file = (model: string, path: string) => readFileSync(join(siteFolder, 'models', model, path));
export const json = (model: string, path: string) => JSON.parse(file(model, path).toString());

/** The latent `[D]` of a row, as the pipeline has written it. */
export function latentOfRow(model: string, row: number): Float32Array {
  const { size } = json(model, 'card.json').latent;
  const bytes = file(model, 'test/latents.npy');
  const start = 10 + bytes.readUInt16LE(8) + row * size * 4;
  return Float32Array.from({ length: size }, (_, i) => bytes.readFloatLE(start + 4 * i));
}

/** Images that ONNX Runtime for Node decodes. */
export async function decode(model: string, rows: readonly Float32Array[], label?: number): Promise<Float32Array[]> {
  const session = await InferenceSession.create(file(model, 'decoder.onnx'));
  const size = rows[0]?.length ?? 0;
  const latents = Float32Array.from(rows.flatMap((row) => [...row]));
  const { image } = await session.run({
    latent: new Tensor('float32', latents, [rows.length, size]),
    ...(label !== undefined && {
      label: new Tensor('int32', new Int32Array(rows.length).fill(label), [rows.length]),
    }),
  });
  await session.release();
  const data = image?.data as Float32Array;
  return rows.map((_, i) => data.slice(i * SIZE, (i + 1) * SIZE));
}

/** The largest difference between bytes and values in [0, 1], beyond rounding to bytes. */
export const difference = (bytes: ArrayLike<number>, image: Float32Array) =>
  Math.max(...Array.from(image, (value, i) => Math.abs((bytes[i] as number) - 255 * value) - 0.5)) / 255;

/** The pixels of a canvas in the page, 0–255. */
export const pixels = (page: Page, selector: string) =>
  page.locator(selector).evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    copy?.drawImage(canvas as HTMLCanvasElement, 0, 0);
    const data = copy?.getImageData(0, 0, width, height).data ?? [];
    return Array.from(data).filter((_, i) => i % 4 === 0);
  });
export const DECODED = '.decoded-image canvas';

export const parameter = (page: Page, name: string) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get(name);
export const latentInUrl = (page: Page) => Float32Array.from((parameter(page, 'z') ?? '').split(',').map(Number));

/** Waits until the decoded image is that of a latent. */
export async function expectDecoded(
  page: Page,
  model: string,
  latent: () => Float32Array,
  label?: number,
): Promise<void> {
  await soon(async () =>
    difference(await pixels(page, DECODED), (await decode(model, [latent()], label))[0] as Float32Array),
  ).toBeLessThan(1e-3);
}

export const slider = (page: Page, index: number) => page.getByRole('slider', { name: `z${index}`, exact: true });

export async function download(page: Page, name: string): Promise<{ bytes: Buffer; name: string }> {
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name }).click();
  const saved = await waiting;
  return { bytes: readFileSync(await saved.path()), name: saved.suggestedFilename() };
}

export async function expectAccessible(page: Page): Promise<void> {
  await page.addScriptTag({ path: join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js') });
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(where: string): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run('.latent')).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
  });
  expect(found).toEqual([]);
}
