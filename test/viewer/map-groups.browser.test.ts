import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classColours } from '../../pipeline/pictures/palette.ts';
import { errorColour } from '../../web-viewer/src/ui/pixels.ts';
import { hasBrowser, openPage, ready, siteFolder } from './browser.ts';
import { npy } from './card.ts';
import { apart, attribute, colourAt, csv, lonelyRow, nearest, readSite, rgb, type Site, settled } from './map-page.ts';

describe.skipIf(!hasBrowser)('a model with clusters and outlier scores', () => {
  let cvae: Site;
  let folder: string;
  const GROUPS = ['0', '1', '2', '3'];
  /** The cluster of a row, and its score: another one for each row. */
  const clusterOf = (row: number) => (row * 3) % 4;
  const scoreOf = (row: number) => ((row * 7919) % cvae.count) / 100;
  const rows = () => Array.from({ length: cvae.count }, (_, row) => row);
  const head = 'id,row,class,error,cluster,score';
  const seen = async (page: Page) => (await csv(page, head)).map(([, row]) => Number(row));
  const find = async (page: Page, text: string) => {
    await page.getByRole('searchbox', { name: 'Find images' }).fill(text);
    await page.keyboard.press('Enter');
  };
  const choose = async (page: Page, action: string) => {
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: action }).click();
    await page.keyboard.press('Escape');
  };
  const colour = (page: Page) => page.getByRole('combobox', { name: 'Colour', exact: true });
  const selection = (page: Page) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get('select');
  /** Opens the page's own link again. */
  const again = async (page: Page) => {
    await page.reload();
    await ready(page);
    await settled(page);
  };

  beforeAll(async () => {
    cvae = await readSite('cvae');
    folder = await mkdtemp(join(tmpdir(), 'convae-clustered-'));
    await cp(siteFolder, folder, { recursive: true });
    const model = join(folder, 'models/cvae');
    const manifest = JSON.parse(await readFile(join(model, 'manifest.json'), 'utf8')) as {
      files: Record<string, number>;
      columns: object[];
    };
    manifest.columns = [];
    const add = async (column: { name: string; kind: string; categories?: string[] }, bytes: Uint8Array) => {
      const file = `test/${column.name}.npy`;
      manifest.columns.push({ ...column, file });
      manifest.files[file] = bytes.length;
      await writeFile(join(model, file), bytes);
    };
    const file = (type: string, values: Int32Array | Float64Array) => {
      const header = Buffer.from(npy([cvae.count], []));
      header.write(type, header.indexOf('<f4'));
      return Buffer.concat([header, new Uint8Array(values.buffer)]);
    };
    const clusters = file('<i4', Int32Array.from(rows(), clusterOf));
    await add({ name: 'cluster', kind: 'category', categories: GROUPS }, clusters);
    await add({ name: 'score', kind: 'number' }, file('<f8', Float64Array.from(rows(), scoreOf)));
    await writeFile(join(model, 'manifest.json'), JSON.stringify(manifest));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('colours by cluster, and finds, renames, merges and exports clusters, also from a link', async () => {
    const { page, close } = await openPage('#model=cvae&image=1', { folder, reducedMotion: 'reduce' });
    await settled(page);
    expect(await colour(page).locator('option').allInnerTexts()).toEqual(['class', 'error', 'cluster', 'score']);
    await colour(page).selectOption('cluster');
    await settled(page);
    const { row, at } = await lonelyRow(page, cvae);
    expect(apart(await colourAt(page, at), rgb(classColours(4)[clusterOf(row)] as string))).toBeLessThan(90);
    expect(await page.locator('.map-class').allInnerTexts()).toEqual(GROUPS);

    await find(page, 'cluster:3');
    await expect.poll(() => seen(page)).toEqual(rows().filter((row) => clusterOf(row) === 3));
    await expect.poll(() => selection(page)).toBe('search:cluster:3');
    await page.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => selection(page)).toBeNull();

    await choose(page, 'Rename and merge…');
    for (const name of ['1', '3']) {
      const box = page.getByRole('textbox', { name: `Name of ${name}`, exact: true });
      await box.fill('odd, "both"');
      await box.press('Enter');
      await box.waitFor({ state: 'detached' });
    }
    const merged = ['0', 'odd, "both"', '2'];
    await expect.poll(() => page.locator('.map-class').allInnerTexts()).toEqual(merged);
    const names = () => new URLSearchParams(new URL(page.url()).hash.slice(1)).get('names');
    await expect.poll(names).toBe(JSON.stringify({ cluster: { 1: 'odd, "both"', 3: 'odd, "both"' } }));
    await again(page);
    expect(await colour(page).inputValue()).toBe('cluster');
    expect(await page.locator('.map-class').allInnerTexts()).toEqual(merged);
    await find(page, 'cluster:odd, "both"');
    await expect.poll(() => seen(page)).toEqual(rows().filter((row) => clusterOf(row) % 2 === 1));
    await page.getByRole('button', { name: 'Close' }).click();

    await choose(page, 'Rename and merge…');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save the table (CSV)' }).click(),
    ]);
    const [first, ...lines] = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
    expect(first).toBe(head);
    expect(lines).toEqual(
      rows().map((row) => {
        const [code, error] = [clusterOf(row), cvae.errors[row]];
        const group = code % 2 === 1 ? '"odd, ""both"""' : code;
        return `${row},${row},${cvae.classes[cvae.labels[row] as number]},${error},${group},${scoreOf(row)}`;
      }),
    );
    await page.getByRole('button', { name: 'Old names' }).click();
    await expect.poll(() => page.locator('.map-class').allInnerTexts()).toEqual(GROUPS);
    await close();
  });

  test('keeps the focus where something is renamed, found or closed', async () => {
    const { page, close } = await openPage('#model=cvae&image=1&colour=cluster', { folder, reducedMotion: 'reduce' });
    await settled(page);
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName);
    await find(page, 'cluster:3');
    await expect.poll(() => selection(page)).toBe('search:cluster:3');
    expect(await focused()).toBe('Find images');
    await page.getByRole('checkbox', { name: 'Only these' }).check();
    const shown = rows().filter((row) => clusterOf(row) === 3).length;
    await expect.poll(() => attribute(page, 'points')).toBe(String(shown));
    // An empty search, Escape and Close show all points again, and those that are selected next do not hide the others.
    await find(page, '');
    await find(page, 'cluster:2');
    await expect.poll(() => selection(page)).toBe('search:cluster:2');
    await expect.poll(() => attribute(page, 'points')).toBe(String(cvae.count));
    await page.getByRole('checkbox', { name: 'Only these' }).check();
    await page.getByRole('button', { name: 'Close' }).click();
    await expect.poll(focused).toBe('Map of the images');
    await find(page, 'cluster:1');
    await page.getByRole('checkbox', { name: 'Only these' }).check();
    await page.locator('.map-stage').focus();
    await page.keyboard.press('Escape');
    await expect.poll(() => selection(page)).toBeNull();
    expect(new URL(page.url()).hash).not.toContain('only=');
    expect(await page.getByRole('searchbox', { name: 'Find images' }).inputValue()).toBe('');

    await choose(page, 'Rename and merge…');
    const box = page.getByRole('textbox', { name: 'Name of 0', exact: true });
    await box.fill('none');
    await box.press('Enter');
    await box.waitFor({ state: 'detached' });
    expect(await focused()).toBe('Name of none');
    await page.getByRole('button', { name: 'Old names' }).click();
    await expect.poll(focused).toBe('BUTTON');
    await page.getByRole('button', { name: 'Close' }).click();
    await expect.poll(focused).toBe('Map of the images');

    const slider = page.locator('.dimension input[type=range]').first();
    await slider.press('PageUp');
    await page
      .getByRole('button', { name: /^Reset z/ })
      .first()
      .click();
    await expect.poll(focused).toBe(await slider.getAttribute('aria-label'));
    await slider.press('PageUp');
    await page.getByRole('button', { name: 'Reset', exact: true }).click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Random');
    await close();
  });

  test('lists outliers with the errors of their pixels, and what is like one of them', async () => {
    const { page, close } = await openPage('#model=cvae&image=1&colour=score', {
      folder,
      reducedMotion: 'reduce',
      allowed: [/willReadFrequently/],
    });
    await settled(page);
    await choose(page, 'Highest score');
    const outliers = rows()
      .sort((a, b) => scoreOf(b) - scoreOf(a))
      .slice(0, 100);
    await expect.poll(() => seen(page)).toEqual(outliers);
    await expect.poll(() => selection(page)).toBe('highest:score');
    await again(page);
    await expect.poll(() => seen(page)).toEqual(outliers);

    // The binary cross-entropy of each pixel, of the reconstruction by ONNX Runtime in Node.
    await page.getByRole('checkbox', { name: 'Error maps' }).check();
    const third = outliers[2] as number;
    const cell = page.locator(`.map-cell[data-row="${third}"]`);
    const image = await cvae.pixels(third);
    const run = async (file: string, feeds: Record<string, Tensor>) =>
      (await InferenceSession.create(join(siteFolder, 'models/cvae', file))).run(feeds);
    const { latent } = await run('encoder.onnx', { image: new Tensor('uint8', image, [1, 28, 28, 1]) });
    const { image: made } = await run('decoder.onnx', { latent: latent as Tensor });
    const wanted = Array.from((made as Tensor).data as Float32Array, (p, i) => {
      const x = (image[i] as number) / 255;
      const log = (value: number) => Math.log(Math.max(value, 1e-7));
      return errorColour(-(x * log(p) + (1 - x) * log(1 - p)) / 2);
    });
    const farthest = async () => {
      const shown = await cell.locator('canvas').evaluate((canvas) => {
        const context = (canvas as HTMLCanvasElement).getContext('2d');
        return [...(context?.getImageData(0, 0, 28, 28).data ?? [])];
      });
      return Math.max(...wanted.map((colour, i) => apart(colour, shown.slice(4 * i, 4 * i + 3))));
    };
    await expect.poll(farthest).toBeLessThan(4);

    await cell.click();
    await expect.poll(() => attribute(page, 'selected')).toBe(String(third));
    await page.getByRole('button', { name: 'More like this' }).first().click();
    await expect.poll(() => seen(page)).toEqual(nearest(cvae, third, 100));
    await expect.poll(() => selection(page)).toBe(`like:${third}`);
    await again(page);
    await expect.poll(() => seen(page)).toEqual(nearest(cvae, third, 100));
    await close();
  });

  test('asks again for a column that could not be fetched', async () => {
    const { page, close } = await openPage('#model=cvae&image=1', {
      folder,
      allowed: [/ERR_FAILED/],
      prepare: async (page) => {
        await page.context().route('**/score.npy', (route) => route.abort(), { times: 1 });
      },
    });
    await page.locator('[role=alert] .problem').waitFor();
    for (const name of ['cluster', 'score']) await colour(page).selectOption(name);
    // From the 1st to the 99th percentile.
    const ends = async () =>
      (await page.locator('.map-legend .colour-bar-scale').getAttribute('aria-label'))?.match(/[\d.]+/g);
    await expect.poll(async () => (await ends())?.map((end) => Math.round(Number(end)))).toEqual([0, 20]);
    await close();
  });
});
