import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { randomLatents } from '../../web-viewer/src/state/sampling.ts';
import { hasBrowser, openPage } from './browser.ts';
import {
  DECODED,
  decode,
  difference,
  download,
  expectDecoded,
  FRAMES,
  json,
  latentInUrl,
  latentOfRow,
  parameter,
  pixels,
  SIZE,
  soon,
} from './latent-page.ts';

describe.skipIf(!hasBrowser)('interpolation', () => {
  it('moves from one image’s latent to another’s, and saves the frames', async () => {
    const { page, close } = await openPage('#model=cvae&image=5');
    const end = (name: 'A' | 'B') => page.locator(`[data-end="${name}"]`);
    const line = page.getByRole('slider', { name: 'Position from A to B' });
    await soon(() => end('A').getAttribute('data-row')).toBe('5');
    const other = Number(await end('B').getAttribute('data-row'));
    await page.getByRole('button', { name: 'Another B' }).click();
    await soon(async () => Number(await end('B').getAttribute('data-row'))).not.toBe(other);
    const row = Number(await end('B').getAttribute('data-row'));
    const [a, b] = [latentOfRow('cvae', 5), latentOfRow('cvae', row)];

    await line.press('End');
    await expectDecoded(page, 'cvae', () => b);
    await soon(() => latentInUrl(page)[0]).toBeCloseTo(b[0] as number, 3);
    await line.press('Home');
    await expectDecoded(page, 'cvae', () => a);

    const latents = Array.from({ length: FRAMES }, (_, i) =>
      a.map((from, d) => from + (i / 11) * ((b[d] as number) - from)),
    );
    const expected = await decode('cvae', latents);
    await soon(async () =>
      difference(await pixels(page, '.frames .tile >> nth=7 >> canvas'), expected[7] as Float32Array),
    ).toBeLessThan(1e-3);
    await page.getByRole('button', { name: 'Frame 4 of 12' }).click();
    await expectDecoded(page, 'cvae', () => latents[3] as Float32Array);

    const strip = await download(page, 'Save strip');
    expect(strip.name).toBe(`cvae-walk-5-${row}.png`);
    const picture = await sharp(strip.bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect([picture.info.width, picture.info.height]).toEqual([(12 * 29 - 1) * 8, 28 * 8]);
    expected.forEach((image, i) => {
      const found = Array.from({ length: SIZE }, (_, p) => {
        const [x, y] = [(i * 29 + (p % 28)) * 8 + 4, Math.floor(p / 28) * 8 + 4];
        return picture.data[3 * (y * picture.info.width + x)] as number;
      });
      expect(difference(found, image)).toBeLessThan(1e-3);
    });

    const gif = await download(page, 'Save GIF');
    expect(gif.name).toBe(`cvae-walk-5-${row}.gif`);
    const about = await sharp(gif.bytes).metadata();
    expect([about.format, about.width, about.height, about.pages, about.loop]).toEqual(['gif', 224, 224, 22, 0]);
    for (const i of [0, 5, 11, 12, 21]) {
      const frame = await sharp(gif.bytes, { page: i }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      const found = Array.from({ length: SIZE }, (_, p) => {
        const at = (Math.floor(p / 28) * 8 + 3) * 224 + (p % 28) * 8 + 3;
        return frame.data[frame.info.channels * at] as number;
      });
      // A GIF has at most 255 grays, so one value may become its neighbour.
      expect(difference(found, expected[i < 12 ? i : 22 - i] as Float32Array)).toBeLessThan(1.01 / 255);
    }

    const decoded = await download(page, 'Save PNG');
    const large = await sharp(decoded.bytes).removeAlpha().resize(28, 28, { kernel: 'nearest' }).raw().toBuffer();
    expect(
      difference(
        large.filter((_, i) => i % 3 === 0),
        expected[3] as Float32Array,
      ),
    ).toBeLessThan(1e-3);

    // It plays until paused.
    await page.getByRole('button', { name: 'Play' }).click();
    await soon(async () => Number(await line.inputValue())).toBeGreaterThan(0.4);
    await page.getByRole('button', { name: 'Pause' }).click();
    const paused = await line.inputValue();
    await page.waitForTimeout(150);
    expect(await line.inputValue()).toBe(paused);

    // Latents without an image can be ends too.
    await page.getByRole('button', { name: 'Random', exact: true }).click();
    await page.getByRole('button', { name: 'Set A' }).click();
    await line.press('Home');
    const random = randomLatents(json('cvae', 'card.json'), 1, 2);
    await expectDecoded(page, 'cvae', () => random);
    // A link has both ends and the position.
    await line.press('ArrowRight');
    await soon(() => parameter(page, 'at')).toBe('0.01');
    const link = page.url();
    await page.goto('about:blank');
    await page.goto(link);
    await soon(() => end('B').getAttribute('data-row')).toBe(String(row));
    expect(await end('A').getAttribute('data-row')).toBe('');
    await expectDecoded(page, 'cvae', () => random.map((from, d) => 0.99 * from + 0.01 * (b[d] as number)));
    await line.press('End');
    await expectDecoded(page, 'cvae', () => b);
    await close();
  });

  it('walks until the visitor interacts, and not with reduced motion', async () => {
    const { page, close } = await openPage('#model=cvae');
    await soon(() => page.locator('.decoded-image figcaption').getAttribute('data-origin')).toBe('walk');
    const seen = new Set<string>();
    await soon(async () => seen.add((await pixels(page, DECODED)).join()).size).toBeGreaterThan(3);
    expect(parameter(page, 'z')).toBeNull();
    await page.keyboard.press('Shift');
    await page.waitForTimeout(150);
    const stopped = await pixels(page, DECODED);
    await page.waitForTimeout(400);
    expect(await pixels(page, DECODED)).toEqual(stopped);
    await close();

    const reduced = await openPage('#model=cvae', { reducedMotion: 'reduce' });
    await expectDecoded(reduced.page, 'cvae', () => latentOfRow('cvae', 17));
    await reduced.page.waitForTimeout(1500);
    await expectDecoded(reduced.page, 'cvae', () => latentOfRow('cvae', 17));
    await reduced.close();
  });

  it.each(['two minutes', 'the tab is hidden'])('walks no further after %s', async (after) => {
    const { page, close } = await openPage('#model=cvae', { prepare: (page) => page.clock.install() });
    const origin = page.locator('.decoded-image figcaption');
    await soon(() => origin.innerText()).toContain('touch to stop');
    if (after === 'two minutes') {
      await page.clock.fastForward(121_000);
    } else {
      await page.evaluate(() => {
        Object.defineProperty(document, 'hidden', { value: true });
        document.dispatchEvent(new Event('visibilitychange'));
      });
    }
    await soon(() => origin.innerText()).not.toContain('touch to stop');
    await page.waitForTimeout(100);
    const stopped = await pixels(page, DECODED);
    await page.waitForTimeout(400);
    expect(await pixels(page, DECODED)).toEqual(stopped);
    await close();
  });

  it('never walks again once the visitor has touched the page', async () => {
    // Another set of images: the first image is shown, where a first visit would start a walk.
    const { page, close } = await openPage('#model=cvae', {
      prepare: async (page) => {
        await page.context().route('**/models/cae2/manifest.json', async (route) => {
          const manifest = await (await route.fetch()).json();
          await route.fulfill({ json: { ...manifest, set: null } });
        });
      },
    });
    const origin = page.locator('.decoded-image figcaption');
    await soon(() => origin.getAttribute('data-origin')).toBe('walk');
    await page.click('.switch');
    await page.getByRole('option', { name: /^cae2/ }).click();
    await page.waitForSelector('[data-model=cae2]');
    await soon(() => pixels(page, DECODED).then((all) => Math.max(...all))).toBeGreaterThan(50);
    const stopped = await pixels(page, DECODED);
    await page.waitForTimeout(800);
    expect(await pixels(page, DECODED)).toEqual(stopped);
    await close();
  });
});
