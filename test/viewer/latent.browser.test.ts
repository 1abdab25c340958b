import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { randomLatents } from '../../web-viewer/src/state/sampling.ts';
import { hasBrowser, openPage, ready } from './browser.ts';
import {
  DECODED,
  decode,
  difference,
  expectAccessible,
  expectDecoded,
  json,
  latentInUrl,
  latentOfRow,
  parameter,
  pixels,
  slider,
  soon,
} from './latent-page.ts';

describe.skipIf(!hasBrowser)('the latent view', () => {
  it('has a slider for each dimension, the most informative first, and previews of each', async () => {
    const { page, close } = await openPage('#model=cvae&image=5');
    const { kl } = json('cvae', 'manifest.json').dimensions as { kl: number[] };
    const order = kl.map((_, i) => i).sort((a, b) => (kl[b] as number) - (kl[a] as number));
    const shown = page.locator('.dimension');
    await soon(() => shown.count()).toBe(order.length);
    expect(
      await shown.evaluateAll((rows) => rows.map((row) => Number((row as HTMLElement).dataset.dimension))),
    ).toEqual(order);

    // Moving the second slider by keyboard updates the image and the address.
    const index = order[1] as number;
    const original = latentOfRow('cvae', 5);
    await expectDecoded(page, 'cvae', () => original);
    await slider(page, index).focus();
    for (let i = 0; i < 7; i++) await page.keyboard.press('ArrowRight');
    const reached = Number(await slider(page, index).inputValue());
    await soon(() => latentInUrl(page)[index]).toBeCloseTo(reached, 3);
    const moved = latentInUrl(page);
    const step = ((moved[index] as number) - (original[index] as number)) / 7;
    expect(step).toBeGreaterThan(0.01);
    moved.forEach((value, i) => {
      if (i !== index) expect(Math.abs(value - (original[i] as number))).toBeLessThan(6e-4);
    });
    await expectDecoded(page, 'cvae', () => moved);
    const value = page.getByLabel(`Value of z${index}`, { exact: true });
    expect(await value.inputValue()).toBe((moved[index] as number).toFixed(2));
    // A typed value is taken as it is.
    await value.fill('-0.75');
    await value.press('Enter');
    await soon(() => latentInUrl(page)[index]).toBe(-0.75);
    await value.fill(String(moved[index]));
    await value.press('Enter');
    await soon(() => latentInUrl(page)[index]).toBeCloseTo(moved[index] as number, 3);

    // Its previews span three standard deviations to either side of the mean; pressing one selects it.
    const { mean, std } = json('cvae', 'card.json').latent.statistics as { mean: number[]; std: number[] };
    const at = (offset: number) => moved.with(index, (mean[index] as number) + offset * (std[index] as number));
    const expected = await decode('cvae', [-3, 0, 2].map(at));
    for (const [i, cell] of [0, 3, 5].entries()) {
      await soon(async () =>
        difference(await pixels(page, `.strip .tile >> nth=${cell} >> canvas`), expected[i] as Float32Array),
      ).toBeLessThan(1e-3);
    }
    await page.getByRole('button', { name: `Set z${index} to 2 sd` }).click();
    await soon(() => latentInUrl(page)[index]).toBeCloseTo(at(2)[index] as number, 2);

    // A dimension is reset by its button or a double click, all of them by Reset.
    await slider(page, order[0] as number).press('End');
    await page.getByRole('button', { name: `Reset z${index}` }).click();
    await soon(() => latentInUrl(page)[index]).toBeCloseTo(original[index] as number, 3);
    await slider(page, order[0] as number).dblclick();
    await soon(() => latentInUrl(page)[order[0] as number]).toBeCloseTo(original[order[0] as number] as number, 3);
    await slider(page, index).press('Home');
    await page.getByRole('button', { name: 'Reset', exact: true }).click();
    await soon(() => parameter(page, 'z')).toBeNull();
    await expectDecoded(page, 'cvae', () => original);

    // All previews are shown together.
    await page.getByRole('button', { name: 'Show all' }).click();
    const last = order.at(-1) as number;
    const [right] = await decode('cvae', [original.with(last, (mean[last] as number) + 3 * (std[last] as number))]);
    await soon(async () =>
      difference(await pixels(page, `[data-dimension="${last}"] .tile >> nth=6 >> canvas`), right as Float32Array),
    ).toBeLessThan(1e-3);
    await close();
  });

  it('draws random latents that its address reproduces', async () => {
    const { page, close, url } = await openPage('#model=cvae&image=5&seed=41');
    const card = json('cvae', 'card.json');
    const z = (from?: 'prior' | 'mixture', seed = 42) => randomLatents(card, 1, seed, from);
    const near = (latent: Float32Array) =>
      Math.max(...latentInUrl(page).map((value, i) => Math.abs(value - (latent[i] as number))));
    await page.getByRole('button', { name: 'Random', exact: true }).click();
    await soon(() => parameter(page, 'seed')).toBe('42');
    expect(near(z())).toBeLessThan(6e-4);
    await expectDecoded(page, 'cvae', () => z());
    const caption = () => page.locator('.decoded-image figcaption').innerText();
    const fromPrior = await caption();
    await page.getByLabel('Distribution of random latents').selectOption('mixture');
    await soon(() => parameter(page, 'from')).toBe('mixture');
    expect(await caption()).toBe(fromPrior);
    await page.getByRole('button', { name: 'Random', exact: true }).click();
    await soon(caption).not.toBe(fromPrior);
    await soon(() => parameter(page, 'seed')).toBe('43');
    expect(near(z('mixture', 43))).toBeLessThan(6e-4);
    const link = new URL(page.url()).hash;
    await page.goto('about:blank');
    await page.goto(url.replace(/#.*/, link));
    await ready(page);
    await expectDecoded(page, 'cvae', () => z('mixture', 43));
    // The seed continues from the address.
    await page.getByRole('button', { name: 'Random', exact: true }).click();
    await soon(() => parameter(page, 'seed')).toBe('44');
    await soon(() => near(z('mixture', 44))).toBeLessThan(6e-4);
    await close();
  });

  it.each(['a walk', 'a slider', 'a random latent'])(
    'shows the image’s latent in another model after %s',
    async (after) => {
      const { page, close } = await openPage(after === 'a walk' ? '#model=cvae' : '#model=cvae&image=5');
      const row = after === 'a walk' ? 0 : 5;
      await soon(() => pixels(page, DECODED).then((all) => Math.max(...all))).toBeGreaterThan(100);
      if (after === 'a slider') await slider(page, 0).press('PageUp');
      if (after === 'a random latent') await page.getByRole('button', { name: 'Random', exact: true }).click();
      await page.click('.switch');
      await page.getByRole('option', { name: /^cae2/ }).click();
      await page.waitForSelector('[data-model=cae2]');
      await expectDecoded(page, 'cae2', () => latentOfRow('cae2', row));
      const { mean } = json('cae2', 'card.json').latent.statistics as { mean: number[] };
      const shown = await page.locator('.strip .tile').first().getAttribute('aria-label');
      const index = Number(/z(\d+)/.exec(shown ?? '')?.[1]);
      const [middle] = await decode('cae2', [latentOfRow('cae2', row).with(index, mean[index] as number)]);
      await soon(async () =>
        difference(await pixels(page, '.strip .tile >> nth=3 >> canvas'), middle as Float32Array),
      ).toBeLessThan(1e-3);
      await close();
    },
  );

  it('has visible sliders in forced colours', async () => {
    const { page, close } = await openPage('#model=cvae&image=5', { forcedColors: 'active' });
    await slider(page, 0).waitFor();
    const picture = await sharp(await page.locator('.dimension .track').first().screenshot())
      .removeAlpha()
      .raw()
      .toBuffer();
    const [red, green, blue] = picture;
    const other = picture.filter((value, i) => value !== [red, green, blue][i % 3]).length / picture.length;
    // The line and the thumb; without them everything has the background's colour.
    expect(other).toBeGreaterThan(0.1);
    await close();
  });

  it('follows fast moves without a backlog or a memory leak', async () => {
    const { page, close, context } = await openPage('#model=cvae&image=5', {
      prepare: async (page) => {
        await page.addInitScript(() => {
          const counts = { decode: 0 };
          Object.assign(window, { counts });
          const post = Worker.prototype.postMessage;
          Worker.prototype.postMessage = function (this: Worker, message: unknown, ...rest: never[]) {
            // As Comlink calls decode(model, count, latents).
            const { path, argumentList } = message as { path?: string[]; argumentList?: { value: unknown }[] };
            if (path?.[0] === 'decode' && argumentList?.[1]?.value === 1) counts.decode += 1;
            return post.call(this, message, ...rest);
          };
        });
      },
    });
    await expectDecoded(page, 'cvae', () => latentOfRow('cvae', 5));
    const session = await context.newCDPSession(page);
    const memory = async () => {
      await session.send('HeapProfiler.collectGarbage');
      return (await session.send('Runtime.getHeapUsage')).usedSize;
    };
    // All in one task: none can be answered before the last one is set.
    const moves = (count: number) =>
      slider(page, 0).evaluate((element, count) => {
        const input = element as HTMLInputElement;
        for (let i = 0; i < count; i++) {
          input.value = String(Math.sin(i) * 2);
          input.dispatchEvent(new InputEvent('input', { bubbles: true }));
        }
        return Number(Number(input.value).toFixed(3));
      }, count);
    const decodes = () => page.evaluate(() => (window as unknown as { counts: { decode: number } }).counts.decode);
    const before = await decodes();
    const final = await moves(200);
    await expectDecoded(page, 'cvae', () => latentOfRow('cvae', 5).with(0, final));
    const used = (await decodes()) - before;
    expect(used).toBeGreaterThanOrEqual(2);
    expect(used).toBeLessThan(6);
    const first = await memory();
    for (let i = 0; i < 10; i++) await moves(100);
    await soon(() => parameter(page, 'z')).not.toBeNull();
    await page.waitForTimeout(400);
    expect((await memory()) - first).toBeLessThan(4e6);
    await close();
  });

  it('passes the decoder a class, and is accessible in the dark theme', async () => {
    const { page, close } = await openPage('#model=ccvae&image=0', { colorScheme: 'dark', bypassCSP: true });
    await slider(page, 0).press('PageUp');
    await soon(() => parameter(page, 'z')).not.toBeNull();
    await page.locator('.latent').getByRole('radio', { name: '3', exact: true }).check();
    await soon(() => parameter(page, 'class')).toBe('3');
    await expectDecoded(page, 'ccvae', () => latentInUrl(page), 3);
    await expectAccessible(page);
    await close();
  });

  it('is accessible in the light theme with all previews', async () => {
    const { page, close } = await openPage('#model=cae2&image=5', { bypassCSP: true });
    await slider(page, 0).press('PageUp');
    await page.getByRole('button', { name: 'Show all' }).click();
    await expectAccessible(page);
    await close();
  });
});
