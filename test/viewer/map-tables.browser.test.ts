import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';
import { attribute, csv, lonelyRow, readSite, type Site, selectView, settled } from './map-page.ts';

describe.skipIf(!hasBrowser)('a table of the visitor', () => {
  let cvae: Site;
  let rows: number[];
  beforeAll(async () => {
    cvae = await readSite('cvae');
    rows = Array.from({ length: cvae.count }, (_, row) => row);
  });
  const open = async () => {
    const { page, close } = await openPage('#model=cvae&image=1', { reducedMotion: 'reduce' });
    await settled(page);
    return { page, close };
  };
  const drop = (page: Page, name: string, content: string | Uint8Array) =>
    page
      .locator('.map-more input[type=file]')
      .setInputFiles([{ name, mimeType: '', buffer: Buffer.from(content as Uint8Array) }]);
  const colour = (page: Page) => page.getByRole('combobox', { name: 'Colour', exact: true });
  const alert = (page: Page) => page.locator('.problem p').innerText();

  test('takes the place of a former one of its name, and shows numbers exactly', async () => {
    const { page, close } = await open();
    const { row, at } = await lonelyRow(page, cvae);
    const yearOf = (row: number, version: number) => 1950 + ((row + version) % 70);
    for (const version of [0, 1, 2]) {
      const lines = rows.map((row) => `${row},${yearOf(row, version)},${row % 3},${1_700_000_000 + row}`);
      await drop(page, 'years.csv', ['id,year,cluster,error', ...lines].join('\n'));
      await page.mouse.move(5, 5);
      await expect
        .poll(async () => {
          await page.mouse.move(...at);
          return page.locator('.map-tip').innerText();
        })
        .toContain(`year: ${yearOf(row, version)}\n`);
    }
    const names = ['class', 'error', 'year', 'cluster', 'error (years)'];
    expect(await colour(page).locator('option').allInnerTexts()).toEqual(names);
    const ends = (await page.locator('.map-legend .colour-bar > span').allInnerTexts()).join(' ').match(/[≤≥] \S+/g);
    expect(ends).toEqual(['≤ 1950', '≥ 2019']);
    await selectView(page);
    const saved = await csv(page, ['id', 'row', ...names].join(','));
    expect(saved.map(([id, , , , year, , time]) => [id, year, time])).toEqual(
      saved.map(([id]) => [id, String(yearOf(Number(id), 2)), String(1_700_000_000 + Number(id))]),
    );
    await close();
  });

  test('of Parquet may hold any types; of what it leaves out it says so', async () => {
    const { page, close } = await open();
    const OPTIONAL = { repetition_type: 'OPTIONAL' } as const;
    const day = (row: number) => new Date(Date.UTC(2026, 0, 1 + (row % 5)));
    const file = parquetWriteBuffer({
      schema: [
        { name: 'root', num_children: 6 },
        { name: 'id', type: 'INT64' },
        { name: 'time', type: 'INT64', ...OPTIONAL },
        { name: 'day', type: 'INT32', converted_type: 'DATE' },
        { name: 'kind', type: 'BYTE_ARRAY', converted_type: 'UTF8', ...OPTIONAL },
        { name: 'sure', type: 'BOOLEAN' },
        { name: 'latent', converted_type: 'LIST', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'FLOAT' },
      ],
      columnData: [
        { name: 'id', data: rows.map(BigInt) },
        { name: 'time', data: rows.map((row) => (row % 7 === 0 ? null : 1_700_000_000n + BigInt(row))) },
        { name: 'day', data: rows.map(day) },
        // Few values, so that they are written with a dictionary.
        { name: 'kind', data: rows.map((row) => ['cat', 'dog', null][row % 3]) },
        { name: 'sure', data: rows.map((row) => row % 2 === 0) },
        { name: 'latent', data: rows.map((row) => [row, 1]) },
      ],
    });
    await drop(page, 'values.parquet', new Uint8Array(file));
    await expect.poll(() => colour(page).inputValue()).toBe('time');
    expect(await alert(page)).toContain('latent');
    await selectView(page);
    const saved = await csv(page, 'id,row,class,error,time,day,kind,sure');
    expect(saved.length).toBeGreaterThan(cvae.count / 2);
    expect(saved.map(([id, , , , ...values]) => [id, ...values])).toEqual(
      saved.map(([id]) => {
        const row = Number(id);
        const time = row % 7 === 0 ? '' : String(1_700_000_000 + row);
        return [id, time, day(row).toISOString().slice(0, 10), ['cat', 'dog', ''][row % 3], String(row % 2 === 0)];
      }),
    );
    await close();
  });

  test('is not joined to another model that is opened while it is read', async () => {
    const { page, close } = await open();
    await page.evaluate(() => {
      const read = File.prototype.arrayBuffer;
      File.prototype.arrayBuffer = async function () {
        document.body.toggleAttribute('data-reading', true);
        await new Promise((resolve) => window.addEventListener('release', resolve, { once: true }));
        document.body.toggleAttribute('data-reading', false);
        return read.call(this);
      };
    });
    const release = async () => {
      await page.waitForSelector('[data-reading]');
      await page.evaluate(() => window.dispatchEvent(new Event('release')));
    };
    const lines = rows.map((row) => `${row},${row / 8}`);
    await drop(page, 'late.csv', ['id,late', ...lines].join('\n'));
    await page.getByRole('button', { name: 'Model: ' }).click();
    await page.getByRole('option', { name: /^cae2/ }).click();
    await page.waitForSelector('[data-model=cae2]');
    await settled(page);
    await release();
    // A second table comes after the first.
    await drop(page, 'other.csv', ['id,other', ...lines].join('\n'));
    await release();
    await expect.poll(() => colour(page).inputValue()).toBe('other');
    expect(await colour(page).locator('option').allInnerTexts()).toEqual(['class', 'error', 'other']);
    await close();
  });

  test('whose categories are merged shows all of them again', async () => {
    const { page, close } = await open();
    await drop(page, 'groups.csv', ['id,cluster', ...rows.map((row) => `${row},${row % 4}`)].join('\n'));
    await expect.poll(() => colour(page).inputValue()).toBe('cluster');
    await page.locator('.map-class').nth(2).click();
    await expect.poll(() => attribute(page, 'points')).toBe(String(rows.filter((row) => row % 4 !== 2).length));
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('button', { name: 'Rename and merge…' }).click();
    await page.keyboard.press('Escape');
    const box = page.getByRole('textbox', { name: 'Name of 1', exact: true });
    await box.fill('0');
    await box.press('Enter');
    await expect.poll(() => page.locator('.map-class').allInnerTexts()).toEqual(['0', '2', '3']);
    await expect.poll(() => attribute(page, 'points')).toBe(String(cvae.count));
    expect(await page.locator('.map-class[aria-pressed=true]').allInnerTexts()).toEqual(['0', '2', '3']);
    await close();
  });
});
