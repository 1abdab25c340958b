import { cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Route } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';
import { chromiumPath } from './chromium.ts';
import { DECODED, json, pixels, soon } from './latent-page.ts';

describe.skipIf(!hasBrowser)('a page that cannot start', () => {
  test('says what to do when it is opened from the disk', async () => {
    const browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: ['--no-sandbox'] });
    const page = await browser.newPage();
    await page.goto(pathToFileURL(join(siteFolder, 'index.html')).href);
    expect(await page.locator('body').innerText()).toContain('--serve');
    await browser.close();
  });

  test('says so when its script does not come', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'convae-start-'));
    await cp(siteFolder, folder, { recursive: true, filter: (path) => !/assets\/index-.*\.js$|\/models\//.test(path) });
    const { page, close } = await openPage('', { folder, allowed: [/404/], waits: false });
    expect(await page.locator('.start').isVisible()).toBe(false);
    await expect.poll(() => page.locator('.start').isVisible(), { timeout: 15_000 }).toBe(true);
    await close();
    await rm(folder, { recursive: true });
  });

  test('without WebAssembly shows the map and the images, and says what is missing', async () => {
    const { page, close } = await openPage('#model=cvae&image=3', {
      waits: false,
      args: ['--js-flags=--jitless'], // as in browsers' modes of higher security
    });
    await soon(() => page.locator('.problem-place').innerText()).toContain('WebAssembly');
    await page.waitForSelector('[data-points]');
    await soon(() => page.locator('[data-shows=pixels]').count()).toBe(1);
    await page.waitForTimeout(500);
    expect(await page.locator('[role=alert] .problem').innerText()).toContain('WebAssembly');
    await close();
  });

  test('says so when nothing comes for a while', async () => {
    const { page, close } = await openPage('#model=cvae', {
      waits: false,
      prepare: async (page) => {
        await page.context().route(/\.xz$/, () => undefined);
      },
    });
    await page.waitForSelector('[data-points]');
    // The recorded reconstruction.
    await soon(async () =>
      Math.max(...(await pixels(page, '#left canvas[aria-label=Reconstruction]'))),
    ).toBeGreaterThan(100);
    await expect.poll(() => page.locator('.loading-place').innerText(), { timeout: 20_000 }).toContain('reload');
    await page.context().unrouteAll({ behavior: 'ignoreErrors' });
    await close();
  });

  test('waits for a library that takes long to start', async () => {
    let start: () => void = () => undefined;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const { page, close } = await openPage('#model=cvae', {
      waits: false,
      prepare: async (page) => {
        await page.clock.install();
        await page.context().route(/assets\/worker-.*\.js/, async (route) => {
          const response = await route.fetch();
          const slow = `const { instantiate } = WebAssembly;
            WebAssembly.instantiate = async (bytes, imports) => {
              if (bytes.byteLength > 1e6) await fetch('./held');
              return instantiate(bytes, imports);
            };`;
          await route.fulfill({ response, body: `${slow}${await response.text()}` });
        });
        await page.context().route(/held/, async (route) => {
          await started;
          await route.fulfill({ body: '' });
        });
      },
    });
    const text = () => page.locator('.loading-place').innerText();
    await soon(text).toContain('starting');
    await page.clock.fastForward(30_000);
    await page.waitForTimeout(300);
    expect(await text()).not.toContain('reload');
    expect(await page.locator('.problem').count()).toBe(0);
    start();
    await soon(async () => Math.max(...(await pixels(page, DECODED)))).toBeGreaterThan(100);
    await soon(text).toBe('');
    await close();
  });

  test('does not say so while images are coming', async () => {
    const held: Route[] = [];
    const { page, close } = await openPage('#model=cvae', {
      waits: false,
      prepare: async (page) => {
        await page.clock.install();
        await page.context().route(/sets\/.*\.(npy|png)$/, (route) => void held.push(route));
      },
    });
    const text = () => page.locator('.loading-place').innerText();
    await soon(() => held.length).toBe(1);
    // All else has come.
    await soon(async () => Math.max(...(await pixels(page, DECODED)))).toBeGreaterThan(100);
    await page.clock.fastForward(8000);
    await held[0]?.continue();
    await soon(() => held.length).toBe(2);
    // The bar has all but the sheet.
    const { set } = json('cvae', 'manifest.json');
    const sheet = await stat(join(siteFolder, set, 'sheet-0.png'));
    const left = () =>
      page
        .locator('.loading progress')
        .evaluate((bar) => (bar as HTMLProgressElement).max - (bar as HTMLProgressElement).value);
    await soon(left).toBe(sheet.size);
    await page.clock.fastForward(8000);
    expect(await text()).not.toContain('reload');
    await page.clock.fastForward(8000);
    await soon(text).toContain('reload');
    await held[1]?.continue();
    await soon(text).toBe('');
    await close();
  });
});
