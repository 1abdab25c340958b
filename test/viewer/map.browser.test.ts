import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Locator } from 'playwright-core';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { readNpy } from '../../web-viewer/src/site/npy.ts';
import { hasBrowser, openPage, siteFolder } from './browser.ts';
import {
  apart,
  asOnGpu,
  attribute,
  away,
  colourAt,
  countDraws,
  drag,
  drawsOf,
  gray,
  largeSite,
  lonelyRow,
  nearest,
  nearestTo,
  neighboursOf,
  type Place,
  readSite,
  rgb,
  type Site,
  screenOf,
  selectView,
  settled,
  stage,
  whole,
} from './map-page.ts';

describe.skipIf(!hasBrowser)('the map', () => {
  let cvae: Site;
  beforeAll(async () => {
    cvae = await readSite('cvae');
  });

  test('shows, selects and compares images', async () => {
    const { page, close } = await openPage('#model=cvae&image=1', {
      prepare: async (page) => {
        await asOnGpu(page);
        await countDraws(page);
      },
    });
    const draws = () => drawsOf(page);
    await settled(page);
    expect(await attribute(page, 'painter')).toBe('canvas');
    expect(Number(await attribute(page, 'points'))).toBe(cvae.count);

    // Hover, click, neighbours.
    const { row, at } = await lonelyRow(page, cvae);
    const colour = rgb(cvae.colours[cvae.labels[row] as number] as string);
    expect(apart(await colourAt(page, at), colour)).toBeLessThan(90);
    await page.mouse.move(...at);
    await expect.poll(() => attribute(page, 'painter')).toBe('webgl2');
    const tip = page.locator('.map-tip');
    expect(await tip.getAttribute('data-row')).toBe(String(row));
    expect(await tip.innerText()).toContain(`image ${row}`);
    const url = await tip.locator('canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
    expect(await gray(Buffer.from(url.split(',')[1] ?? '', 'base64'))).toEqual(await cvae.pixels(row));
    await page.mouse.click(...at);
    await expect.poll(() => attribute(page, 'selected')).toBe(String(row));
    expect(await neighboursOf(page)).toEqual(nearest(cvae, row, 8));
    await expect.poll(() => page.url()).toContain(`image=${row}`);

    // Select a neighbour, then hide its class: only other classes remain among the neighbours.
    const [next = -1] = await neighboursOf(page);
    await page.locator('.map-near button[data-row]').first().click();
    await expect.poll(() => attribute(page, 'selected')).toBe(String(next));
    const hidden = cvae.labels[next] as number;
    const chip = page
      .getByRole('button', { name: cvae.classes[hidden] ?? '', exact: true })
      .and(page.locator('.map-class'));
    await chip.click();
    expect(await chip.getAttribute('aria-pressed')).toBe('false');
    const isShown = (other: number) => cvae.labels[other] !== hidden;
    await expect.poll(() => neighboursOf(page)).toEqual(nearest(cvae, next, 8, isShown));
    expect(Number(await attribute(page, 'points'))).toBe([...cvae.labels].filter((label) => label !== hidden).length);
    await chip.click();

    // Nothing is drawn while nothing changes or another tab is open.
    await away(page);
    await settled(page);
    const before = await draws();
    await page.waitForTimeout(200);
    expect(await draws()).toBe(before);
    await page.getByRole('tab', { name: 'Model' }).click();
    await page.evaluate(() => {
      document.documentElement.dataset.theme = 'dark';
    });
    await page.waitForTimeout(200);
    expect(await draws()).toBe(before);
    await page.getByRole('tab', { name: 'Map' }).click();
    await expect.poll(draws).toBeGreaterThan(before);
    await close();
  });

  test('zooms about the pointer, shows thumbnails, and works by keyboard', async () => {
    const { page, close } = await openPage('#model=cvae&image=1', { reducedMotion: 'reduce' });
    await settled(page);
    const before = await screenOf(page);
    const pointer = whole((await lonelyRow(page, cvae)).at);
    const under = before.of(pointer);
    expect(Number(await attribute(page, 'pictures'))).toBe(0);
    await page.mouse.move(...pointer);
    for (let i = 0; i < 8; i++) await page.mouse.wheel(0, -240);
    await settled(page);
    const after = await screenOf(page);
    expect(after.scale / before.scale).toBeCloseTo(Math.exp(8 * 0.48), 1);
    expect(apart(after.at(under), pointer)).toBeLessThan(0.01);
    expect(Number(await attribute(page, 'pictures'))).toBeGreaterThan(0);

    await stage(page).focus();
    await page.keyboard.press('0');
    await settled(page);
    expect((await screenOf(page)).scale).toBeCloseTo(before.scale, 3);
    for (const key of ['+', '+', '+', 'ArrowLeft', 'ArrowUp', 'ArrowUp']) await page.keyboard.press(key);
    await settled(page);
    const moved = await screenOf(page);
    expect(moved.scale / before.scale).toBeCloseTo(1.5 ** 3, 3);
    const middle: Place = [moved.box.x + moved.box.width / 2, moved.box.y + moved.box.height / 2];
    const nearby = await nearestTo(page, cvae, middle);
    await page.keyboard.press('Enter');
    if (nearby.distance < 28 && Number(await attribute(page, 'pictures')) === 0) {
      await expect.poll(() => attribute(page, 'selected')).toBe(String(nearby.row));
    }
    await close();
  });

  test('decodes positions of a 2-D latent plane, and places a drawing at its latent', async () => {
    const { page, close } = await openPage('#model=cae2&image=1');
    await expect.poll(() => attribute(page, 'plane'), { timeout: 10_000 }).toBe('complete');
    const { box, at } = await screenOf(page);
    const [from, to] = [
      whole([box.x + box.width * 0.4, box.y + box.height * 0.7]),
      whole([box.x + box.width * 0.6, box.y + box.height * 0.45]),
    ] as const;
    const canvas = page.locator('.pinned canvas').nth(2);
    const decoded = async () => {
      const url = await canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
      return gray(Buffer.from(url.split(',')[1] ?? '', 'base64'));
    };
    const first = await decoded();
    await drag(page, [from, to]);
    // The address follows the drag, and may be behind it.
    const linked = () => {
      const [, latent = ''] = new URL(page.url()).hash.match(/z=([^&]+)/) ?? [];
      return latent.split(',').map(Number) as [number, number];
    };
    await expect.poll(() => apart(at(linked()), to)).toBeLessThan(0.5);
    await settled(page);
    const z = linked();
    expect(await attribute(page, 'latent')).toBe(Float32Array.from(z).join());
    const session = await InferenceSession.create(join(siteFolder, 'models/cae2/decoder.onnx'));
    const { image } = await session.run({ latent: new Tensor('float32', Float32Array.from(z), [1, 2]) });
    const seen = await decoded();
    const most = Math.max(
      ...Array.from((image as Tensor).data as Float32Array, (v, i) => Math.abs(255 * v - (seen[i] ?? 0))),
    );
    expect(most).toBeLessThan(0.5 + 255e-4);
    expect(seen).not.toEqual(first);

    // Dragging with the right button moves the map and decodes nothing.
    await page.mouse.move(...from);
    await page.mouse.down({ button: 'right' });
    await page.mouse.move(from[0] + 40, from[1] - 25, { steps: 3 });
    await page.mouse.up({ button: 'right' });
    await settled(page);
    const moved = (await screenOf(page)).at([0, 0]);
    expect(apart(moved, [at([0, 0])[0] + 40, at([0, 0])[1] - 25])).toBeLessThan(0.01);
    expect(await attribute(page, 'latent')).toBe(Float32Array.from(z).join());

    // Hiding the decoded plane changes the background.
    const area = { x: box.x + 60, y: box.y + box.height - 90, width: 200, height: 60 };
    await expect.poll(() => attribute(page, 'plane')).toBe('complete');
    const withPlane = await page.screenshot({ clip: area });
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('checkbox', { name: 'Decoded plane' }).uncheck();
    await page.keyboard.press('Escape');
    await settled(page);
    expect(withPlane.equals(await page.screenshot({ clip: area }))).toBe(false);

    // Draw a line on the input.
    const input = await page.getByRole('application', { name: /Input image/ }).boundingBox();
    if (!input) throw new Error('there is nothing to draw on');
    await drag(
      page,
      [0.2, 0.5, 0.8].map((share): Place => [input.x + input.width / 2, input.y + share * input.height]),
    );
    await expect.poll(() => attribute(page, 'selected')).toBe('');
    await settled(page);
    await expect.poll(() => attribute(page, 'input')).not.toBe('');
    await settled(page);
    const drawn = await page
      .locator('.pinned canvas')
      .first()
      .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
    const pixels = await gray(Buffer.from(drawn.split(',')[1] ?? '', 'base64'));
    const encoder = await InferenceSession.create(join(siteFolder, 'models/cae2/encoder.onnx'));
    const { latent } = await encoder.run({ image: new Tensor('uint8', pixels, [1, 28, 28, 1]) });
    const position = (await attribute(page, 'input')).split(',').map(Number);
    expect(apart([...((latent as Tensor).data as Float32Array)], position)).toBeLessThan(1e-3);
    await close();
  });

  test('draws the points once for a view, however long thumbnails fade in', async () => {
    const { page, close } = await openPage('#model=cvae&image=1&view=0,0,1.5&size=off,12', { prepare: countDraws });
    await settled(page);
    const before = await drawsOf(page);
    // When the points come, and when the images do.
    expect(before).toBe(2);
    await page.evaluate(() => {
      location.hash = location.hash.replace('off', 'always');
    });
    await expect.poll(async () => Number(await attribute(page, 'pictures'))).toBeGreaterThan(0);
    await settled(page);
    await page.waitForTimeout(500);
    expect((await drawsOf(page)) - before).toBe(1);
    await close();
  });

  test('draws the same points by the processor and by a GPU', async () => {
    const { page, close } = await openPage('#model=cvae&image=1', { prepare: asOnGpu, reducedMotion: 'reduce' });
    await settled(page);
    const pixels = async () =>
      sharp(await stage(page).screenshot())
        .removeAlpha()
        .raw()
        .toBuffer();
    const drawn = await pixels();
    await stage(page).hover();
    await expect.poll(() => attribute(page, 'painter')).toBe('webgl2');
    await away(page);
    await settled(page);
    const byGpu = await pixels();
    const off = drawn.map((value, i) => Math.abs(value - (byGpu[i] ?? 0)));
    expect(byGpu.length).toBe(drawn.length);
    expect(off.reduce((a, b) => a + b, 0) / off.length).toBeLessThan(0.5);
    expect(off.filter((value) => value > 40).length / off.length).toBeLessThan(1e-3);
    await close();
  });

  test.each([
    ['on a 2-D canvas without WebGL', 'canvas', null],
    ['with WebGL again after its context was lost', 'webgl2', 'none'],
    ['with WebGL again after a 2-D canvas has replaced it', 'webgl2', 'canvas'],
  ])('draws %s', async (_, painter, meanwhile) => {
    const without = meanwhile === null;
    const { page, close } = await openPage('#model=cvae&image=1', {
      allowed: [/CONTEXT_LOST_WEBGL/],
      prepare: async (page) => {
        if (!without) return asOnGpu(page);
        await page.addInitScript(() => {
          const get = HTMLCanvasElement.prototype.getContext as (
            this: HTMLCanvasElement,
            ...rest: unknown[]
          ) => unknown;
          HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...rest: unknown[]) {
            return rest[0] === 'webgl2' ? null : get.apply(this, rest);
          } as typeof HTMLCanvasElement.prototype.getContext;
        });
      },
    });
    await settled(page);
    await stage(page).hover();
    if (!without) {
      await expect.poll(() => attribute(page, 'painter')).toBe('webgl2');
      const extension = await page.evaluateHandle(() => {
        const canvas = document.querySelector<HTMLCanvasElement>('.map-points canvas');
        const extension = canvas?.getContext('webgl2')?.getExtension('WEBGL_lose_context');
        if (!extension) throw new Error('the context cannot be lost');
        extension.loseContext();
        return extension;
      });
      await away(page);
      await stage(page).press('+');
      await expect.poll(() => attribute(page, 'painter'), { timeout: 5000 }).toBe(meanwhile);
      await extension.evaluate((extension) => extension.restoreContext());
    }
    await expect.poll(() => attribute(page, 'painter')).toBe(painter);
    await stage(page).press('0');
    await settled(page);
    const { row, at } = await lonelyRow(page, cvae);
    const { box } = await screenOf(page);
    const ground = await colourAt(page, [box.x + 20, box.y + box.height - 20]);
    const colour = rgb(cvae.colours[cvae.labels[row] as number] as string);
    expect(apart(await colourAt(page, at), colour)).toBeLessThan(90);
    expect(apart(ground, [255, 255, 255])).toBeLessThan(6);
    await page.mouse.click(...at);
    await expect.poll(() => attribute(page, 'selected')).toBe(String(row));
    await close();
  });

  test('asks again for positions that could not be fetched', async () => {
    const { page, close } = await openPage('#model=cvae&image=1', {
      allowed: [/ERR_FAILED/],
      prepare: async (page) => {
        await page.context().route('**/map-umap.npy', (route) => route.abort(), { times: 1 });
      },
    });
    const umap = readNpy(await readFile(join(siteFolder, 'models/cvae/test/map-umap.npy')), '<f4', 2, 'map').data;
    const axes = page.getByRole('combobox', { name: 'Axes' });
    await axes.selectOption('UMAP');
    await page.locator('[role=alert] .problem').waitFor();
    for (const method of ['t-SNE', 'UMAP']) await axes.selectOption(method);
    await expect.poll(() => attribute(page, 'input')).toBe([...umap.slice(2, 4)].join());
    await close();
  });

  test('reads the images of a large set when they are needed', async () => {
    const folder = await largeSite(cvae);
    const row = cvae.count - 3;
    const [near = -1] = nearest(cvae, row, 1);
    const partOf = (row: number) => Math.floor((10 * row) / cvae.count);
    const damaged = [2, 3, 4].find((part) => part !== partOf(near)) as number;
    const { page, close } = await openPage(`#model=cvae&size=off,30&image=${row}`, {
      folder,
      allowed: [/ERR_FAILED/],
      prepare: async (page) => {
        await page.context().route(`**/part-${damaged}.png`, (route) => route.abort());
      },
    });
    await expect.poll(() => attribute(page, 'selected')).toBe(String(row));
    const shown = async (canvas: Locator) => {
      const url = await canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
      return gray(Buffer.from(url.split(',')[1] ?? '', 'base64'));
    };
    await expect.poll(() => shown(page.locator('.pinned canvas').first())).toEqual(await cvae.pixels(row));
    await expect.poll(() => shown(page.locator('.map-near canvas').first())).toEqual(await cvae.pixels(near));
    // One that does not come is reported.
    await page.getByRole('searchbox', { name: 'Find images' }).fill(`#${(damaged * cvae.count) / 10}`);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.problem-place').innerText()).toContain(`part-${damaged}.png`);
    await close();
    await rm(folder, { recursive: true });
  });

  test('does not ask again and again for images that do not come', async () => {
    const folder = await largeSite(cvae);
    let asked = 0;
    const { page, close } = await openPage('#model=cvae&view=0,0,1.5&size=always,12', {
      folder,
      viewport: { width: 1920, height: 1400 },
      allowed: [/ERR_FAILED/],
      prepare: async (page) => {
        await page.context().route('**/part-*.png', (route) => {
          asked++;
          return route.abort();
        });
      },
    });
    // More than are made in a frame.
    await expect.poll(async () => Number(await attribute(page, 'pictures'))).toBeGreaterThan(128);
    // Whatever draws the map asks once more; no frame asks for the next one.
    const askedMeanwhile = async () => {
      const before = asked;
      await page.waitForTimeout(1500);
      return asked - before;
    };
    await expect.poll(askedMeanwhile, { timeout: 30_000 }).toBe(0);
    await close();
    await rm(folder, { recursive: true });
  });

  test('says which images of a large set do not come, and shows none of them black', async () => {
    const folder = await largeSite(cvae);
    const { page, close } = await openPage(`#model=cvae&tab=draw&image=${cvae.count - 1}`, {
      folder,
      viewport: { width: 390, height: 844 },
      allowed: [/ERR_FAILED/, /willReadFrequently/],
      prepare: async (page) => {
        await page.context().route('**/part-0.png', (route) => route.abort());
      },
    });
    await expect.poll(() => page.locator('.problem-place').innerText()).toContain('part-0.png');
    // The end of an interpolation that is among them is shown as it is decoded, not black.
    await page.getByRole('tab', { name: 'Sliders' }).click();
    const end = page.locator('.end[data-end=B]');
    expect(Number(await end.getAttribute('data-row'))).toBeLessThan(cvae.count / 10);
    const brightest = () =>
      end.locator('canvas').evaluate((canvas) => {
        const { data } = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, 28, 28) ?? { data: [] };
        return Math.max(...Array.from({ length: 784 }, (_, i) => data[4 * i] ?? 0));
      });
    await expect.poll(brightest, { timeout: 20_000 }).toBeGreaterThan(20);
    await close();
    await rm(folder, { recursive: true });
  });

  test('shows error maps that were asked for before the model can compute', async () => {
    const { page, close } = await openPage('#model=cvae&select=search:%2312', {
      waits: false,
      allowed: [/willReadFrequently/],
      prepare: async (page) => {
        await page.context().route(/\.xz$/, async (route) => {
          await new Promise((resolve) => page.once('framenavigated', resolve));
          await route.continue();
        });
      },
    });
    await page.getByRole('checkbox', { name: 'Error maps' }).check();
    const seen = () =>
      page
        .locator('.map-cell canvas')
        .evaluate((canvas) => (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(14, 14, 1, 1).data[3]);
    expect(await seen()).toBe(0);
    await page.evaluate(() => {
      location.hash += '&only=1';
    });
    await expect.poll(seen, { timeout: 15_000 }).toBe(255);
    await close();
  });

  test('is accessible', async () => {
    const { page, close } = await openPage('#model=cae2&image=1&colour=error', { bypassCSP: true });
    await selectView(page);
    await settled(page);
    await page.evaluate(await readFile('node_modules/axe-core/axe.min.js', 'utf8'));
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(where: string): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run('.map')).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`,
      );
    });
    expect(violations).toEqual([]);
    await close();
  });
});
