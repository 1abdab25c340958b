import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';
import { attribute, settled } from './map-page.ts';

describe.skipIf(!hasBrowser)('in windows of any size', () => {
  test.each(['cvae', 'cae2', 'ccvae'])(
    'no tab is wider than its place, or makes the page taller: %s',
    async (model) => {
      const { page, close } = await openPage(`#model=${model}&image=3`, { reducedMotion: 'reduce' });
      const sizes = [320, 390, 600, 768, 900, 901, 1024, 1250, 1440, 1920].map((width) => ({ width, height: 844 }));
      for (const size of sizes) {
        await page.setViewportSize(size);
        // The tabs of a narrow window are others.
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50))));
        for (const tab of await page.getByRole('tab').all()) {
          await tab.click();
          await page.waitForFunction(
            () => !document.querySelector('#panel')?.textContent?.includes('Loading this view'),
          );
          const found = await page.evaluate(() => {
            const { scrollWidth: width, scrollHeight: height } = document.documentElement;
            const wide = [...document.querySelectorAll('.area, .panel')].filter((e) => e.scrollWidth > e.clientWidth);
            return { width, height, wide: wide.map(({ className }) => className) };
          });
          const name = await tab.textContent();
          expect([name, found]).toEqual([name, { ...size, wide: [] }]);
        }
      }
      await close();
    },
  );

  test('the map shows as many images after a resize as in a new window', async () => {
    const hash = '#model=cvae&image=3&select=like:3';
    const viewport = { width: 1024, height: 768 };
    const small = await openPage(hash, { viewport, reducedMotion: 'reduce' });
    await settled(small.page);
    const images = await attribute(small.page, 'pictures');
    expect(Number(images)).toBeGreaterThan(0);
    await small.close();
    const { page, close } = await openPage(hash, { viewport: { width: 2000, height: 1400 }, reducedMotion: 'reduce' });
    await settled(page);
    await page.setViewportSize(viewport);
    await expect.poll(() => attribute(page, 'pictures')).toBe(images);
    await close();
  });

  test('the list of found images covers neither the tools of the map nor its zoom buttons', async () => {
    const { page, close } = await openPage('#model=cvae&image=3&select=search:class:4', { reducedMotion: 'reduce' });
    for (const width of [320, 390, 768, 1024, 1250, 1251, 1440, 1920]) {
      await page.setViewportSize({ width, height: 844 });
      await page.locator('.map-cell').first().waitFor();
      const covered = await page.evaluate(() => {
        const controls = [
          ...document.querySelectorAll('.map-tools label, .map-tools [type=search], .map-frame button'),
        ];
        return controls
          .filter((control) => {
            const { x, y, width, height } = control.getBoundingClientRect();
            const isSeen = width > 0 && !control.closest('.map-chosen');
            const top = document.elementFromPoint(x + width / 2, y + height / 2);
            return isSeen && !control.contains(top);
          })
          .map((control) => control.textContent || control.getAttribute('aria-label'));
      });
      expect([width, covered]).toEqual([width, []]);
      expect((await page.locator('.map-grid').boundingBox())?.height).toBeGreaterThanOrEqual(80);
    }
    await close();
  });

  test('the introduction begins with its title where it is higher than the window', async () => {
    const { page, close } = await openPage('#model=cvae', { viewport: { width: 844, height: 390 } });
    await page.getByRole('button', { name: 'What is this?' }).click();
    expect((await page.locator('#about-title').boundingBox())?.y).toBeGreaterThan(0);
    await close();
  });

  test.each([
    ['a phone in landscape', 844, 390],
    ['a laptop at 200 %', 720, 450],
  ])('the map keeps half of the height: %s', async (_, width, height) => {
    const { page, close } = await openPage('#model=cvae&image=3', { viewport: { width, height } });
    const box = await page.locator('.map-stage').boundingBox();
    expect(box?.height).toBeGreaterThanOrEqual(height / 2);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await close();
  });
});
