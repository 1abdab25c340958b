import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';

const PAGE_BYTES = 4096;

/** Memory of a page in bytes: its script heap after garbage collection, and the resident set of its process. */
export interface PageMemory {
  readonly scripts: number;
  readonly process: number;
}

/** Seconds of processor time of all page processes so far. */
export async function processorTime(browser: Browser): Promise<number> {
  const pages = await pageProcesses(browser);
  return pages.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

/** Measures the largest of the browser's page processes. */
export async function memoryOf(browser: Browser, page: Page): Promise<PageMemory> {
  const client = await page.context().newCDPSession(page);
  await client.send('HeapProfiler.collectGarbage');
  const { usedSize } = await client.send('Runtime.getHeapUsage');
  await client.detach();
  const resident = await Promise.all((await pageProcesses(browser)).map(({ id }) => residentBytes(id)));
  return { scripts: usedSize, process: Math.max(...resident) };
}

async function pageProcesses(browser: Browser) {
  const system = await browser.newBrowserCDPSession();
  const { processInfo } = await system.send('SystemInfo.getProcessInfo');
  await system.detach();
  return processInfo.filter(({ type }) => type === 'renderer');
}

async function residentBytes(process: number): Promise<number> {
  const pages = (await readFile(`/proc/${process}/statm`, 'utf8').catch(() => '')).split(' ')[1];
  return Number(pages ?? 0) * PAGE_BYTES;
}
