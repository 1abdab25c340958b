import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';

const PATIENT = { timeout: 15_000 };
const read = (path: string) => readFile(join(siteFolder, 'models/ccvae', path));
const cells = (page: Page, row: string) => page.locator(`${row} td`).allTextContents();
/** Parses a number of the page. */
const number = (text: string | undefined) => Number((text ?? '').replaceAll('−', '-').replaceAll(',', ''));

describe.skipIf(!hasBrowser)('the Model tab', () => {
  test('shows the figures of the card', async () => {
    const card = JSON.parse((await read('card.json')).toString());
    const { page, close } = await openPage('#model=ccvae&tab=model&image=1');
    const figure = (name: string) =>
      page
        .locator('.figure', { has: page.locator('dt', { hasText: name }) })
        .locator('dd')
        .first()
        .textContent();
    expect(await figure('Trained on')).toBe(`${card.dataset.train.images.toLocaleString('en-US')} images`);
    expect(await figure('Latent size')).toBe(`${card.latent.size} dimensions`);
    expect(await figure('Kind')).toBe('variational, encoder and decoder conditioned on the class');
    expect(await figure('Batch size')).toBe(`${card.training.recipe.batchSize} images`);
    expect(number((await figure('Tolerance')) ?? '')).toBe(card.parity.tolerance);
    expect(number((await figure('Parity of latents')) ?? '')).toBeCloseTo(card.parity.latent, 7);
    for (const [name, value] of Object.entries<number>(card.metrics.test)) {
      const [pixel, image] = await cells(page, `.measures [data-row="${name}"]`);
      expect(number(pixel) / value).toBeCloseTo(1, 3);
      expect(number(image) / (value * 784)).toBeCloseTo(1, 3);
    }
    // The rows of other models come from their cards.
    const cae2 = JSON.parse(await readFile(join(siteFolder, 'models/cae2/card.json'), 'utf8'));
    const cae2Row = '[data-row="site/cae2"]';
    await expect.poll(async () => (await cells(page, cae2Row))[3], PATIENT).toBe('2');
    const [, , , , loss] = await cells(page, cae2Row);
    expect(number(loss) / (784 * cae2.metrics.test.loss)).toBeCloseTo(1, 3);
    await close();
  });

  test('downloads the model’s files, and checks their digests', async () => {
    const { page, close } = await openPage('#model=ccvae&tab=model&image=1');
    for (const name of ['encoder.onnx', 'decoder.onnx', 'card.json']) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name, exact: true }).click(),
      ]);
      expect(download.suggestedFilename()).toBe(name);
      expect(await readFile(await download.path())).toEqual(await read(name));
    }
    const digest = createHash('sha256')
      .update(await read('encoder.onnx'))
      .digest('hex');
    await expect.poll(() => page.locator('.files').textContent(), PATIENT).toContain(digest);
    await expect.poll(() => page.locator('.files .same').count(), PATIENT).toBe(2);
    await close();
  });

  test('shows the runtime, and changes it', async () => {
    const { page, close } = await openPage('#model=cae2&tab=model&image=1', { allowed: [/No available adapters/] });
    const runtime = page.locator('[data-provider]');
    await expect.poll(() => runtime.textContent(), PATIENT).toMatch(/WebAssembly with (one thread|\d threads): /);
    await page.getByRole('radio', { name: 'WebAssembly' }).check();
    await expect.poll(() => runtime.textContent(), PATIENT).toMatch(/, as chosen/);
    // Without an adapter the choice fails with a message, and the model stays usable.
    await page.getByRole('radio', { name: 'WebGPU' }).check();
    await expect.poll(() => page.locator('[role=alert] .problem').textContent(), PATIENT).toMatch(/no WebGPU adapter/);
    await expect.poll(() => runtime.getAttribute('data-provider')).toBe('wasm');
    expect(await page.getByRole('radio', { name: 'WebGPU' }).isChecked()).toBe(false);
    await page.locator('.switch').click();
    await page.getByRole('option', { name: /^cvae/ }).click();
    await page.waitForSelector('[data-model=cvae]');
    await close();
  });
});
