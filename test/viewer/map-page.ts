import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { expect } from 'vitest';
import { readNpy } from '../../web-viewer/src/site/npy.ts';
import { siteFolder } from './browser.ts';

export type Place = readonly [number, number];

export interface Site {
  readonly map: Float32Array;
  readonly latents: Float32Array;
  readonly errors: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
  readonly size: number;
  readonly classes: readonly string[];
  readonly colours: readonly string[];
  /** The pixels of a row. */
  pixels(row: number): Promise<Uint8Array>;
}

/** The files of a site's model. */
export async function readSite(name: string): Promise<Site> {
  const folder = join(siteFolder, 'models', name);
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as { set: string };
  const setFolder = join(siteFolder, manifest.set);
  const set = JSON.parse(await readFile(join(setFolder, 'set.json'), 'utf8')) as {
    classes: string[];
    colours: string[];
    sheets: { file: string; first: number; count: number; columns: number }[];
  };
  const npy = async (file: string) =>
    readNpy(await readFile(join(folder, 'test', file)), '<f4', file === 'errors.npy' ? 1 : 2, file);
  const [map, latents, errors] = [await npy('map.npy'), await npy('latents.npy'), await npy('errors.npy')];
  const sheets = new Map<string, Promise<Uint8Array>>();
  const labels = readNpy(await readFile(join(setFolder, 'labels.npy')), '<i4', 1, 'labels.npy').data;
  return {
    ...{ map: map.data, latents: latents.data, errors: errors.data, labels },
    ...{ count: labels.length, size: latents.shape[1] as number, classes: set.classes, colours: set.colours },
    async pixels(row) {
      const sheet = set.sheets.find(({ first, count }) => row >= first && row < first + count);
      if (!sheet) throw new Error(`no sheet has row ${row}`);
      const tile = row - sheet.first;
      const [left, top] = [28 * (tile % sheet.columns), 28 * Math.floor(tile / sheet.columns)];
      const read = sheets.get(sheet.file) ?? readFile(join(setFolder, sheet.file)).then(gray);
      sheets.set(sheet.file, read);
      const all = await read;
      return Uint8Array.from(
        { length: 784 },
        (_, i) => all[(top + Math.floor(i / 28)) * 28 * sheet.columns + left + (i % 28)] as number,
      );
    },
  };
}

/** A copy of the tests' site with ten sheets of images, so many that they are read when they are needed. */
export async function largeSite({ count, pixels }: Site): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'convae-large-'));
  await cp(siteFolder, folder, { recursive: true });
  const { set } = JSON.parse(await readFile(join(folder, 'models/cvae/manifest.json'), 'utf8')) as { set: string };
  const file = join(folder, set, 'set.json');
  const about = JSON.parse(await readFile(file, 'utf8')) as { sheets: object[] };
  const all = Buffer.concat(await Promise.all(Array.from({ length: count }, (_, row) => pixels(row))));
  const part = count / 10;
  about.sheets = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const png = sharp(all.subarray(784 * i * part, 784 * (i + 1) * part), {
        raw: { width: 28, height: 28 * part, channels: 1 },
      });
      await png
        .toColourspace('b-w')
        .png()
        .toFile(join(folder, set, `part-${i}.png`));
      return { file: `part-${i}.png`, first: i * part, count: part, columns: 1 };
    }),
  );
  await writeFile(file, JSON.stringify(about));
  return folder;
}

export const gray = async (png: Buffer) =>
  new Uint8Array(await sharp(png).removeAlpha().toColourspace('b-w').raw().toBuffer());

export const stage = (page: Page) => page.getByRole('application', { name: 'Map of the images' });
export const attribute = async (page: Page, name: string) => (await stage(page).getAttribute(`data-${name}`)) ?? '';
/** Waits until the map is complete and at rest. */
export async function settled(page: Page): Promise<void> {
  await page.waitForSelector('.map-near [data-row], .map-stage[data-input]:not([data-input=""])');
  let before = '';
  await expect
    .poll(
      async () => {
        const now = await stage(page).evaluate((element) =>
          JSON.stringify({ ...element.dataset, height: element.clientHeight }),
        );
        const same = now === before;
        before = now;
        return same;
      },
      { interval: 120, timeout: 5000 },
    )
    .toBe(true);
}

/** Converts between map positions and points of the page, for the current view. */
export async function screenOf(page: Page) {
  const box = await stage(page).boundingBox();
  const [x = 0, y = 0, scale = 0] = (await attribute(page, 'view')).split(',').map(Number);
  if (!box || !scale) throw new Error('the map shows nothing');
  const at = (place: Place): Place => [
    box.x + box.width / 2 + (place[0] - x) * scale,
    box.y + box.height / 2 - (place[1] - y) * scale,
  ];
  const of = ([left, top]: Place): Place => [
    x + (left - box.x - box.width / 2) / scale,
    y - (top - box.y - box.height / 2) / scale,
  ];
  return { box, scale, at, of };
}

