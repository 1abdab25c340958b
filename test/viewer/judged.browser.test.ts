import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { expect, onTestFinished, test } from 'vitest';
import { convae } from '../cli/convae.ts';
import { hasBrowser, openPage, siteFolder } from './browser.ts';
import { chosen } from './exported.ts';
import { writeMnistPart } from './mnist-part.ts';

test.skipIf(!hasBrowser)('the input has its cluster and its outlier score as convae encode writes them', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'convae-judged-'));
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  await writeMnistPart(join(cwd, 'digits'), 600, 2000);
  await cp(join(siteFolder, 'models/cae2'), join(cwd, 'cae2'), { recursive: true });
  const run = async (...args: string[]) => {
    const { code, stderr } = await convae(args, { cwd });
    expect(code, stderr).toBe(0);
  };
  await run('cluster', 'cae2', '--data', 'digits', '--method', 'kmeans', '--k', '5', '--into', '--out', 'clusters');
  await run('outliers', 'cae2', '--data', 'digits', '--reference', 'digits', '--into', '--out', 'outliers');
  await run('encode', 'cae2', '--data', 'digits', '--out', 'latents.parquet');
  const rows = (await parquetReadObjects({ file: await asyncBufferFromFile(join(cwd, 'latents.parquet')) })) as {
    readonly id: string;
    readonly cluster: number;
    readonly confidence: number;
    readonly score: number;
    readonly flag: boolean;
  }[];
  const tests = rows.filter(({ id }) => id.startsWith('test/'));

  const { page, close } = await openPage('#model=cvae');
  const files = ['card.json', 'encoder.onnx', 'decoder.onnx'];
  const given = files.map(async (name) => chosen(name, await readFile(join(cwd, 'cae2', name))));
  await page.setInputFiles('#open-model input >> nth=0', await Promise.all(given));
  await page.waitForSelector('[data-model=cae2]');
  const judged = async (name: 'cluster' | 'outlier') =>
    JSON.parse((await page.getAttribute('.judgement', `data-${name}`)) ?? 'null') as Record<string, unknown> | null;
  for (const row of [7, tests.findIndex(({ flag }) => flag)]) {
    const { cluster, confidence, score, flag } = tests[row] as (typeof tests)[number];
    await page.evaluate((row) => {
      location.hash = `#image=${row}`;
    }, row);
    await expect
      .poll(() => judged('cluster'), { timeout: 15_000 })
      .toEqual({ index: cluster, confidence: expect.closeTo(confidence, 3) });
    expect(await judged('outlier')).toEqual({ score: expect.closeTo(score, 2), flag });
    expect(await page.locator('.judgement').innerText()).toContain(`${cluster}`);
  }
  await close();
});
