import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';
import {
  attribute,
  csv,
  drag,
  edgeDistance,
  gray,
  nearest,
  type Place,
  readSite,
  type Site,
  screenOf,
  selectView,
  settled,
  whole,
  winding,
} from './map-page.ts';

describe.skipIf(!hasBrowser)('selections on the map', () => {
  let cvae: Site;
  beforeAll(async () => {
    cvae = await readSite('cvae');
  });

  test('selects by lasso, also after a class is hidden, and downloads the ids', async () => {
    const { page, close } = await openPage('#model=cvae&image=1');
    await settled(page);
    const { box, at } = await screenOf(page);
    const [cx, cy] = [box.x + box.width * 0.42, box.y + box.height * 0.55];
    const star = Array.from({ length: 15 }, (_, i): Place => {
      const [angle, radius] = [(2 * Math.PI * i) / 15, i % 3 ? 170 : 80];
      return whole([cx + radius * Math.cos(angle), cy + radius * Math.sin(angle)]);
    });
    await page.getByRole('radio', { name: 'Lasso' }).check({ force: true });
    await drag(page, star);
    const places = Array.from({ length: cvae.count }, (_, row) =>
      at([cvae.map[2 * row] as number, cvae.map[2 * row + 1] as number]),
    );
    const sure = (row: number) => edgeDistance(star, places[row] as Place) > 0.6;
    const inside = (row: number) => Math.abs(winding(star, places[row] as Place)) > 1;
    const rows = Array.from({ length: cvae.count }, (_, row) => row).filter(sure);
    const check = async (expected: readonly number[]) => {
      const lines = await csv(page);
      expect(await page.getByRole('heading', { name: /selected$/ }).innerText()).toBe(
        `${lines.length.toLocaleString('en-US')} images selected`,
      );
      for (const [id, row, name, error] of lines) {
        expect(id).toBe(row);
        expect(name).toBe(cvae.classes[cvae.labels[Number(row)] as number]);
        expect(Number(error)).toBe(cvae.errors[Number(row)]);
      }
      expect(lines.map(([, row]) => Number(row)).filter(sure)).toEqual(expected);
    };
    const expected = rows.filter(inside);
    expect(expected.length).toBeGreaterThan(50);
    await check(expected);
    const hidden = cvae.labels[expected[0] as number] as number;
    await page.locator('.map-class').nth(hidden).click();
    await check(expected.filter((row) => cvae.labels[row] !== hidden));

    // Select an image of the grid.
    const cell = page.locator('.map-cell').nth(3);
    const chosen = await cell.getAttribute('data-row');
    await cell.click();
    await expect.poll(() => attribute(page, 'selected')).toBe(chosen);

    await page.getByRole('button', { name: 'Close' }).click();
    await selectView(page);
    expect((await csv(page)).length).toBe([...cvae.labels].filter((label) => label !== hidden).length);
    await page.locator('.map').getByRole('button', { name: 'Show all' }).click();
    expect((await csv(page)).length).toBe(cvae.count);
    await close();
  });

  test('finds, ranks and exports images', async () => {
    const { page, close } = await openPage('#model=cvae&image=1', {
      reducedMotion: 'reduce',
      allowed: [/willReadFrequently/],
    });
    await settled(page);
    const find = async (text: string) => {
      await page.getByRole('searchbox', { name: 'Find images' }).fill(text);
      await page.keyboard.press('Enter');
    };
    const rowsOf = async () => (await csv(page)).map(([, row]) => Number(row));
    const all = Array.from({ length: cvae.count }, (_, row) => row);
    await find('class:4');
    const fours = all.filter((row) => cvae.classes[cvae.labels[row] as number] === '4');
    await expect.poll(rowsOf).toEqual(fours);

    // The others fade, and stay where they are.
    expect(Number(await attribute(page, 'points'))).toBe(cvae.count);
    const before = await screenOf(page);
    await page.getByRole('button', { name: 'Zoom to' }).click();
    await settled(page);
    expect((await screenOf(page)).scale).not.toBe(before.scale);
    await page.getByRole('checkbox', { name: 'Only these' }).check();
    await expect.poll(() => attribute(page, 'points')).toBe(String(fours.length));

    // A sheet of their images.
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'PNG', exact: true }).click(),
    ]);
    const sheet = sharp(await readFile(await download.path()));
    const across = Math.ceil(Math.sqrt(fours.length));
    expect(await sheet.metadata()).toMatchObject({ width: 28 * across, height: 28 * Math.ceil(fours.length / across) });
    const [left, top] = [28 * (37 % across), 28 * Math.floor(37 / across)];
    const tile = await sheet.extract({ left, top, width: 28, height: 28 }).png().toBuffer();
    expect(await gray(tile)).toEqual(await cvae.pixels(fours[37] as number));

    await find('#12');
    await expect.poll(rowsOf).toEqual([12]);
    await page.locator('.map-near').getByRole('button', { name: 'More like this' }).click();
    await expect.poll(rowsOf).toEqual(nearest(cvae, 1, 100));
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: 'Highest error' }).click();
    await page.keyboard.press('Escape');
    const worst = all.sort((a, b) => (cvae.errors[b] as number) - (cvae.errors[a] as number)).slice(0, 100);
    await expect.poll(rowsOf).toEqual(worst);

    // The error of each pixel of the worst image, as ONNX Runtime computes it: dark where the image is black.
    await page.getByRole('checkbox', { name: 'Error maps' }).check();
    const map = page.locator('.map-cell canvas').first();
    const colours = () =>
      map.evaluate((canvas) => {
        const { data } = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, 28, 28) ?? { data: [] };
        return new Set(Array.from({ length: 784 }, (_, i) => `${data[4 * i]} ${data[4 * i + 1]}`)).size;
      });
    await expect.poll(colours).toBeGreaterThan(20);
    await close();
  });

  test('is the same when its link is opened', async () => {
    const first = await openPage('#model=cvae&image=1', { reducedMotion: 'reduce' });
    const { page } = first;
    await settled(page);
    await page.getByRole('combobox', { name: 'Axes' }).selectOption('latent dimensions');
    await page.getByRole('combobox', { name: 'Dimension along x' }).selectOption('z3');
    await settled(page);
    const { box } = await screenOf(page);
    await page.mouse.move(box.x + 300, box.y + 200);
    await page.mouse.wheel(0, -240);
    await page.getByRole('radio', { name: 'Lasso' }).check({ force: true });
    const corners = [
      [0.3, 0.35],
      [0.7, 0.4],
      [0.6, 0.8],
    ] as const;
    await drag(
      page,
      corners.map(([x, y]) => whole([box.x + x * box.width, box.y + y * box.height])),
    );
    await page.getByRole('radio', { name: 'Lasso' }).check({ force: true });
    const rows = await csv(page);
    expect(rows.length).toBeGreaterThan(5);
    await settled(page);
    const view = async (page: Page) => (await attribute(page, 'view')).split(',').map(Number);
    const wanted = await view(page);
    await expect.poll(() => page.url()).toMatch(/axes=3,1.*tool=lasso.*select=.*view=/);
    const link = new URL(page.url()).hash;
    await first.close();

    const second = await openPage(link, { reducedMotion: 'reduce' });
    await settled(second.page);
    const seen = await view(second.page);
    for (const [i, value] of wanted.entries()) expect((seen[i] as number) / value).toBeCloseTo(1, 4);
    expect(await csv(second.page)).toEqual(rows);
    expect(await second.page.getByRole('radio', { name: 'Lasso' }).isChecked()).toBe(true);
    expect(await second.page.getByRole('combobox', { name: 'Dimension along x' }).inputValue()).toBe('3');
    await second.close();

    const hostile =
      '#model=cvae&image=1&axes=9999,-1&view=1e999,x,0&select=lasso:a&size=huge,-4&tool=axe&names={"a":1}';
    const third = await openPage(hostile);
    await settled(third.page);
    expect(Number(await attribute(third.page, 'points'))).toBe(cvae.count);
    await third.close();
  });

  test('colours by a table of the visitor, whose categories are renamed and merged', async () => {
    const { page, close } = await openPage('#model=cvae&image=1');
    await settled(page);
    const lines = Array.from({ length: cvae.count }, (_, row) => `${row},${row % 3},${row / 1000}`);
    const choose = (name: string, text: string) =>
      page.locator('.map-more input[type=file]').setInputFiles([{ name, mimeType: '', buffer: Buffer.from(text) }]);
    await choose('mine.csv', ['id,cluster,size', ...lines.reverse()].join('\n'));
    const colour = page.getByRole('combobox', { name: 'Colour', exact: true });
    await expect.poll(() => colour.inputValue()).toBe('cluster');
    expect(await colour.locator('option').allInnerTexts()).toEqual(['class', 'error', 'cluster', 'size']);
    const shot = await page.screenshot();
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: 'Rename and merge…' }).click();
    await page.keyboard.press('Escape');
    for (const code of [0, 2]) {
      await page.getByRole('textbox', { name: `Name of ${code}` }).fill('even');
      await page.keyboard.press('Enter');
    }
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save the table (CSV)' }).click(),
    ]);
    const [head, ...rows] = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
    expect(head).toBe('id,row,class,error,cluster,size');
    expect(rows.map((line) => line.split(',')[4])).toEqual(
      Array.from({ length: cvae.count }, (_, row) => (row % 3 === 1 ? '1' : 'even')),
    );
    await colour.selectOption('size');
    await expect.poll(async () => shot.equals(await page.screenshot())).toBe(false);
    await expect.poll(() => page.url()).toContain('colour=size');

    // A table may be dropped on any view.
    await page.getByRole('tab', { name: 'Studio' }).click();
    await page.locator('#left').evaluate((element) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['id,label\n0,11'], 'other.csv'));
      element.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    });
    await expect.poll(() => page.locator('[role=alert]').innerText()).toContain('other.csv');
    expect(await page.getByRole('tab', { selected: true }).innerText()).toBe('Map');
    await close();
  });
});
