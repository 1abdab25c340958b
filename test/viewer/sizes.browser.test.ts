import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';

describe.skipIf(!hasBrowser)('in windows of any size', () => {
  test.each([
    ['a desktop', 1440, 900],
    ['a laptop', 1024, 768],
    ['a phone', 390, 844],
  ])('no tab makes the page taller than the window: %s', async (_, width, height) => {
    const { page, close } = await openPage('#model=ccvae&image=3', {
      viewport: { width, height },
      reducedMotion: 'reduce',
    });
    for (const tab of await page.getByRole('tab').all()) {
      await tab.click();
      await page.waitForTimeout(250);
      const name = await tab.textContent();
      expect([name, await page.evaluate(() => document.documentElement.scrollHeight)]).toEqual([name, height]);
      expect([name, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([name, width]);
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
