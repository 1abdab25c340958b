import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { priorLatents } from '../../web-viewer/src/state/sampling.ts';
import { hasBrowser, openPage, siteFolder } from './browser.ts';

const [SIZE, CLASSES, ROWS] = [28 * 28, 10, 10];
/** Beyond rounding to bytes. */
const TOLERANCE = 1e-4;

/** Polls longer than usual: the machine may be busy. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 15_000, interval: 100 });
const file = (model: string, path: string) => readFileSync(join(siteFolder, 'models', model, path));
const json = (model: string, path: string) => JSON.parse(file(model, path).toString());
const parameter = (page: Page, name: string) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get(name);

const sessions = new Map<string, Promise<InferenceSession>>();
function session(model: string, graph: 'encoder' | 'decoder'): Promise<InferenceSession> {
  const path = join(siteFolder, 'models', model, `${graph}.onnx`);
  const made = sessions.get(path) ?? InferenceSession.create(path);
  sessions.set(path, made);
  return made;
}
afterAll(async () => {
  for (const made of sessions.values()) await (await made).release();
});

const labels = (values: readonly number[]) => new Tensor('int32', Int32Array.from(values), [values.length]);

/** Images that ONNX Runtime for Node decodes: each latent with every class. */
async function decodeAll(model: string, rows: readonly Float32Array[]): Promise<Float32Array[]> {
  const latents = Float32Array.from(rows.flatMap((row) => Array.from({ length: CLASSES }, () => [...row]).flat()));
  const count = rows.length * CLASSES;
  const { image } = await (await session(model, 'decoder')).run({
    latent: new Tensor('float32', latents, [count, latents.length / count]),
    label: labels(rows.flatMap(() => Array.from({ length: CLASSES }, (_, index) => index))),
  });
  const data = image?.data as Float32Array;
  return Array.from({ length: count }, (_, i) => data.slice(i * SIZE, (i + 1) * SIZE));
}

/** The latent that ONNX Runtime for Node encodes. */
async function encode(model: string, pixels: Uint8Array, label: number): Promise<Float32Array> {
  const encoder = await session(model, 'encoder');
  const { latent } = await encoder.run({
    image: new Tensor('uint8', pixels, [1, 28, 28, 1]),
    ...(encoder.inputNames.includes('label') && { label: labels([label]) }),
  });
  return latent?.data as Float32Array;
}

/** The pixels of canvases in the page, 0–255. */
const pictures = (page: Page, selector: string): Promise<number[][]> =>
  page.locator(selector).evaluateAll((canvases) =>
    canvases.map((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      copy?.drawImage(canvas as HTMLCanvasElement, 0, 0);
      const data = copy?.getImageData(0, 0, width, height).data ?? [];
      return Array.from(data).filter((_, i) => i % 4 === 0);
    }),
  );

/** The largest difference between pictures and images in [0, 1], beyond rounding to bytes. */
function difference(seen: readonly (readonly number[])[], images: readonly Float32Array[]): number {
  if (seen.length !== images.length) return Number.POSITIVE_INFINITY;
  const of = (bytes: readonly number[], image: Float32Array) =>
    image.reduce((most, value, i) => Math.max(most, Math.abs((bytes[i] as number) - 255 * value) - 0.5), 0);
  return Math.max(...images.map((image, i) => of(seen[i] ?? [], image))) / 255;
}

const expectPictures = async (page: Page, selector: string, images: readonly Float32Array[]) =>
  soon(async () => difference(await pictures(page, selector), images)).toBeLessThan(TOLERANCE);

/** An image of the set with its label, from the set's files. */
async function imageOfSet(model: string, row: number): Promise<{ pixels: Uint8Array; label: number }> {
  const folder = join(siteFolder, json(model, 'manifest.json').set);
  const set = JSON.parse(readFileSync(join(folder, 'set.json')).toString());
  const [sheet] = set.sheets;
  const pixels = await sharp(join(folder, sheet.file))
    .extract({
      left: (row % sheet.columns) * 28,
      top: Math.floor(row / sheet.columns) * 28,
      width: 28,
      height: 28,
    })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const npy = readFileSync(join(folder, set.labels));
  return { pixels: new Uint8Array(pixels), label: npy.readInt32LE(10 + npy.readUInt16LE(8) + 4 * row) };
}

const rowsOf = (latents: Float32Array): Float32Array[] =>
  Array.from({ length: ROWS }, (_, row) =>
    latents.slice((row * latents.length) / ROWS, ((row + 1) * latents.length) / ROWS),
  );

