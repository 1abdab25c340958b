import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';

describe.skipIf(!hasBrowser)('in windows of any size', () => {
  test.each(['cvae', 'cae2', 'ccvae'])('no tab makes the page taller or wider than the window: %s', async (model) => {
    const { page, close } = await openPage(`#model=${model}&image=3`, { reducedMotion: 'reduce' });
    const sizes = [320, 390, 600, 768, 900, 901, 1024, 1250, 1440, 1920].map((width) => ({ width, height: 844 }));
    for (const size of sizes) {
      await page.setViewportSize(size);
      // The tabs of a narrow window are others.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50))));
      for (const tab of await page.getByRole('tab').all()) {
        await tab.click();
        await page.waitForFunction(() => !document.querySelector('#panel')?.textContent?.includes('Loading this view'));
        const found = await page.evaluate(() => {
          const { scrollWidth: width, scrollHeight: height } = document.documentElement;
          return { width, height };
        });
        const name = await tab.textContent();
        expect([name, found]).toEqual([name, size]);
      }
    }
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
