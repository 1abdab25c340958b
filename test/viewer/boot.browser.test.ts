import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';

describe.skipIf(!hasBrowser)('the page', () => {
  test('opens the first model of the site under a strict policy, without requests to other origins', async () => {
    const { page, close } = await openPage();
    const index = JSON.parse(await readFile(join(siteFolder, 'models/index.json'), 'utf8')) as {
      models: { name: string }[];
    };
    expect(await page.getAttribute('[data-model]', 'data-model')).toBe(index.models[0]?.name);
    const policy = await page.getAttribute('meta[http-equiv]', 'content');
    expect(policy).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';");
    await close();
  });

  test.each([
    ['cross-origin isolated, with threads', {}],
    ['without isolation, below another path', { serve: { isolated: false, base: '/some/path/' } }],
  ])('runs %s', async (_, options) => {
    const { page, close } = await openPage('', options);
    await expect.poll(() => page.getAttribute('[data-model]', 'data-model')).not.toBe('');
    await close();
  });
});
