/**
 * Scores the page by Lighthouse, as on a desktop and as on a phone (a slow CPU and network).
 *
 *     npx tsx bench/viewer/lighthouse.ts SITE [--model cvae] [--report FOLDER]
 *
 * `SITE` is a folder of `convae site`. Lighthouse comes from npm: version 12 is the last one for Node 20.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chromiumPath } from '../../test/viewer/chromium.ts';
import { serveLikeHosts } from './host.ts';

interface Result {
  /** How fast Lighthouse finds this processor: 1500 to 2000 is what its factor of 4 for a phone is meant for. */
  readonly environment: { readonly benchmarkIndex: number };
  readonly categories: Readonly<Record<string, { readonly title: string; readonly score: number }>>;
  readonly audits: Readonly<
    Record<string, { readonly id: string; readonly score: number | null; readonly displayValue?: string }>
  >;
}

const LIGHTHOUSE = 'lighthouse@12.8.2';
const TIMES = ['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: { type: 'string' }, report: { type: 'string' } },
});
const folder = values.report ?? (await mkdtemp(join(tmpdir(), 'convae-lighthouse-')));
const server = await serveLikeHosts(positionals[0] ?? 'web-viewer/dist');
const url = server.url + (values.model ? `#model=${values.model}` : '');
for (const device of ['desktop', 'phone']) {
  const report = join(folder, device);
  await promisify(execFile)(
    'npx',
    [
      '--yes',
      LIGHTHOUSE,
      url,
      '--quiet',
      '--chrome-flags=--headless=new --no-sandbox',
      '--output=json',
      '--output=html',
      `--output-path=${report}`,
      ...(device === 'desktop' ? ['--preset=desktop'] : []),
    ],
    { env: { ...process.env, CHROME_PATH: chromiumPath } },
  );
  const { environment, categories, audits } = JSON.parse(await readFile(`${report}.report.json`, 'utf8')) as Result;
  const scores = Object.values(categories).map(({ title, score }) => `${title} ${Math.round(100 * score)}`);
  console.log(`${device}: ${scores.join(', ')}; benchmark index ${environment.benchmarkIndex}`);
  console.log(`  ${TIMES.map((id) => `${id} ${audits[id]?.displayValue}`).join(', ')}`);
  const failed = Object.values(audits).filter(({ score }) => score !== null && score < 0.9);
  console.log(`  below 90: ${failed.map(({ id, score }) => `${id} ${score}`).join(', ') || 'none'}`);
}
console.log(`reports: ${folder}`);
await server.close();
