import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import type { Page, Route } from 'playwright-core';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readCard, verifyFiles } from '../../pipeline/artifacts/exported.ts';
import { hasBrowser, type OpenOptions, openPage, siteFolder } from './browser.ts';
import { largeSite, readSite } from './map-page.ts';
import { lossesOf, modelAndSample, reconstructionsOf } from './train-truth.ts';

const PATIENT = { timeout: 45_000, interval: 50 };
const SAMPLE = 256;
const RATE = 10 ** -0.5;

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
const figure = (page: Page, name: string) =>
  page
    .locator('.train-numbers .figure', { has: page.locator('dt', { hasText: new RegExp(`^${name}`) }) })
    .locator('dd');
const stepsOf = async (page: Page) => Number.parseInt((await figure(page, 'Steps').innerText()).replace(',', ''), 10);
const status = (page: Page) => page.locator('.train-controls [role=status]');
const digests = (page: Page) =>
  page
    .locator('.train-digests dd')
    .evaluateAll((all) => all.map((each) => (each as HTMLElement).dataset.sha256).filter(Boolean));

/** Opens the page, and closes it even after a failed test, which ends the training. */
async function openTrain(hash: string, options: OpenOptions = {}) {
  // Only the tests read canvases.
  const opened = await openPage(hash, { allowed: [/willReadFrequently/], ...options });
  onTestFinished(() => opened.context.close());
  return opened;
}

/** Trains for at least this many steps, then pauses and waits until the page is at rest. */
async function train(page: Page, steps: number): Promise<number> {
  await button(page, /Start training|Resume/).click();
  await expect.poll(() => stepsOf(page), PATIENT).toBeGreaterThanOrEqual(steps);
  await button(page, 'Pause').click();
  const before = await stepsOf(page);
  await expect.poll(async () => (await digests(page)).length, PATIENT).toBe(2);
  const after = await stepsOf(page);
  // The figures on the page are up to 0.1 s old.
  expect(after - before).toBeLessThanOrEqual(8);
  return after;
}

/** Clicks a download button, and reads the file. */
async function downloaded(page: Page, name: string): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, name).click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** The losses of each step in the page. */
async function lossesInPage(page: Page): Promise<number[][]> {
  const { bytes } = await downloaded(page, 'Download losses (CSV)');
  const [, ...rows] = bytes.toString().trim().split('\n');
  return rows.map((row) => row.split(',').slice(1).map(Number));
}

/** The pixels 0–255 of a row of canvases. */
const pictures = (page: Page, row: 'image' | 'exported' | 'now') =>
  page.locator(`[data-row=${row}] canvas`).evaluateAll((all) =>
    all.map((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const { data } = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height) ?? {};
      return Array.from({ length: width * height }, (_, i) => data?.[4 * i] ?? -1);
    }),
  );

