import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';
import { settled } from './map-page.ts';

const PATIENT = { timeout: 15_000 };
const opened = (page: Page) => page.getAttribute('[data-model]', 'data-model');
const hash = (page: Page) => page.evaluate(() => location.hash);
const json = async (path: string) => JSON.parse(await readFile(join(siteFolder, path), 'utf8'));
const names = async (): Promise<string[]> =>
  (await json('models/index.json')).models.map(({ name }: { name: string }) => name);

describe.skipIf(!hasBrowser)('the frame', () => {
  test('selects a model by keyboard, described by its card', async () => {
    const { page, close } = await openPage('#model=cvae');
    const button = page.locator('.switch');
    await button.focus();
    await page.keyboard.press('Enter');
    const option = (name: string) => page.getByRole('option', { name: new RegExp(`^${name}[^a-z-]`) });
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toMatch(/^cvae/);
    const { dataset, latent, metrics, model } = await json('models/cae2/card.json');
    await expect
      .poll(() => option('cae2').textContent(), PATIENT)
      .toBe(
        `cae2${dataset.name} · ${latent.size}-D · loss ${Number(metrics.test.loss.toPrecision(3))} nats${model.summary}`,
      );
    await page.keyboard.press('Control+c');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toMatch(/^cvae/);
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    const order = await names();
    for (let i = 0; i < order.indexOf('cae2'); i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    expect(await page.locator('#models').isVisible()).toBe(false);
    await expect.poll(() => hash(page), PATIENT).toContain('model=cae2');
    // Escape changes nothing and returns the focus.
    await button.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(await opened(page)).toBe('cae2');
    await close();
  });

  test('restores the state of a link: model, view, image, class, theme', async () => {
    const { page, close } = await openPage('#model=ccvae&tab=model&image=12&class=4&theme=dark');
    expect(await opened(page)).toBe('ccvae');
    expect(await page.getByRole('tab', { selected: true }).textContent()).toBe('Model');
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
    await expect.poll(() => hash(page), PATIENT).toMatch(/image=12/);
    expect(await hash(page)).toMatch(/class=4/);
    // Change the address of the open page.
    await page.evaluate(() => {
      location.hash = '#model=cae2&tab=epochs&image=3';
    });
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await expect.poll(() => hash(page), PATIENT).toMatch(/model=cae2&tab=epochs.*image=3/);
    expect(await page.getByRole('tab', { selected: true }).textContent()).toBe('Epochs');
    await close();
  });

  test('remembers the theme, and copies a link to the current view', async () => {
    const { page, context, close } = await openPage('#model=cae2&image=7');
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme ?? 'auto');
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByRole('button', { name: /^Theme: auto/ }).click();
    await page.getByRole('button', { name: /^Theme: light/ }).click();
    expect(await theme()).toBe('dark');
    expect(await background()).not.toBe(light);
    await page.getByRole('tab', { name: 'Model' }).click();
    await expect.poll(() => hash(page)).toContain('tab=model');
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toBe(page.url());
    expect(new URL(link).hash).toMatch(/model=cae2&tab=model.*image=7/);
    await page.reload();
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    expect(await theme()).toBe('dark');
    await close();
  });

  test('explains autoencoders, and moves between tabs with arrow keys', async () => {
    const { page, close } = await openPage('#model=cvae');
    await page.getByRole('button', { name: 'What is this?' }).click();
    const box = page.getByRole('dialog', { name: /squeezed/ });
    expect(await box.textContent()).toMatch(/784 numbers.*into 10 numbers.*latent space/s);
    await page.keyboard.press('Escape');
    expect(await box.isVisible()).toBe(false);
    await page.getByRole('tab', { name: 'Map' }).focus();
    for (const name of ['Studio', 'Epochs', 'Train', 'Model', 'Map']) {
      await page.keyboard.press('ArrowRight');
      const selected = page.getByRole('tab', { selected: true });
      expect(await selected.textContent()).toBe(name);
      expect(await selected.evaluate((element) => element === document.activeElement)).toBe(true);
    }
    await page.keyboard.press('ArrowLeft');
    // Back, in most browsers.
    await page.keyboard.press('Alt+ArrowLeft');
    expect(await page.getByRole('tab', { selected: true }).textContent()).toBe('Model');
    await close();
  });

  test('fits a phone: pictures stay on top, and no view is wider than the page', async () => {
    const { page, close } = await openPage('#model=cvae', { viewport: { width: 390, height: 844 }, hasTouch: true });
    const shape = await page.locator('.pinned canvas').first().boundingBox();
    expect(shape?.width).toBeCloseTo(shape?.height ?? 0, 0);
    // The panel of a tab that nobody has opened costs nothing; the one that takes pasted pictures comes when there is time.
    const sliders = page.locator('#right input[type=range]');
    await page.locator('#left .drawing-canvas').waitFor({ state: 'attached' });
    expect(await sliders.count()).toBe(0);
    for (const tab of await page.getByRole('tab').all()) {
      await tab.click();
      expect(await page.locator('.pinned').isVisible()).toBe(true);
      expect(await page.getByRole('tabpanel').count()).toBe(1);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    }
    expect(await sliders.count()).toBeGreaterThan(0);
    await close();
  });

  test('works offline, also for models opened before', async () => {
    const { page, context, close } = await openPage('#model=cae2', { serve: { base: '/some/path/' } });
    await page.locator('.switch').click();
    await page.getByRole('option', { name: /^cvae/ }).click();
    await expect.poll(() => opened(page), PATIENT).toBe('cvae');
    // The record of the training is fetched last.
    const { training } = await json('models/cvae/manifest.json');
    const last: string = training.pictures.at(-1).file;
    const fetched = () =>
      page.evaluate(() =>
        performance
          .getEntriesByType('resource')
          .map(({ name }) => name)
          .join(),
      );
    await expect.poll(fetched, PATIENT).toContain(`models/cvae/${last}`);
    await settled(page); // its images may come later
    await context.setOffline(true);
    for (const name of ['Studio', 'Epochs', 'Model', 'Map']) await page.getByRole('tab', { name }).click();
    await page.locator('.switch').click();
    await page.getByRole('option', { name: /^cae2/ }).click();
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    const before = await page.locator('#right canvas').first().screenshot();
    await page.evaluate(() => {
      location.hash += '&z=3,3';
    });
    await expect
      .poll(async () => (await page.locator('#right canvas').first().screenshot()).equals(before), PATIENT)
      .toBe(false);
    expect(await page.locator('[role=alert] .problem').count()).toBe(0);
    await close();
  });
});
