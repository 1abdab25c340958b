import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, ready, siteFolder } from './browser.ts';

const MODEL = 'ccvae';
const [SIDE, GAP] = [28, 4];

/** Polls longer than usual: the machine may be busy. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 15_000, interval: 100 });
const file = (path: string) => readFileSync(join(siteFolder, 'models', MODEL, path));
const parameter = (page: Page, name: string) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get(name);

interface Line {
  readonly split: string;
  readonly span: string;
  readonly epoch: number;
  readonly loss: number;
  readonly reconstruction: number;
  readonly kl: number;
}

const lines = (): Line[] =>
  file('training/metrics.jsonl')
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text));
const measured = (split: string, epoch: number) => lines().find((line) => line.split === split && line.epoch === epoch);
const perImage = (value: number | undefined) => ((value ?? Number.NaN) * SIDE * SIDE).toPrecision(4);

/** The file of an epoch's picture in the manifest. */
const pictureOf = (epoch: number): string => {
  const { pictures } = JSON.parse(file('manifest.json').toString()).training as {
    pictures: { epoch: number; file: string }[];
  };
  return pictures.find((picture) => picture.epoch === epoch)?.file ?? '';
};

/** The images in an epoch's picture, pair by pair, at their original resolution. */
async function imagesOf(epoch: number): Promise<number[][]> {
  const { data, info } = await sharp(file(pictureOf(epoch)))
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const scale = (info.height - 3 * GAP) / 2 / SIDE;
  const step = SIDE * scale + GAP;
  return Array.from({ length: 16 }, (_, i) => {
    const [column, row] = [i >> 1, i % 2];
    const [left, top] = [info.width - (8 - column) * step, GAP + row * step];
    return Array.from({ length: SIDE * SIDE }, (_, pixel) => {
      const [x, y] = [left + (pixel % SIDE) * scale, top + Math.floor(pixel / SIDE) * scale];
      return data[(y * info.width + x) * info.channels] as number;
    });
  });
}

const shownImages = (page: Page): Promise<number[][]> =>
  page.locator('.pairs canvas').evaluateAll((canvases) =>
    canvases.map((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      copy?.drawImage(canvas as HTMLCanvasElement, 0, 0);
      const data = copy?.getImageData(0, 0, width, height).data ?? [];
      return Array.from(data).filter((_, i) => i % 4 === 0);
    }),
  );

/** The values in the caption of a chart: of the test images, then of the training images. */
const valuesOf = (page: Page, chart: string) => page.locator(`[data-chart="${chart}"] figcaption b`).allInnerTexts();

async function expectEpoch(page: Page, epoch: number): Promise<void> {
  await soon(() => page.locator('.pairs').getAttribute('data-file')).toBe(pictureOf(epoch));
  expect(await shownImages(page)).toEqual(await imagesOf(epoch));
  const [test, train] = [measured('test', epoch), measured('train', epoch)];
  for (const [chart, name] of [
    ['Loss', 'loss'],
    ['Reconstruction', 'reconstruction'],
    ['KL divergence', 'kl'],
  ] as const)
    expect(await valuesOf(page, chart)).toEqual([perImage(test?.[name]), perImage(train?.[name])]);
}

describe.skipIf(!hasBrowser)('the epochs', () => {
  const last = hasBrowser ? Math.max(...lines().map(({ epoch }) => epoch)) : 0;

  test('are selected by keyboard, and kept in the address', async () => {
    const { page, close } = await openPage(`#model=${MODEL}&tab=epochs`);
    await expectEpoch(page, last);
    const slider = page.getByRole('slider', { name: 'Epoch' });
    await slider.press('Home');
    await expectEpoch(page, 1);
    await soon(() => parameter(page, 'epoch')).toBe('1');
    await slider.press('ArrowRight');
    await expectEpoch(page, 2);
    expect(await slider.getAttribute('aria-valuetext')).toBe(
      `epoch 2 of ${last}, test loss ${perImage(measured('test', 2)?.loss)} nats per image`,
    );
    await slider.press('ArrowLeft');
    await soon(() => parameter(page, 'epoch')).toBe('1');
    await page.reload();
    await ready(page);
    await expectEpoch(page, 1);
    expect(await slider.inputValue()).toBe('0');
    await slider.press('End');
    await expectEpoch(page, last);
    await soon(() => parameter(page, 'epoch')).toBeNull();
    await close();
  });

  test('are played, and selected along a curve', async () => {
    const { page, close } = await openPage(`#model=${MODEL}&tab=epochs`);
    await expectEpoch(page, last);
    const chart = page.locator('[data-chart=Loss] [role=img]');
    const box = await chart.boundingBox();
    if (!box) throw new Error('no chart');
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + 54, y);
    const values = page.locator('[data-chart=Loss] figcaption b');
    await soon(() => values.first().innerText()).toBe(perImage(measured('test', 1)?.loss));
    // Hovering does not select.
    expect(await page.locator('.pairs').getAttribute('data-epoch')).toBe(String(last));
    await page.mouse.down();
    await expectEpoch(page, 1);
    await page.mouse.move(box.x + box.width - 16, y, { steps: 6 });
    await page.mouse.up();
    await expectEpoch(page, last);
    expect(await chart.getAttribute('aria-label')).toContain(
      `test: ${perImage(measured('test', 1)?.loss)} at epoch 1, ${perImage(measured('test', last)?.loss)} at epoch ${last}`,
    );
    await page.mouse.move(box.x + box.width / 2, box.y - 200);
    const player = page.locator('.player');
    await player.getByRole('button', { name: 'Play' }).click();
    await soon(() => page.locator('.pairs').getAttribute('data-epoch')).toBe('2');
    if (last > 2) await player.getByRole('button', { name: 'Pause' }).click();
    else await player.getByRole('button', { name: 'Play' }).waitFor();
    const inAccent = () =>
      chart.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
        const accent = getComputedStyle(canvas).getPropertyValue('--accent').match(/\d+/g)?.join();
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
        copy?.drawImage(canvas, 0, 0);
        const { data } = copy?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
        return Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3).join() === accent).filter(
          Boolean,
        ).length;
      });
    for (const colorScheme of ['light', 'dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      await soon(inAccent).toBeGreaterThan(20);
    }
    await close();
  });

  test('are listed in a table', async () => {
    const { page, close } = await openPage(`#model=${MODEL}&tab=epochs`);
    await page.getByText('All losses as a table').click();
    const rows = await page.locator('.epochs tbody tr').allInnerTexts();
    expect(rows.map((row) => row.split(/\s+/))).toEqual(
      Array.from({ length: last }, (_, i) => {
        const [train, test] = [measured('train', i + 1), measured('test', i + 1)];
        const numbers = (['loss', 'reconstruction', 'kl'] as const).flatMap((name) => [train?.[name], test?.[name]]);
        return [String(i + 1), ...numbers.map(perImage)];
      }),
    );
    await close();
  });

  test('are explained to be missing for a model without a record', async () => {
    const { page, close } = await openPage(`#model=${MODEL}&tab=epochs`, {
      prepare: async (page) => {
        // Requests of the service worker are the context's.
        await page.context().route('**/manifest.json', async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, json: { ...(await response.json()), training: null } });
        });
      },
    });
    await soon(() => page.locator('.epochs').innerText()).toContain('has no record of its training');
    await close();
  });
});