/** A row whose point is far from all others, in the part of the map without controls. */
export async function lonelyRow(page: Page, { map, count }: Site, away = 9): Promise<{ row: number; at: Place }> {
  const { box, at } = await screenOf(page);
  const places = Array.from({ length: count }, (_, row) => at([map[2 * row] as number, map[2 * row + 1] as number]));
  const row = places.findIndex(
    ([x, y], own) =>
      x > box.x + 80 &&
      x < box.x + box.width - 80 &&
      y > box.y + box.height * 0.3 &&
      y < box.y + box.height - 60 &&
      places.every((other, i) => i === own || Math.hypot(other[0] - x, other[1] - y) > away),
  );
  if (row < 0) throw new Error('no point is far from the others');
  return { row, at: places[row] as Place };
}

/** The nearest rows by brute force. */
export function nearest(
  { latents, count, size }: Site,
  row: number,
  k: number,
  allowed: (row: number) => boolean = () => true,
) {
  const distance = (other: number) => {
    let sum = 0;
    for (let d = 0; d < size; d++)
      sum += ((latents[other * size + d] as number) - (latents[row * size + d] as number)) ** 2;
    return sum;
  };
  return Array.from({ length: count }, (_, other) => other)
    .filter((other) => other !== row && allowed(other))
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, k);
}

export const neighboursOf = (page: Page) =>
  page.locator('.map-near [data-row]').evaluateAll((all) => all.map((one) => Number(one.getAttribute('data-row'))));

/** Drags through points of the page. */
export async function drag(page: Page, places: readonly Place[]): Promise<void> {
  const [[x, y] = [0, 0], ...rest] = places;
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (const place of rest) await page.mouse.move(...place, { steps: 3 });
  await page.mouse.up();
}

/** Downloads the ids of the selected images. @returns the file's lines after the header */
export async function csv(page: Page, columns = 'id,row,class,error'): Promise<string[][]> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'CSV', exact: true }).click(),
  ]);
  const [head, ...lines] = (await readFile(await download.path(), 'utf8')).split('\r\n').slice(0, -1);
  expect(head).toBe(columns);
  return lines.map((line) => line.split(','));
}

export async function selectView(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('button', { name: 'Select view' }).click();
  await page.keyboard.press('Escape');
}

/** The colour of a pixel of the page. */
export async function colourAt(page: Page, [x, y]: Place): Promise<number[]> {
  const shot = await page.screenshot({ clip: { x: Math.floor(x), y: Math.floor(y), width: 1, height: 1 } });
  return [...(await sharp(shot).removeAlpha().raw().toBuffer())];
}
export const rgb = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
export const apart = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));

/** A point rounded to the pixels of a mouse. */
export const whole = ([x, y]: Place): Place => [Math.round(x), Math.round(y)];

/** Lets the page take the software that draws WebGL here for a GPU. */
export async function asOnGpu(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const { prototype } = WebGL2RenderingContext;
    const get = prototype.getParameter;
    prototype.getParameter = function (name) {
      return name === this.RENDERER ? 'a GPU' : get.call(this, name);
    };
  });
}

/** Counts how often the points are drawn. */
export async function countDraws(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const count = () => {
      const { dataset } = document.documentElement;
      dataset.draws = String(Number(dataset.draws ?? 0) + 1);
    };
    const { drawElements } = WebGL2RenderingContext.prototype;
    WebGL2RenderingContext.prototype.drawElements = function (...rest) {
      count();
      drawElements.apply(this, rest);
    };
    const { putImageData } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.putImageData = function (...rest: unknown[]) {
      if (this.canvas.closest('.map-points')) count();
      (putImageData as (...rest: unknown[]) => void).apply(this, rest);
    };
  });
}
export const drawsOf = async (page: Page) => Number(await page.getAttribute('html', 'data-draws'));

/** Moves the pointer away from the map. */
export const away = (page: Page) => page.mouse.move(5, 5);

/** The row whose point is nearest to a point of the page. */
export async function nearestTo(page: Page, { map, count }: Site, place: Place) {
  const { at } = await screenOf(page);
  const all = Array.from({ length: count }, (_, row) => ({
    row,
    distance: apart(at([map[2 * row] as number, map[2 * row + 1] as number]), place),
  }));
  return all.reduce((a, b) => (b.distance < a.distance ? b : a));
}

/** The winding angle of a polygon around a point: 0 outside. */
export const winding = (polygon: readonly Place[], [x, y]: Place) =>
  polygon.reduce((sum, [px, py], i) => {
    const [qx, qy] = polygon[(i + 1) % polygon.length] as Place;
    const turn = Math.atan2(qy - y, qx - x) - Math.atan2(py - y, px - x);
    return sum + Math.atan2(Math.sin(turn), Math.cos(turn));
  }, 0);

/** Distance from a point to the nearest edge of a polygon. */
export const edgeDistance = (polygon: readonly Place[], [x, y]: Place) =>
  Math.min(
    ...polygon.map(([px, py], i) => {
      const [qx, qy] = polygon[(i + 1) % polygon.length] as Place;
      const share = ((x - px) * (qx - px) + (y - py) * (qy - py)) / ((qx - px) ** 2 + (qy - py) ** 2);
      const t = Math.min(1, Math.max(0, share));
      return Math.hypot(px + t * (qx - px) - x, py + t * (qy - py) - y);
    }),
  );
