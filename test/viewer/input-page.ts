import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { expect } from 'vitest';
import { readNpy } from '../../web-viewer/src/site/npy.ts';
import { siteFolder } from './browser.ts';

/** The input and the model's result for it, as the page shows them. */
interface Seen {
  readonly pixels: Uint8Array;
  readonly latent: number[];
  readonly error: number;
  readonly percentile: number;
  /** The drawn reconstruction, in bytes. */
  readonly reconstruction: number[];
}

export const canvas = (page: Page) => page.getByRole('application', { name: /Input image/ });

/** Draws lines through points given as shares of the canvas. */
export async function draw(page: Page, ...lines: readonly (readonly (readonly [number, number])[])[]): Promise<void> {
  await canvas(page).scrollIntoViewIfNeeded();
  const box = await canvas(page).boundingBox();
  if (!box) throw new Error('there is no canvas');
  for (const line of lines) {
    const places = line.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height] as const);
    const [[x, y] = [0, 0], ...rest] = places;
    await page.mouse.move(x, y);
    await page.mouse.down();
    for (const [nextX, nextY] of rest) await page.mouse.move(nextX, nextY, { steps: 4 });
    await page.mouse.up();
  }
}

export const THREE = [
  [0.15, 0.1],
  [0.4, 0.08],
  [0.45, 0.2],
  [0.3, 0.3],
  [0.45, 0.4],
  [0.4, 0.55],
  [0.15, 0.55],
] as const;

/** Waits until the page is at rest, then reads what it shows; the input comes from the saved picture. */
export async function see(page: Page): Promise<Seen> {
  await page.waitForFunction(() => document.querySelector('.drawing')?.getAttribute('data-shows') === 'pixels');
  const pixels = await savedPixels(page);
  let before = '';
  await expect
    .poll(
      async () => {
        const now = (await page.getAttribute('.code-bars', 'data-latent')) ?? '';
        const same = now !== '' && now === before;
        before = now;
        return same;
      },
      { interval: 60, timeout: 5000 },
    )
    .toBe(true);
  return {
    pixels,
    latent: JSON.parse(before) as number[],
    error: Number(await page.locator('.input-view [data-error]').getAttribute('data-error')),
    percentile: Number(await page.locator('.unusual').getAttribute('data-percentile')),
    reconstruction: [...(await bytesOf(await drawnBy(page, 'Reconstruction')))],
  };
}

async function savedPixels(page: Page): Promise<Uint8Array> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.locator('.input-view').getByRole('button', { name: 'Save' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('input.png');
  return bytesOf(await readFile(await download.path()));
}

/** A canvas of the view as PNG, at its own resolution. */
async function drawnBy(page: Page, name: string): Promise<Buffer> {
  const picture = page.locator('.input-view').getByRole('img', { name, exact: true });
  const url = await picture.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
  return Buffer.from(url.split(',')[1] ?? '', 'base64');
}

/** The pixels of a 28×28 gray PNG. */
async function bytesOf(file: Buffer): Promise<Uint8Array> {
  const { data, info } = await sharp(file)
    .removeAlpha()
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([28, 28, 1]);
  return new Uint8Array(data);
}

/** The expected result for an image, from ONNX Runtime for Node and the site's files. */
async function truth(name: string, pixels: Uint8Array, label?: number) {
  const folder = join(siteFolder, 'models', name);
  const [encoder, decoder] = await Promise.all(
    ['encoder.onnx', 'decoder.onnx'].map((file) => InferenceSession.create(join(folder, file))),
  );
  if (!encoder || !decoder) throw new Error('no sessions');
  const labelOf = (session: InferenceSession) =>
    session.inputNames.includes('label') ? { label: new Tensor('int32', Int32Array.of(label ?? 0), [1]) } : {};
  const { latent } = await encoder.run({ image: new Tensor('uint8', pixels, [1, 28, 28, 1]), ...labelOf(encoder) });
  const { image } = await decoder.run({ latent: latent as Tensor, ...labelOf(decoder) });
  const made = image?.data as Float32Array;
  let sum = 0;
  pixels.forEach((value, i) => {
    const p = Math.min(1 - 2 ** -25, Math.max(2 ** -25, made[i] as number));
    sum -= (value / 255) * Math.log(p) + (1 - value / 255) * Math.log(1 - p);
  });
  const errors = readNpy(await readFile(join(folder, 'test/errors.npy')), '<f4', 1, 'errors.npy').data;
  const error = sum / pixels.length;
  return {
    latent: Array.from((latent as Tensor).data as Float32Array),
    reconstruction: Array.from(made, (value) => 255 * value),
    error,
    percentile: errors.filter((other) => other < error).length / errors.length,
  };
}

export async function expectTruth(name: string, seen: Seen, label?: number): Promise<void> {
  const { latent, reconstruction, error, percentile } = await truth(name, seen.pixels, label);
  const most = (a: readonly number[], b: readonly number[]) =>
    Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));
  expect(seen.latent).toHaveLength(latent.length);
  expect(most(seen.latent, latent)).toBeLessThan(1e-4);
  // Bytes are rounded.
  expect(most(seen.reconstruction, reconstruction)).toBeLessThan(0.5 + 255e-4);
  // Pixels that are wrong with near certainty amplify differences between runtimes.
  expect(Math.abs(seen.error - error)).toBeLessThan(1e-5 + 1e-3 * error);
  expect(Math.abs(seen.percentile - percentile)).toBeLessThan(2e-3);
}

/** The centre of mass of the ink, in pixel indices. */
export function centreOf(pixels: Uint8Array): readonly [number, number] {
  let [sum, x, y] = [0, 0, 0];
  pixels.forEach((value, i) => {
    sum += value;
    x += value * (i % 28);
    y += value * Math.floor(i / 28);
  });
  return [x / sum, y / sum];
}

export const png = (pixels: Uint8Array, width: number, height: number) =>
  sharp(pixels, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer();

/** A black cross on white paper, off the centre of a larger picture. */
export function cross(): Promise<Buffer> {
  const pixels = new Uint8Array(200 * 120).fill(250);
  for (let i = 0; i < 60; i++) {
    for (let w = -4; w < 4; w++) {
      pixels[(20 + i) * 200 + 40 + w] = 10;
      pixels[(50 + w) * 200 + 10 + i] = 10;
    }
  }
  return png(pixels, 200, 120);
}

/** Drops or pastes a file. */
export async function send(
  page: Page,
  how: 'drop' | 'paste',
  content: Buffer,
  name: string,
  type: string,
): Promise<void> {
  await page.evaluate(
    ({ how, bytes, name, type }) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(bytes)], name, { type }));
      const target = document.querySelector('.input-view');
      if (how === 'paste') {
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));
        return;
      }
      for (const event of ['dragover', 'drop']) {
        target?.dispatchEvent(new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }));
      }
    },
    { how, bytes: [...content], name, type },
  );
}

/** Accessibility violations that axe finds in the view. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(where: string): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const found = await axe.run('.input-view');
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
}
