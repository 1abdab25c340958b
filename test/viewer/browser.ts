import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, inject } from 'vitest';
import { type ServeOptions, serveFolder } from '../../pipeline/site/serve.ts';
import { chromiumPath } from './chromium.ts';

const site = inject('site');

/** The folder of the tests' site. */
export const siteFolder: string = 'folder' in site ? site.folder : '';
/** Whether there is a browser, and so a site; otherwise the reason has been printed. */
export const hasBrowser: boolean = 'folder' in site;

export interface OpenOptions extends BrowserContextOptions {
  readonly serve?: Partial<ServeOptions>;
  /** Additional arguments for Chromium. */
  readonly args?: readonly string[];
  /** The query of the address, `?…`. */
  readonly query?: string;
  /** Expected console messages; all others fail the test. */
  readonly allowed?: readonly RegExp[];
  /** The folder to serve; by default the tests' site. */
  readonly folder?: string;
  /** Whether to wait for a model; true by default. */
  readonly waits?: boolean;
  /** Called before the page is opened. */
  readonly prepare?: (page: Page) => Promise<void>;
}

export interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly url: string;
  /** Faults so far: console errors and warnings, policy violations, requests to other origins. */
  readonly faults: readonly string[];
  /** Closes the page. @throws Error when it had faults */
  close(): Promise<void>;
}

/** Browsers by their arguments. The tests of a file share them; each has its own context. */
const browsers = new Map<string, Promise<Browser>>();
afterAll(async () => {
  for (const browser of browsers.values()) await (await browser).close();
});

function browserWith(args: readonly string[]): Promise<Browser> {
  const key = args.join(' ');
  const browser =
    browsers.get(key) ?? chromium.launch({ executablePath: chromiumPath ?? '', args: ['--no-sandbox', ...args] });
  browsers.set(key, browser);
  return browser;
}

/** Messages about a missing or slow GPU, which are not the page's fault. */
const USUAL = [/No available adapters/, /GPU stall due to ReadPixels/];

/** Opens the site and waits for a model. */
export async function openPage(hash = '', options: OpenOptions = {}): Promise<Opened> {
  const {
    serve,
    args = [],
    query = '',
    allowed = [],
    folder = siteFolder,
    prepare,
    waits = true,
    ...contextOptions
  } = options;
  const server = await serveFolder(folder, { port: 0, ...serve });
  const context = await (await browserWith(args)).newContext({
    viewport: { width: 1440, height: 900 },
    ...contextOptions,
  });
  const page = await context.newPage();
  const faults: string[] = [];
  const fault = (text: string) => {
    if (![...USUAL, ...allowed].some((pattern) => pattern.test(text))) faults.push(text);
  };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) fault(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => fault(`uncaught: ${error.message}`));
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(server.url).origin) fault(`another origin: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await prepare?.(page);
  const url = `${server.url}${query}${hash}`;
  await page.goto(url);
  if (waits) await ready(page);
  return {
    page,
    context,
    url,
    faults,
    async close() {
      await context.close();
      await server.close();
      if (faults.length > 0) throw new Error(`the page had ${faults.length} faults: ${faults.join('; ')}`);
    },
  };
}

/** Waits until a model is open or the page reports a problem. */
export async function ready(page: Page): Promise<void> {
  await page.waitForSelector('[data-model]:not([data-model=""]), [role=alert] .problem', { state: 'attached' });
}
