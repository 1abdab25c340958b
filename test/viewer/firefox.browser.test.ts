import { existsSync } from 'node:fs';
import puppeteer, { type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Served, serveFolder } from '../../pipeline/site/serve.ts';
import { hasBrowser, siteFolder } from './browser.ts';
import { DECODED, decode, difference, latentOfRow, soon } from './latent-page.ts';

const PLACES = ['/usr/bin/firefox-esr', '/usr/bin/firefox'];
const firefoxPath = process.env.CONVAE_FIREFOX ?? PLACES.find((path) => existsSync(path));
if (!firefoxPath) {
  console.log('no Firefox found: install it (Debian: apt-get install firefox-esr) or name it in CONVAE_FIREFOX');
}
const ROW = 3;

const text = (page: Page, selector: string) => page.$eval(selector, (element) => element.textContent ?? '');
const parameter = (page: Page, name: string) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get(name);
const opened = (page: Page) => page.$eval('[data-model]', (element) => element.getAttribute('data-model'));
const click = (page: Page, selector: string) => page.locator(selector).click();
const pixels = (page: Page, selector: string) =>
  page.$eval(selector, (canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const { data } = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height) ?? {};
    return Array.from({ length: width * height }, (_, i) => data?.[4 * i] ?? -1);
  });

/** Milliseconds that Firefox may take to start: other tests run beside it. */
const START = 120_000;

describe.skipIf(!hasBrowser || !firefoxPath)('in Firefox', () => {
  let browser: Awaited<ReturnType<typeof puppeteer.launch>>;
  let server: Served;
  beforeAll(async () => {
    browser = await puppeteer.launch({ browser: 'firefox', executablePath: firefoxPath ?? '', timeout: START });
    server = await serveFolder(siteFolder, { port: 0 });
  }, START);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  test('the page opens, draws, decodes, switches models and trains', async () => {
    const page = await browser.newPage();
    await page.setViewport({ width: 1440, height: 900 });
    const faults: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warn'].includes(message.type())) faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => {
      if (/^http/.test(request.url()) && !request.url().startsWith(server.url)) faults.push(request.url());
    });
    await page.goto(`${server.url}#model=cvae&image=${ROW}`);
    await page.waitForSelector('[data-model=cvae]');

    // The image's latent, as the pipeline has written it, decoded as ONNX Runtime for Node does.
    const latent = latentOfRow('cvae', ROW);
    const [image] = await decode('cvae', [latent]);
    await soon(async () => difference(await pixels(page, DECODED), image as Float32Array)).toBeLessThan(1e-3);

    const canvas = await page.waitForSelector('.drawing-canvas');
    const box = await canvas?.boundingBox();
    if (!box) throw new Error('there is nothing to draw on');
    const before = await pixels(page, 'canvas[aria-label=Reconstruction]');
    await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.2 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.7 * box.width, box.y + 0.8 * box.height, { steps: 5 });
    await page.mouse.up();
    await soon(() => parameter(page, 'drawing')).not.toBeNull();
    await soon(() => pixels(page, 'canvas[aria-label=Reconstruction]')).not.toEqual(before);

    await page.locator('#right input[type=range]').fill('1.5');
    await soon(() => parameter(page, 'z')).not.toBeNull();
    const moved = Float32Array.from((parameter(page, 'z') ?? '').split(',').map(Number));
    const [decoded] = await decode('cvae', [moved]);
    // The link rounds the latent.
    await soon(async () => difference(await pixels(page, DECODED), decoded as Float32Array)).toBeLessThan(0.01);

    await click(page, '.switch');
    const order = await page.$$eval('[role=option]', (all) => all.map(({ textContent }) => textContent ?? ''));
    await click(page, `[role=option]:nth-of-type(${order.findIndex((name) => name.startsWith('cae2')) + 1})`);
    await soon(() => opened(page)).toBe('cae2');
    await click(page, '#tab-train');
    await click(page, '::-p-text(Start training)');
    await expect
      .poll(async () => Number((/Steps\D*(\d+)/.exec(await text(page, '.train-numbers')) ?? [])[1] ?? 0), {
        timeout: 45_000,
      })
      .toBeGreaterThanOrEqual(5);
    expect(await text(page, '.problem-place')).toBe('');
    expect(faults).toEqual([]);
    await page.close();
  });
});
