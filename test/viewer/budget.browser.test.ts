import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';

/** Bytes of the page's own scripts and styles, compressed, that the first view and its live images may need. */
const MOST_BYTES = 110_000;
/** Bytes by which the script heap may grow in a thousand moves: half a float32 image for each would be twice as much. */
const MOST_GROWTH = 800_000;
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
        return /\.(js|css)$/.test(path) ? [path] : [];
      }),
    );
    const sizes = await Promise.all(
      assets.map(async (path) => gzipSync(await readFile(join(siteFolder, path))).length),
    );
    expect(assets.join()).toMatch(/index-.*\.css/);
    expect(assets.join()).toMatch(/\/worker-.*\.js/);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_BYTES);
    expect(Number(await page.getAttribute('html', 'data-moved'))).toBeLessThan(MOST_SHIFT);
    await close();
  });

  test('has no scripts whose type some hosts do not know', async () => {
    const assets = await readdir(join(siteFolder, 'assets'));
    expect(assets.filter((name) => /^ort-wasm-.*\.js$/.test(name))).not.toEqual([]);
    expect(assets.filter((name) => name.endsWith('.mjs'))).toEqual([]);
  });

  test('keeps no memory of a thousand moves of a slider and the pointer', { timeout: 180_000 }, async () => {
    const { page, context, close } = await openPage('#model=cvae&image=3', { reducedMotion: 'reduce' });
    await page.waitForSelector('html[data-offline=ready]', { state: 'attached' });
    const client = await context.newCDPSession(page);
    const heap = async () => {
      await client.send('HeapProfiler.collectGarbage');
      return (await client.send('Runtime.getHeapUsage')).usedSize;
    };
    const move = (times: number) =>
      page.evaluate(async (times) => {
        const slider = document.querySelector<HTMLInputElement>('#right input[type=range]');
        const stage = document.querySelector('.map-stage canvas:last-of-type');
        const box = stage?.getBoundingClientRect();
        if (!slider || !box) throw new Error('there is nothing to move');
        for (let i = 0; i < times; i++) {
          slider.value = String(Math.sin(i / 9));
          slider.dispatchEvent(new InputEvent('input', { bubbles: true }));
          const [clientX, clientY] = [box.x + (box.width * (i % 97)) / 97, box.y + (box.height * (i % 61)) / 61];
          stage?.dispatchEvent(
            new PointerEvent('pointermove', { clientX, clientY, bubbles: true, pointerType: 'mouse' }),
          );
          if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 4));
        }
      }, times);
    await move(300); // compiles, and fills caches
    const before = await heap();
    await move(1000);
    expect((await heap()) - before).toBeLessThan(MOST_GROWTH);
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
