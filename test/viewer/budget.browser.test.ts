import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';

/** Bytes of the page's own scripts and styles, compressed, that the first view may need. */
const MOST_BYTES = 110_000;
/** A fifth of what counts as good: https://web.dev/articles/cls */
const MOST_SHIFT = 0.02;

describe.skipIf(!hasBrowser)('the first view', () => {
  test.each([
    ['a desktop', 1440, 900],
    ['a phone', 390, 844],
  ])('needs few scripts and styles, and nothing moves while it comes: %s', async (_, width, height) => {
    const { page, close } = await openPage('#model=cvae', {
      viewport: { width, height },
      // The other views are fetched for it.
      serviceWorkers: 'block',
      allowed: [/Service Worker/],
      prepare: async (page) => {
        await page.addInitScript(() => {
          new PerformanceObserver((list) => {
            const moved = Number(document.documentElement.dataset.moved ?? 0);
            const shifts = list.getEntries() as (PerformanceEntry & { value: number })[];
            document.documentElement.dataset.moved = String(shifts.reduce((sum, { value }) => sum + value, moved));
          }).observe({ type: 'layout-shift', buffered: true });
        });
      },
    });
    await page.waitForSelector('[data-points]', { state: 'attached' });
    await page.waitForTimeout(1500);
    const assets = await page.evaluate(() =>
      performance.getEntriesByType('resource').flatMap(({ name }) => {
        const path = new URL(name).pathname.slice(1);
        // The worker that runs the model is not needed for the first view.
        return /\.(js|css)$/.test(path) && !/worker-/.test(path) ? [path] : [];
      }),
    );
    const sizes = await Promise.all(
      assets.map(async (path) => gzipSync(await readFile(join(siteFolder, path))).length),
    );
    expect(assets.join()).toMatch(/index-.*\.css/);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_BYTES);
    expect(Number(await page.getAttribute('html', 'data-moved'))).toBeLessThan(MOST_SHIFT);
    await close();
  });

  test('comes without the others: a tab says that it loads, or that its code did not arrive, and tries again', async () => {
    let arrives: 'later' | 'never' | 'now' = 'later';
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { page, close } = await openPage('#model=cvae', {
      serviceWorkers: 'block',
      allowed: [/Service Worker/, /did not arrive/, /ERR_FAILED/],
      prepare: async (page) => {
        await page.route(/assets\/(studio|epochs)-.*\.js/, async (route) => {
          if (arrives === 'later') await held;
          await (arrives === 'never' ? route.abort() : route.continue());
        });
      },
    });
    const panel = page.locator('#panel > :last-child');
    await page.getByRole('tab', { name: 'Studio' }).click();
    expect(await panel.innerText()).toContain('Loading');
    release();
    await page.waitForSelector('.studio');
    arrives = 'never';
    await page.getByRole('tab', { name: 'Epochs' }).click();
    await expect.poll(() => page.locator('#panel [role=alert]').innerText()).toContain('reload');
    arrives = 'now';
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.waitForSelector('.epochs');
    await close();
  });
});
