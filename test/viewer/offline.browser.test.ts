import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, ready, siteFolder } from './browser.ts';

describe.skipIf(!hasBrowser)('the service worker', { timeout: 120_000 }, () => {
  test('keeps opened models: reloading and switching work offline, and updates are picked up', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'convae-offline-'));
    await cp(siteFolder, folder, { recursive: true });
    const { page, context, close } = await openPage('#model=cae2', {
      folder,
      serve: { base: '/assets/path/' },
      allowed: [/Failed to load resource/],
    });
    const model = () => page.getAttribute('[data-model]', 'data-model');
    const open = async (name: string) => {
      await page.locator('.switch').click();
      await page.getByRole('option', { name: new RegExp(`^${name}`) }).click();
      await expect.poll(model, { timeout: 15_000 }).toBe(name);
    };
    await open('cvae');
    await expect.poll(() => page.url()).toContain('model=cvae');
    await page.waitForSelector('html[data-offline=ready]', { state: 'attached' });
    await context.setOffline(true);
    await page.reload();
    await ready(page);
    expect(await model()).toBe('cvae');
    // No tab but the map has been opened so far.
    for (const [name, view] of Object.entries({
      Studio: '.studio',
      Epochs: '.epochs',
      Train: '.train',
      Model: '.model-view',
    })) {
      await page.getByRole('tab', { name }).click();
      await page.waitForSelector(view);
    }
    await open('cae2');
    expect(await page.locator('.problem-place').innerText()).toBe('');
    await expect.poll(() => page.url()).toContain('model=cae2');
    await context.setOffline(false);
    const card = join(folder, 'models/cae2/card.json');
    const about = JSON.parse(await readFile(card, 'utf8'));
    await writeFile(card, JSON.stringify({ ...about, model: { ...about.model, summary: 'changed' } }));
    await page.reload();
    await ready(page);
    await expect.poll(() => page.locator('.switch').count()).toBe(1);
    await expect.poll(() => page.locator('#models').textContent()).toContain('changed');

    // Another site of this origin.
    const other = '/other/assets/index-other.js';
    await page.evaluate(async (url) => (await caches.open('convae')).put(url, new Response('')), other);

    // A new build: its files have other names, and those of the former one are kept no longer.
    const html = await readFile(join(folder, 'index.html'), 'utf8');
    const style = /assets\/index-[\w-]+\.css/.exec(html)?.[0] ?? '';
    await rename(join(folder, style), join(folder, 'assets/index-next.css'));
    await writeFile(join(folder, 'index.html'), html.replace(style, 'assets/index-next.css'));
    await page.reload();
    await ready(page);
    expect(await page.evaluate(() => getComputedStyle(document.body).margin)).toBe('0px');
    const kept = () =>
      page.evaluate(async () => (await (await caches.open('convae')).keys()).map(({ url }) => url).join(' '));
    await expect.poll(kept).toContain('assets/index-next.css');
    expect(await kept()).not.toContain(style);
    expect(await kept()).toContain(other);
    await close();
    await rm(folder, { recursive: true });
  });
});
