import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';
import { canvas, centreOf, cross, draw, expectTruth, png, see, send, THREE, violations } from './input-page.ts';

describe.skipIf(!hasBrowser)('the input view', () => {
  test('centres a drawing, and encodes and reconstructs it like ONNX Runtime for Node', async () => {
    const { page, close } = await openPage('#model=cvae');
    await draw(page, THREE);
    const seen = await see(page);
    const [x, y] = centreOf(seen.pixels);
    expect(Math.abs(x - 14)).toBeLessThan(0.6);
    expect(Math.abs(y - 14)).toBeLessThan(0.6);
    await expectTruth('cvae', seen);

    // Without centring, it stays where it was drawn.
    await page.getByLabel(/Centre like/).uncheck();
    const raw = await see(page);
    expect(centreOf(raw.pixels)[0]).toBeLessThan(12);
    await expectTruth('cvae', raw);

    // The next model keeps it.
    await page.getByLabel(/Centre like/).check();
    expect((await see(page)).pixels).toEqual(seen.pixels);
    await page.evaluate(() => {
      location.hash = '#model=cae2';
    });
    await page.waitForSelector('[data-model=cae2]');
    await expect.poll(async () => (await page.getAttribute('.code-bars', 'data-latent'))?.split(',').length).toBe(2);
    const other = await see(page);
    expect(other.pixels).toEqual(seen.pixels);
    await expectTruth('cae2', other);
    await close();
  });

  test('encodes while drawing; clear and undo go back step by step', async () => {
    const { page, close } = await openPage('#model=cvae&image=3', { reducedMotion: 'reduce' });
    const first = await see(page);
    await canvas(page).scrollIntoViewIfNeeded();
    const box = await canvas(page).boundingBox();
    await page.mouse.move((box?.x ?? 0) + 60, (box?.y ?? 0) + 60);
    await page.mouse.down();
    const latents = new Set<string | null>();
    for (let i = 1; i <= 6; i++) {
      await page.mouse.move((box?.x ?? 0) + 60 + 10 * i, (box?.y ?? 0) + 60 + 20 * i, { steps: 3 });
      await page.waitForTimeout(60);
      latents.add(await page.getAttribute('.code-bars', 'data-latent'));
    }
    expect(latents.size).toBeGreaterThan(3);
    await page.mouse.up();
    const drawn = await see(page);
    await page.getByRole('button', { name: 'Clear' }).click();
    expect((await see(page)).pixels.every((value) => value === 0)).toBe(true);
    await page.getByRole('button', { name: 'Undo' }).click();
    expect((await see(page)).pixels).toEqual(drawn.pixels);
    await page.getByRole('button', { name: 'Undo' }).click();
    const back = await see(page);
    expect(back.pixels).toEqual(first.pixels);
    expect(await page.getByText('test image 3').count()).toBeGreaterThan(0);
    // The eraser edits the existing image.
    await page.getByRole('radio', { name: 'Eraser' }).check();
    await draw(page, [
      [0.3, 0.5],
      [0.7, 0.5],
    ]);
    await page.getByLabel(/Centre like/).uncheck();
    const erased = await see(page);
    const gone = erased.pixels.filter((value, i) => value < (first.pixels[i] as number)).length;
    expect(gone).toBeGreaterThan(5);
    expect(erased.pixels.every((value, i) => value <= (first.pixels[i] as number))).toBe(true);
    await close();
  });

  test('draws with a round, soft brush that is no darker where it passes twice', async () => {
    const { page, close } = await openPage('#model=cvae', { reducedMotion: 'reduce' });
    await page.getByLabel(/Centre like/).uncheck();
    const ink = async (...lines: Parameters<typeof draw>[1][]) => {
      await page.getByRole('button', { name: 'Clear' }).click();
      await draw(page, ...lines);
      return (await see(page)).pixels.reduce((sum, value) => sum + value, 0) / 255;
    };
    // A disc of 2.6 pixels; its edge, three quarters of the radius wide, adds its second moment.
    const dot = await ink([[0.5, 0.5]]);
    expect(dot / (Math.PI * (1.3 ** 2 + (0.75 * 1.3) ** 2 / 12))).toBeCloseTo(1, 1);
    // A line of 14 pixels adds a rectangle.
    const line = await ink([
      [0.25, 0.5],
      [0.75, 0.5],
    ]);
    expect((line - dot) / (14 * 2.6)).toBeCloseTo(1, 1);
    const back = await ink([
      [0.25, 0.5],
      [0.75, 0.5],
      [0.25, 0.5],
    ]);
    expect(back / line).toBeCloseTo(1, 2);
    await close();
  });

  test('displays gray images in a chosen colour map, and saves them gray', async () => {
    const { page, close } = await openPage('#model=cvae&image=7');
    const gray = (await see(page)).pixels;
    await page.getByLabel('Colour map').selectOption('viridis');
    expect((await see(page)).pixels).toEqual(gray);
    const url = await page.locator('.drawing canvas').evaluate((each) => (each as HTMLCanvasElement).toDataURL());
    const { data, info } = await sharp(Buffer.from(url.split(',')[1] ?? '', 'base64'))
      .resize(28, 28, { kernel: 'nearest' })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const colourOf = (value: number) => [...data.subarray(info.channels * gray.indexOf(value)).subarray(0, 3)];
    // The ends of matplotlib's viridis.
    expect(colourOf(0)).toEqual([0x44, 0x01, 0x54]);
    expect(colourOf(Math.max(...gray))).toEqual([0xfd, 0xe7, 0x25]);
    await close();
  });

  test('is drawn on by keyboard', async () => {
    const { page, close } = await openPage('#model=cvae');
    await canvas(page).focus();
    await page.keyboard.press('Space');
    for (let i = 0; i < 4; i++) await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Space');
    await expect(page.getByText('Pen up').count()).resolves.toBe(1);
    const line = await see(page);
    // A straight line downwards, 20 pixels long.
    const rows = new Set<number>();
    const columns = new Set<number>();
    line.pixels.forEach((value, i) => {
      if (value < 32) return;
      rows.add(Math.floor(i / 28));
      columns.add(i % 28);
    });
    expect(rows.size).toBe(20);
    expect(columns.size).toBeLessThan(6);
    await expectTruth('cvae', line);
    await canvas(page).focus();
    await page.keyboard.press('Delete');
    expect((await see(page)).pixels.every((value) => value === 0)).toBe(true);
    await canvas(page).focus();
    await page.keyboard.press('Control+z');
    expect((await see(page)).pixels).toEqual(line.pixels);
    await close();
  });

  test('accepts pictures from a file, a drop and the clipboard, and reports files that are not pictures', async () => {
    const { page, close } = await openPage('#model=cvae', { reducedMotion: 'reduce' });
    const picture = await cross();
    await page.setInputFiles('.input-view input[type=file]', {
      name: 'cross.png',
      mimeType: 'image/png',
      buffer: picture,
    });
    await page.getByText('your picture').waitFor();
    const opened = await see(page);
    const [x, y] = centreOf(opened.pixels);
    expect(Math.abs(x - 14)).toBeLessThan(0.6);
    expect(Math.abs(y - 14)).toBeLessThan(0.6);
    // Light on black, with clean paper.
    expect(opened.pixels[0]).toBe(0);
    expect(opened.pixels[14 * 28 + 14]).toBe(255);
    await page.getByText(/Light and dark were swapped/).waitFor();
    await expectTruth('cvae', opened);
    for (const how of ['drop', 'paste'] as const) {
      await page.getByRole('button', { name: /An image of class 0/ }).click();
      await page.waitForFunction(() => !document.body.textContent?.includes('your picture'));
      await send(page, how, picture, 'cross.png', 'image/png');
      await page.getByText('your picture').waitFor();
      expect((await see(page)).pixels).toEqual(opened.pixels);
    }
    // Without centring: the complete picture, small, in the middle.
    await page.getByLabel(/Centre like/).uncheck();
    const full = await see(page);
    expect(full.pixels[14 * 28 + 14]).toBeLessThan(64);
    await send(page, 'drop', Buffer.from('no picture at all'), 'notes.txt', 'text/plain');
    await page.getByText('notes.txt is not a picture that this browser can read; try a PNG or JPEG file').waitFor();
    expect((await see(page)).pixels).toEqual(full.pixels);

    // Noise is unlike anything that the model has seen; a test image is not.
    const noise = Uint8Array.from({ length: 784 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 24) & 255);
    // A dark border, so that light and dark are not swapped.
    noise.forEach((_, i) => {
      if (i < 28 || i >= 756 || i % 28 === 0 || i % 28 === 27) noise[i] = 0;
    });
    await send(page, 'paste', await png(noise, 28, 28), 'noise.png', 'image/png');
    await expect.poll(() => page.getAttribute('.unusual', 'data-percentile')).toBe('1');
    const foreign = await see(page);
    expect(foreign.pixels).toEqual(noise);
    await page.getByText(/Unlike all [\d,]+ test images/).waitFor();
    await expectTruth('cvae', foreign);
    await page.getByRole('button', { name: /An image of class 0/ }).click();
    const known = await see(page);
    expect(known.percentile).toBeLessThan(1);
    await expectTruth('cvae', known);
    await close();
  });

  test('reconstructs a drawing differently with another class for a conditional model; axe finds no violations', async () => {
    const { page, close } = await openPage('#model=ccvae', { bypassCSP: true });
    await draw(page, THREE);
    const choose = async (name: string) => {
      const group = page.locator('.input-view').getByRole('group', { name: /Class for the/ });
      await group.getByRole('radio', { name, exact: true }).check({ force: true });
      await page.waitForTimeout(200);
      return see(page);
    };
    const three = await choose('3');
    await expectTruth('ccvae', three, 3);
    const eight = await choose('8');
    expect(eight.pixels).toEqual(three.pixels);
    await expectTruth('ccvae', eight, 8);
    const change = eight.reconstruction.map((value, i) => Math.abs(value - (three.reconstruction[i] ?? 0)));
    expect(Math.max(...change)).toBeGreaterThan(100);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
    }
    await close();
  });

  test('fits pictures as the training images were where the card says how', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'convae-fitted-'));
    await cp(siteFolder, folder, { recursive: true });
    const file = join(folder, 'models', 'cvae', 'card.json');
    const card = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    const preprocessing = { height: 28, width: 28, channels: 1, fit: 'contain', background: '#808080', scalings: [] };
    await writeFile(file, JSON.stringify({ ...card, preprocessing }));
    const { page, close } = await openPage('#model=cvae', { reducedMotion: 'reduce', folder });
    await page.getByLabel(/Centre like/).uncheck();
    // 56×28, the left half white, the right half transparent: 28×14 below 7 rows of the background.
    const rgba = Uint8Array.from({ length: 56 * 28 * 4 }, (_, i) => ((i >> 2) % 56 < 28 ? 255 : 0));
    const picture = await sharp(rgba, { raw: { width: 56, height: 28, channels: 4 } })
      .png()
      .toBuffer();
    await send(page, 'drop', picture, 'half.png', 'image/png');
    await page.getByText('your picture').waitFor();
    const { pixels } = await see(page);
    const expected = Array.from({ length: 784 }, (_, i) => {
      const [x, y] = [i % 28, Math.floor(i / 28)];
      return y >= 7 && y < 21 && x < 14 ? 255 : 128;
    });
    expect([...pixels]).toEqual(expected);
    await close();
    await rm(folder, { recursive: true });
  });

  test('draws by touch on a phone', async () => {
    const { page, context, close } = await openPage('#model=cvae&tab=draw', {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    const before = await see(page);
    await canvas(page).scrollIntoViewIfNeeded();
    const box = await canvas(page).boundingBox();
    expect(box?.width).toBeGreaterThan(280);
    const session = await context.newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', x: number, y: number) =>
      session.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : [{ x: (box?.x ?? 0) + x, y: (box?.y ?? 0) + y }],
      });
    await touch('touchStart', 100, 60);
    for (let i = 1; i <= 8; i++) await touch('touchMove', 100, 60 + 15 * i);
    await touch('touchEnd', 0, 0);
    // The page has not scrolled.
    expect((await canvas(page).boundingBox())?.y).toBe(box?.y);
    const seen = await see(page);
    expect(seen.pixels).not.toEqual(before.pixels);
    await expectTruth('cvae', seen);
    await close();
  });
});
