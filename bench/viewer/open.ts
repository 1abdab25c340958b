import { type Browser, chromium, type Page } from 'playwright-core';
import { serveFolder } from '../../pipeline/site/serve.ts';
import { chromiumPath } from '../../test/viewer/chromium.ts';
import { FAST_3G, serveLikeHosts } from './host.ts';
import { watchDecoding } from './watch.ts';

export interface Bench {
  readonly browser: Browser;
  readonly page: Page;
  /** Fetched URLs, in order. */
  readonly fetched: readonly string[];
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Opens a site in a fresh browser and waits for a model; the page records when it decodes and draws.
 * @param slow over Fast 3G, with a CPU four times slower
 */
export async function openBench(folder: string, hash: string, slow = false): Promise<Bench> {
  if (!chromiumPath) throw new Error('no Chromium found: install it, or name it in CONVAE_CHROMIUM');
  const server = slow ? await serveLikeHosts(folder, FAST_3G) : await serveFolder(folder, { port: 0 });
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--enable-precise-memory-info', '--js-flags=--expose-gc'],
  });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const fetched: string[] = [];
  page.on('requestfinished', (request) => fetched.push(request.url()));
  // tsx wraps functions in a helper that is missing in the page.
  await context.addInitScript('globalThis.__name ??= (value) => value');
  await page.addInitScript(watchDecoding);
  if (slow) {
    const client = await context.newCDPSession(page);
    await client.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  }
  await page.goto(server.url + hash);
  await page.waitForSelector('[data-model]:not([data-model=""])', { state: 'attached', timeout: 120_000 });
  return {
    browser,
    page,
    fetched,
    url: server.url,
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