const cell = (row: number, column: number) => `.grid [data-row="${row}"][data-column="${column}"]`;
const OWN = '[data-own] canvas';

async function saved(page: Page, click: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

describe.skipIf(!hasBrowser)('the studio', () => {
  test.each(['ccvae', 'ccvae-decoder'])('decodes an image of the set with every class, with %s', async (model) => {
    const { page, close } = await openPage(`#model=${model}&tab=studio&image=7`);
    const { pixels, label } = await imageOfSet(model, 7);
    const latent = await encode(model, pixels, label);
    const images = await decodeAll(model, [latent]);
    await expectPictures(page, OWN, images);
    const other = (label + 4) % CLASSES;
    await page.getByRole('button', { name: `Your image as class ${other}:` }).click();
    await soon(() => parameter(page, 'class')).toBe(String(other));
    await soon(() => parameter(page, 'z')?.split(',').map(Number)).toEqual(
      Array.from(latent, (value) => expect.closeTo(value, 2)),
    );
    // The class of the sliders does not affect the style.
    await page.waitForTimeout(200);
    await expectPictures(page, OWN, images);
    await close();
  });

  test('encodes a drawing with the class chosen beside it', async () => {
    const { page, close } = await openPage('#model=ccvae&tab=studio&image=0');
    await expectPictures(page, '.restyled-input canvas', [
      Float32Array.from((await imageOfSet('ccvae', 0)).pixels, (value) => value / 255),
    ]);
    await page.getByRole('button', { name: 'Clear' }).click();
    const box = await page.locator('.input-view canvas').first().boundingBox();
    if (!box) throw new Error('no canvas to draw on');
    await page.mouse.move(box.x + box.width / 2, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height - 50, { steps: 12 });
    await page.mouse.up();
    await page.waitForFunction(() => document.querySelector('.drawing')?.getAttribute('data-shows') === 'pixels');
    const drawn = Uint8Array.from((await pictures(page, '.restyled-input canvas'))[0] ?? []);
    for (const label of [1, 7]) {
      const choice = page.locator('.input-view').getByRole('group', { name: /Class for the/ });
      await choice.getByRole('radio', { name: String(label) }).check({ force: true });
      await expectPictures(page, OWN, await decodeAll('ccvae', [await encode('ccvae', drawn, label)]));
    }
    await close();
  });

  test('decodes the same random latents with every class, at any temperature', async () => {
    const { page, close } = await openPage('#model=ccvae&tab=studio&seed=5');
    const { size } = json('ccvae', 'card.json').latent;
    const latents = priorLatents(ROWS, size, 5);
    const mean = latents.reduce((sum, value) => sum + value, 0) / latents.length;
    const variance = latents.reduce((sum, value) => sum + (value - mean) ** 2, 0) / latents.length;
    // Five standard errors of 100 normal samples.
    expect(Math.abs(mean)).toBeLessThan(0.5);
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / latents.length));
    const images = await decodeAll('ccvae', rowsOf(latents));
    await expectPictures(page, '.grid canvas', images);

    const { name, bytes } = await saved(page, () => page.getByRole('button', { name: 'Download PNG' }).click());
    expect(name).toBe('ccvae-samples-5.png');
    const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([8 + 10 * (112 + 8), 8 + 10 * (112 + 8)]);
    const tile = (row: number, column: number) =>
      Array.from({ length: SIZE }, (_, i) => {
        const [x, y] = [8 + column * 120 + (i % 28) * 4 + 3, 8 + row * 120 + Math.floor(i / 28) * 4];
        return data[(y * info.width + x) * info.channels] as number;
      });
    expect(difference([tile(6, 3)], [images[63] as Float32Array])).toBeLessThan(TOLERANCE);

    await page.click(cell(2, 4));
    const expected = Array.from(latents.slice(2 * size, 3 * size), (value) => Number(value.toFixed(3)));
    await soon(() => parameter(page, 'z')?.split(',').map(Number)).toEqual(expected);
    expect(parameter(page, 'class')).toBe('4');
    for (const key of ['ArrowDown', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    await soon(() => parameter(page, 'class')).toBe('5');
    expect(Number(parameter(page, 'z')?.split(',')[0])).toBeCloseTo(latents[3 * size] as number, 3);

    await page.getByRole('slider', { name: 'Temperature' }).press('Home');
    await soon(() => parameter(page, 'temperature')).toBe('0');
    await expectPictures(page, '.grid canvas', await decodeAll('ccvae', rowsOf(latents.map(() => 0))));
    await page.getByRole('slider', { name: 'Temperature' }).press('End');
    await page.getByRole('button', { name: 'New latents' }).click();
    await expectPictures(
      page,
      '.grid canvas',
      await decodeAll('ccvae', rowsOf(priorLatents(ROWS, size, 6).map((value) => 1.5 * value))),
    );
    await close();
  });

  test('decodes random latents and the difference of two means without classes in the decoder', async () => {
    const { page, close } = await openPage('#model=cvae&tab=studio&seed=5&image=7');
    const decoder = await session('cvae', 'decoder');
    const { size } = json('cvae', 'card.json').latent;
    const decode = async (latents: Float32Array) => {
      const count = latents.length / size;
      const { image } = await decoder.run({ latent: new Tensor('float32', latents, [count, size]) });
      const data = image?.data as Float32Array;
      return Array.from({ length: count }, (_, i) => data.slice(i * SIZE, (i + 1) * SIZE));
    };
    const random = priorLatents(40, size, 5);
    await expectPictures(page, '.pictures >> nth=0 >> canvas', await decode(random));
    await page.getByRole('button', { name: 'Send to the sliders: 3', exact: true }).click();
    await soon(() => parameter(page, 'z')?.split(',').map(Number)).toEqual(
      Array.from(random.slice(2 * size, 3 * size), (value) => Number(value.toFixed(3))),
    );
    await page.locator('.group-choices select').first().selectOption({ label: 'class 4' });
    await page.locator('.group-choices select').nth(1).selectOption({ label: 'class 9' });
    const npy = file('cvae', 'test/latents.npy');
    const latents = new Float32Array(
      npy.buffer.slice(npy.byteOffset + 10 + npy.readUInt16LE(8), npy.byteOffset + npy.length),
    );
    const folder = join(siteFolder, json('cvae', 'manifest.json').set);
    const raw = readFileSync(join(folder, 'labels.npy'));
    const labels = Array.from({ length: latents.length / size }, (_, i) =>
      raw.readInt32LE(10 + raw.readUInt16LE(8) + 4 * i),
    );
    const mean = (label: number) =>
      Array.from({ length: size }, (_, d) => {
        const values = labels.flatMap((each, row) => (each === label ? [latents[row * size + d] as number] : []));
        return values.reduce((a, b) => a + b, 0) / values.length;
      });
    const [four, nine] = [mean(4), mean(9)];
    const along = (start: readonly number[], strengths: readonly number[]) =>
      Float32Array.from(
        strengths.flatMap((s) => start.map((value, d) => value + s * ((nine[d] as number) - (four[d] as number)))),
      );
    const own = Array.from(latents.slice(7 * size, 8 * size));
    await expectPictures(page, '.pictures >> nth=1 >> canvas', await decode(along(own, [-1, -0.5, 0, 0.5, 1, 1.5, 2])));
    const sixths = [0, 1, 2, 3, 4, 5, 6].map((i) => i / 6);
    const walk = await decode(along(four, sixths));
    await expectPictures(page, '.pictures >> nth=2 >> canvas', walk);
    await soon(() => parameter(page, 'meanto')).toBe('class9');
    await page.reload();
    await expectPictures(page, '.pictures >> nth=2 >> canvas', walk);
    // The map's selection is a group too.
    await page.getByRole('tab', { name: 'Map' }).click();
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: 'Select view' }).click();
    await page.getByRole('tab', { name: 'Studio' }).click();
    await page.locator('.group-choices select').nth(1).selectOption('selection');
    await soon(() => page.locator('.group-choices').innerText()).toMatch(/[\d,]+ selected images/);
    // However large, it is the same when its link is opened.
    const count = () => page.locator('.group-choices .quiet').nth(1).innerText();
    const images = await count();
    expect(Number(images.replace(/\D/g, ''))).toBeGreaterThan(500);
    await soon(() => parameter(page, 'meanto')).toMatch(/^rows/);
    await page.reload();
    await soon(count).toBe(images);
    // Groups stay, here and in the address, while another one is selected on the map.
    await page.getByRole('tab', { name: 'Map' }).click();
    await page.getByRole('searchbox', { name: 'Find images' }).fill('4');
    await page.keyboard.press('Enter');
    await soon(() => parameter(page, 'select')).toBe('search:4');
    expect(parameter(page, 'meanto')).toMatch(/^rows/);
    await page.getByRole('tab', { name: 'Studio' }).click();
    await page.locator('.group-choices select').first().selectOption('selection');
    await soon(() => parameter(page, 'meanfrom')).toMatch(/^rows/);
    expect(await count()).toBe(images);
    await close();
  });
});