/** Checks that pixels are those of reconstructions to 1e-4, beyond rounding to bytes. */
function expectSame(pixels: readonly number[][], expected: Float32Array): void {
  const off = pixels.flat().map((pixel, i) => Math.abs(pixel - 255 * (expected[i] as number)));
  expect(off).toHaveLength(expected.length);
  expect(Math.max(...off)).toBeLessThan(0.5 + 255e-4);
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe.skipIf(!hasBrowser)('training in the page', { timeout: 120_000 }, () => {
  test('takes no step before the images of a large set have been read', async () => {
    const folder = await largeSite(await readSite('cvae'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const held: Route[] = [];
    const { page, close } = await openTrain('#model=cvae&tab=train&image=0', {
      folder,
      prepare: async (page) => {
        await page.context().route(/part-[1-9]/, (route) => void held.push(route));
      },
    });
    const model = await modelAndSample('cvae', SAMPLE);
    await expect.poll(() => held.length, PATIENT).toBe(9);
    await button(page, 'Start training').click();
    await expect.poll(() => page.locator('[data-training=starting]').count()).toBe(1);
    // Those of the first part are there.
    const found = await pictures(page, 'image');
    for (const image of found) expect(Math.max(...image)).toBeGreaterThan(0);
    for (const route of held) await route.continue();
    await expect.poll(() => stepsOf(page), PATIENT).toBeGreaterThanOrEqual(3);
    await button(page, 'Pause').click();
    await expect.poll(() => page.locator('[data-training=paused]').count(), PATIENT).toBe(1);
    const losses = await lossesInPage(page);
    for (const [at, expected] of (await lossesOf(model, 3, RATE)).entries()) {
      for (const [i, loss] of expected.entries())
        expect(Math.abs((losses[at]?.[i] as number) - loss)).toBeLessThan(1e-4);
    }
    await close();
  });

  test.each(['cvae', 'cae2'])(
    'lowers the loss of %s, with the losses that ONNX Runtime for Node computes',
    async (name) => {
      const { page, close } = await openTrain(`#model=${name}&tab=train`);
      const model = await modelAndSample(name, SAMPLE);
      const shown = model.sample.slice(0, 8);
      expect(await pictures(page, 'image')).toEqual(shown.map(({ pixels }) => [...pixels]));
      await expect
        .poll(() => digests(page), PATIENT)
        .toEqual((['encoder.onnx', 'decoder.onnx'] as const).map((file) => model.card.files[file]?.sha256));

      const steps = await train(page, 48);
      const losses = await lossesInPage(page);
      expect(losses).toHaveLength(steps);
      for (const [at, expected] of (await lossesOf(model, 3, RATE)).entries()) {
        for (const [i, loss] of expected.entries())
          expect(Math.abs((losses[at]?.[i] as number) - loss)).toBeLessThan(1e-4);
      }
      const total = losses.map(([loss]) => loss as number);
      // Compare means: batches differ more than a few steps change.
      expect(mean(total.slice(-16))).toBeLessThan(mean(total.slice(0, 16)));

      const { name: file, bytes } = await downloaded(page, 'Download the trained model');
      expect(file).toBe(`${name}-trained.zip`);
      const folder = await mkdtemp(join(tmpdir(), 'convae-trained-'));
      try {
        for (const [path, content] of Object.entries(unzipSync(bytes))) {
          await mkdir(dirname(join(folder, path)), { recursive: true });
          await writeFile(join(folder, path), content);
        }
        const inside = join(folder, `${name}-trained`);
        const card = await readCard(inside);
        await verifyFiles(inside, card);
        expect(card.model.summary).toContain(`${steps} steps`);
        expect(await digests(page)).toEqual([card.files['encoder.onnx'].sha256, card.files['decoder.onnx'].sha256]);
        const [encoder, decoder] = await Promise.all(
          (['encoder.onnx', 'decoder.onnx'] as const).map((file) => readFile(join(inside, file))),
        );
        const made = await reconstructionsOf({ encoder, decoder } as never, model, shown);
        await expect.poll(async () => pictures(page, 'now'), PATIENT).not.toEqual(await pictures(page, 'exported'));
        await page.waitForTimeout(300);
        expectSame(await pictures(page, 'now'), made);
      } finally {
        await rm(folder, { recursive: true });
      }

      await page.setInputFiles('#open-model input >> nth=0', {
        name: file,
        mimeType: 'application/zip',
        buffer: bytes,
      });
      await expect.poll(() => page.locator('#models').textContent(), PATIENT).toContain(`${steps} steps`);
      await expect.poll(() => digests(page), PATIENT).not.toHaveLength(0);
      expect(await page.locator('[role=alert] .problem').count()).toBe(0);
      expect(await status(page).innerText()).toBe('The weights are as exported.');
      await train(page, 2);
      await close();
    },
  );

  test('applies trained weights to the whole page on request, and restores the exported ones', async () => {
    const { page, close } = await openTrain('#model=cae2&tab=train&image=7');
    const reconstruction = () =>
      page.locator('#left canvas[aria-label*="econstruction" i]').evaluateAll((all) => {
        const canvas = all[0] as HTMLCanvasElement;
        return [...(canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [])].join();
      });
    const everywhere = page.getByLabel('Use the trained weights everywhere');
    await expect.poll(async () => (await digests(page)).length, PATIENT).toBe(2);
    await page.waitForTimeout(500);
    const [original, exported] = [await digests(page), await reconstruction()];
    expect(await everywhere.isDisabled()).toBe(true);
    await train(page, 3);
    const trained = await digests(page);
    expect(trained).not.toEqual(original);
    expect(await reconstruction()).toBe(exported);
    await everywhere.check();
    await expect.poll(reconstruction, PATIENT).not.toBe(exported);
    const changed = await reconstruction();
    await everywhere.uncheck();
    await expect.poll(reconstruction, PATIENT).toBe(exported);
    expect(await digests(page)).toEqual(trained);
    await everywhere.focus();
    await page.keyboard.press('Space');
    await expect.poll(reconstruction, PATIENT).toBe(changed);
    // The page follows a running training.
    await train(page, (await stepsOf(page)) + 3);
    await expect.poll(reconstruction, PATIENT).not.toBe(changed);

    await button(page, 'Reset the weights').click();
    await expect.poll(reconstruction, PATIENT).toBe(exported);
    await expect.poll(() => digests(page), PATIENT).toEqual(original);
    expect(await everywhere.isChecked()).toBe(false);
    expect(await stepsOf(page)).toBe(0);
    expect(await page.locator('.train [role=img][aria-label^=Loss]').getAttribute('aria-label')).toContain(
      'nothing yet',
    );
    // It restarts from the same state.
    await train(page, 1);
    const [first] = await lossesInPage(page);
    const [expected] = await lossesOf(await modelAndSample('cae2', SAMPLE), 1, RATE);
    expect(Math.abs((first?.[0] as number) - (expected?.[0] as number))).toBeLessThan(1e-4);
    await close();
  });

  test('leaves the exported weights to those who open the model again', async () => {
    const { page, close } = await openTrain('#model=cae2&tab=train');
    page.on('dialog', (dialog) => void dialog.accept());
    await train(page, 2);
    await page.getByLabel('Use the trained weights everywhere').check();
    await page.getByRole('tab', { name: 'Model' }).click();
    // Files whose digests are those in the card.
    const same = page.locator('.files .same');
    await expect.poll(() => same.count(), PATIENT).toBe(0);
    await page.getByRole('radio', { name: 'WebAssembly' }).check();
    await expect.poll(() => page.locator('[data-provider]').textContent(), PATIENT).toContain('as chosen');
    for (const name of ['cvae', 'cae2']) {
      await page.click('.switch');
      await page.getByRole('option', { name: new RegExp(`^${name}`) }).click();
      await page.waitForSelector(`[data-model=${name}]`);
      await expect.poll(() => same.count(), PATIENT).toBe(2);
    }
    await close();
  });

  test('trains on the visitor’s images with their classes, and ends when another model is opened', async () => {
    const { page, close } = await openTrain('#model=ccvae&tab=train&image=0', { bypassCSP: true });
    const own = page.locator('[data-own]');
    await button(page, 'Add the input image').click();
    expect(await button(page, 'Input image added').isDisabled()).toBe(true);
    const { set } = JSON.parse(
      await readFile(join((await modelAndSample('ccvae', 1)).folder, 'manifest.json'), 'utf8'),
    ) as { set: string };
    expect(set).toMatch(/^sets\//);
    await page.goto(`${page.url().replace(/&image=\d+/, '')}&image=1`);
    await button(page, 'Add the input image').click();
    expect(await own.count()).toBe(2);
    await page.getByLabel('Class of your image 2').selectOption('5');
    await button(page, 'Remove your image 1').click();
    expect(await own.count()).toBe(1);
    expect(await page.getByLabel('Class of your image 1').inputValue()).toBe('5');
    await page.getByRole('checkbox', { name: /random images/ }).uncheck();
    await expect.poll(() => page.locator('[data-row=image] canvas').count()).toBe(1);

    // On a single image with a higher rate, the loss falls quickly.
    await page.locator('#train-rate').focus();
    for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowRight');
    expect(await page.locator('.train-rate output').innerText()).toMatch(/^0\.001\s+1×$/);
    await train(page, 12);
    const losses = (await lossesInPage(page)).map(([loss]) => loss as number);
    expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] as number));

    await page.evaluate(await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8'));
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(where: string): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run('.train');
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
    });
    expect(violations).toEqual([]);

    // It continues in another tab, and ends when another model is opened.
    await button(page, 'Resume').click();
    await page.getByRole('tab', { name: 'Map' }).click();
    expect(await page.evaluate(() => document.documentElement.dataset.training)).toBe('running');
    await page.getByRole('tab', { name: 'Train' }).click();
    await expect.poll(() => stepsOf(page), PATIENT).toBeGreaterThan(losses.length + 1);
    page.once('dialog', (dialog) => void dialog.accept());
    await page.click('.switch');
    await page.getByRole('option', { name: /^cvae/ }).click();
    await expect
      .poll(() => page.locator('.train-message').innerText(), PATIENT)
      .toBe('The training of ccvae ended when another model was opened.');
    expect(await stepsOf(page)).toBe(0);
    // The visitor's images stay, as they fit this model too.
    expect(await own.count()).toBe(1);
    await close();
  });

  test('asks before steps are lost, by a reload or another model, and not after they were downloaded', async () => {
    const { page, close } = await openTrain('#model=cae2&tab=train&image=3');
    const asked: string[] = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type());
      void dialog.dismiss();
    });
    const steps = await train(page, 2);
    await page.evaluate(() => location.reload());
    await expect.poll(() => asked).toEqual(['beforeunload']);
    await page.click('.switch');
    await page.getByRole('option', { name: /^cvae/ }).click();
    await expect.poll(() => asked).toEqual(['beforeunload', 'confirm']);
    // By a link too; the address then is that of the open model again.
    await page.evaluate(() => {
      location.hash = '#model=ccvae&tab=train';
    });
    await expect.poll(() => asked.length).toBe(3);
    await expect.poll(() => new URL(page.url()).hash).toContain('model=cae2');
    expect(await stepsOf(page)).toBe(steps);
    expect(await figure(page, 'Images seen').innerText()).toBe((32 * steps).toLocaleString('en-US'));
    await downloaded(page, 'Download the trained model');
    await page.click('.switch');
    await page.getByRole('option', { name: /^cvae/ }).click();
    await page.waitForSelector('[data-model=cvae]');
    expect(asked).toHaveLength(3);
    await close();
  });

  test('takes many images by drop, paste and choice, fitted as the input is, with the classes of their folders', async () => {
    const { page, close } = await openTrain('#model=ccvae&tab=train&image=0');
    await page.getByRole('checkbox', { name: /random images/ }).uncheck();
    const { set } = await modelAndSample('ccvae', 1).then(async ({ folder }) =>
      JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')),
    );
    const sheet = join((await modelAndSample('ccvae', 1)).folder, '../..', set, 'sheet-0.png');
    const tile = (i: number) => sharp(sheet).extract({ left: 28 * i, top: 0, width: 28, height: 28 });
    const files = await Promise.all([0, 1, 2].map((i) => tile(i).png().toBuffer()));
    const own = page.locator('[data-own]');
    const send = (how: 'drop' | 'paste', names: readonly string[]) =>
      page.evaluate(
        ({ how, parts }) => {
          const transfer = new DataTransfer();
          for (const { name, bytes } of parts) transfer.items.add(new File([Uint8Array.from(bytes)], name));
          const target = document.querySelector('.train') ?? document.body;
          const init = { bubbles: true, cancelable: true };
          target.dispatchEvent(
            how === 'drop'
              ? new DragEvent('drop', { ...init, dataTransfer: transfer })
              : new ClipboardEvent('paste', { ...init, clipboardData: transfer }),
          );
        },
        { how, parts: names.map((name, i) => ({ name, bytes: [...(files[i] ?? Buffer.from('text'))] })) },
      );
    await send('drop', ['a.png', 'b.png', 'c.png', 'notes.txt']);
    await expect.poll(() => own.count(), PATIENT).toBe(3);
    const note = page.locator('.train-own [aria-live]');
    await expect.poll(() => note.innerText(), PATIENT).toContain('notes.txt');
    // The image on the left stays.
    expect(await page.locator('.input-about').innerText()).toContain('test image 0');
    const raw = await Promise.all([2, 1, 0].map((i) => tile(i).toColourspace('b-w').raw().toBuffer()));
    await expect.poll(() => pictures(page, 'image')).toEqual(raw.map((pixels) => [...pixels]));
    await send('paste', ['a.png', 'b.png']);
    await expect.poll(() => own.count(), PATIENT).toBe(5);

    const folder = await mkdtemp(join(tmpdir(), 'convae-many-'));
    for (const name of ['3', '8']) {
      await mkdir(join(folder, 'set', name), { recursive: true });
      for (let i = 0; i < 40; i++) await writeFile(join(folder, 'set', name, `${i}.png`), files[i % 3] as Buffer);
    }
    await page.setInputFiles('.train-own input >> nth=1', join(folder, 'set'));
    await expect.poll(() => note.innerText(), PATIENT).toContain('85 images of yours');
    const classes = await page
      .locator('[data-own] select')
      .evaluateAll((all) => all.map((each) => (each as HTMLSelectElement).value));
    // The newest 60 of them; folders come in any order.
    expect(['38', '83']).toContain([...new Set(classes)].join(''));
    expect(Math.min(...['3', '8'].map((name) => classes.filter((each) => each === name).length))).toBe(20);
    await rm(folder, { recursive: true });
    await close();
  });

  test('reports failures, and recovers', async () => {
    const changed: { graph: Buffer | null; beta: number } = { graph: Buffer.from('no graph'), beta: 1 };
    const { page, close } = await openTrain('#model=cae2&tab=train', {
      prepare: async (page) => {
        await page.context().route('**/models/cae2/train-step.onnx', async (route) => {
          if (changed.graph) await route.fulfill({ body: changed.graph });
          else await route.continue();
        });
        // Adam divides by one minus this value.
        await page.context().route('**/models/cae2/card.json', async (route) => {
          const card = await (await route.fetch()).json();
          for (const each of card.trainStep.state) if (each.initial > 0.5) each.initial = changed.beta / 0.9;
          await route.fulfill({ json: card });
        });
      },
    });
    await button(page, 'Start training').click();
    const message = page.locator('.train-message');
    await expect.poll(() => message.innerText(), PATIENT).toContain('train-step.onnx is damaged');
    // The same step with a doc_string: that of another export may compute something else.
    const own = await readFile(join(siteFolder, 'models/cae2/train-step.onnx'));
    changed.graph = Buffer.concat([own, Buffer.from([0x32, 1, 0x78])]);
    await button(page, 'Start training').click();
    await expect.poll(() => message.innerText(), PATIENT).toContain('another one than card.json describes');
    changed.graph = null;
    await button(page, 'Start training').click();
    await expect.poll(() => message.innerText(), PATIENT).toContain('The loss is no longer a number');
    expect(await button(page, 'Resume').isDisabled()).toBe(true);
    await button(page, 'Reset the weights').click();
    await expect.poll(() => status(page).innerText()).toBe('The weights are as exported.');
    await close();
  });

  test('needs a training step', async () => {
    const { page, close } = await openTrain('#model=cae2&tab=train', {
      prepare: async (page) => {
        await page.context().route('**/models/cae2/card.json', async (route) => {
          const { trainStep: _, ...card } = await (await route.fetch()).json();
          await route.fulfill({ json: card });
        });
      },
    });
    expect(await page.locator('.train').innerText()).toContain(
      'convae export runs/RUN --out exported/cae2 --with-train-step',
    );
    expect(await button(page, 'Start training').count()).toBe(0);
    await close();
  });
});
