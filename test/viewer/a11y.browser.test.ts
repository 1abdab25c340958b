import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';

interface Axe {
  run(options: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>;
}

const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** Accessibility violations that axe finds in the current page. */
const violations = (page: Page) =>
  page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: Axe };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
  });

const SIZES = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
};

describe.skipIf(!hasBrowser)('axe finds no violations', () => {
  test.each([
    ['desktop', 'light'],
    ['desktop', 'dark'],
    ['phone', 'light'],
    ['phone', 'dark'],
  ] as const)('on a %s, %s', async (size, colorScheme) => {
    const { page, close } = await openPage('#model=ccvae&image=3', {
      viewport: SIZES[size],
      colorScheme,
      reducedMotion: 'reduce',
      bypassCSP: true,
    });
    await page.evaluate(axe);
    const found: string[] = [];
    for (const tab of await page.getByRole('tab').all()) {
      await tab.click();
      await page.waitForTimeout(300);
      found.push(...(await violations(page)).map((violation) => `${size} ${colorScheme}: ${violation}`));
    }
    await page.getByRole('button', { name: 'What is this?' }).click();
    found.push(...(await violations(page)));
    await page.keyboard.press('Escape');
    await page.locator('.switch').click();
    found.push(...(await violations(page)));
    expect([...new Set(found)]).toEqual([]);
    await close();
  });
});
