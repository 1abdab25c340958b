import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, ready } from './browser.ts';
import { DECODED, parameter, pixels, slider, soon } from './latent-page.ts';

const opened = (page: Page) => page.getAttribute('[data-model]', 'data-model');
const selected = (page: Page) => page.getByRole('tab', { selected: true }).textContent();
const RECONSTRUCTION = 'canvas[aria-label=Reconstruction] >> nth=0';
const INK = '.drawing-canvas';

async function draw(page: Page): Promise<void> {
  const box = await page.locator(INK).boundingBox();
  if (!box) throw new Error('there is nothing to draw on');
  const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(0.3, 0.25));
  await page.mouse.down();
  await page.mouse.move(...at(0.7, 0.25), { steps: 5 });
  await page.mouse.move(...at(0.45, 0.8), { steps: 5 });
  await page.mouse.up();
}

describe.skipIf(!hasBrowser)('the address', () => {
  test('holds the drawing: a link shows it, its reconstruction and the latent again', async () => {
    const { page, context, close } = await openPage('#model=ccvae&image=3', { reducedMotion: 'reduce' });
    await draw(page);
    await page.locator('#left').getByRole('radio', { name: '6', exact: true }).check();
    await slider(page, 0).fill('1.5');
    await soon(() => parameter(page, 'z')).not.toBeNull();
    await soon(() => parameter(page, 'drawing')).not.toBeNull();
    expect(parameter(page, 'image')).toBeNull();
    await page.waitForTimeout(800); // until the drawing has been centred
    const [input, made, image] = [
      await pixels(page, INK),
      await pixels(page, RECONSTRUCTION),
      await pixels(page, DECODED),
    ];
    const other = await context.newPage();
    await other.goto(page.url());
    await ready(other);
    await soon(() => pixels(other, RECONSTRUCTION)).toEqual(made);
    const far = async () =>
      Math.max(...(await pixels(other, DECODED)).map((value, i) => Math.abs(value - (image[i] as number))));
    await soon(far).toBeLessThanOrEqual(1); // the latent is rounded
    expect(await pixels(other, INK)).toEqual(input);
    expect(other.url()).toBe(page.url());
    await close();
  });

  test('holds what is visible of the map, also where that is not the image', async () => {
    const { page, close } = await openPage('#model=cvae&image=3&view=-1e9,-1e9,20');
    await soon(() => page.getAttribute('.map-stage', 'data-selected')).toBe('3');
    await page.waitForTimeout(1000);
    const [left, top] = (parameter(page, 'view') ?? '').split(',').map(Number);
    const [x, y] = ((await page.getAttribute('.map-stage', 'data-input')) ?? '').split(',').map(Number);
    expect(Math.hypot((left as number) - (x as number), (top as number) - (y as number))).toBeGreaterThan(1);
    const seen = () => page.getAttribute('.map-stage', 'data-view');
    const before = await seen();
    // An image that is chosen afterwards is moved into view.
    await page.locator('.examples button').nth(5).click();
    await soon(seen).not.toBe(before);
    await close();
  });

  test('ignores a damaged drawing', async () => {
    for (const drawing of ['x', '%00', 'AAAA'.repeat(50_000)]) {
      const { page, close } = await openPage(`#model=cae2&drawing=${drawing}`);
      await soon(() => parameter(page, 'image')).toBe('0');
      await close();
    }
  });

  test('has an entry in the history for each tab and model, and Back returns to them', async () => {
    const { page, close } = await openPage('#model=cvae&image=5');
    await page.getByRole('tab', { name: 'Studio' }).click();
    await soon(() => parameter(page, 'tab')).toBe('studio');
    await slider(page, 0).fill('1');
    await soon(() => parameter(page, 'z')).not.toBeNull();
    await page.locator('.switch').click();
    await page.getByRole('option', { name: /^cae2/ }).click();
    await soon(() => parameter(page, 'model')).toBe('cae2');
    await page.getByRole('tab', { name: 'Model' }).click();
    await soon(() => parameter(page, 'tab')).toBe('model');

    await page.goBack();
    await soon(() => selected(page)).toBe('Studio');
    expect(await opened(page)).toBe('cae2');
    await page.goBack();
    await soon(() => opened(page)).toBe('cvae');
    expect(await selected(page)).toBe('Studio');
    await soon(() => slider(page, 0).inputValue()).toBe('1');
    await page.goBack();
    await soon(() => selected(page)).toBe('Map');
    expect(await opened(page)).toBe('cvae');
    await page.goForward();
    await soon(() => selected(page)).toBe('Studio');
    await page.waitForTimeout(500);
    expect(parameter(page, 'tab')).toBe('studio');
    await page.goBack();
    await page.goBack();
    expect(page.url()).toBe('about:blank');
    await close();
  });

  test('keeps the epoch of each model', async () => {
    const { page, close } = await openPage('#model=cvae&tab=epochs&epoch=1');
    await page.locator('.switch').click();
    await page.getByRole('option', { name: /^cae2/ }).click();
    await soon(() => parameter(page, 'model')).toBe('cae2');
    expect(parameter(page, 'epoch')).toBeNull();
    await page.goBack();
    await soon(() => opened(page)).toBe('cvae');
    await page.waitForSelector('.pairs[data-epoch="1"]');
    expect(parameter(page, 'epoch')).toBe('1');
    await close();
  });

  test('does not give a model what a link says of another one', async () => {
    const { page, close } = await openPage('#model=nope&z=1,2&meanfrom=class3');
    await soon(() => parameter(page, 'model')).toBe('cvae');
    expect(parameter(page, 'z')).toBeNull();
    await page.getByRole('tab', { name: 'Studio' }).click();
    await soon(() => parameter(page, 'tab')).toBe('studio');
    await page.waitForSelector('.studio');
    await slider(page, 0).fill('1');
    await soon(() => parameter(page, 'z')).not.toBeNull();
    expect(parameter(page, 'meanfrom')).toBeNull();
    await close();
  });

  test('is followed while the first model is on its way', async () => {
    const held: (() => void)[] = [];
    const { page, close } = await openPage('#model=cvae', {
      waits: false,
      prepare: async (page) => {
        await page.context().route('**/models/cvae/test/map.npy', async (route) => {
          await new Promise<void>((resolve) => held.push(resolve));
          await route.continue();
        });
      },
    });
    await soon(() => held.length).toBe(1);
    await page.evaluate(() => {
      location.hash = '#model=cae2&tab=model';
    });
    for (const release of held) release();
    await soon(() => opened(page)).toBe('cae2');
    expect(await selected(page)).toBe('Model');
    await page.goBack();
    await soon(() => opened(page)).toBe('cvae');
    await close();
  });

  test('lets Back and Forward pass right after a change', async () => {
    const { page, close } = await openPage('#model=cvae&image=5');
    await page.getByRole('tab', { name: 'Studio' }).click();
    await soon(() => parameter(page, 'tab')).toBe('studio');
    await slider(page, 0).fill('1');
    await page.goBack();
    await soon(() => selected(page)).toBe('Map');
    await page.goForward();
    await soon(() => selected(page)).toBe('Studio');
    await close();
  });
});
