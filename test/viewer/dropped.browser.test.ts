import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zipSync } from 'fflate';
import * as ort from 'onnxruntime-node';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openPage, siteFolder } from './browser.ts';
import { type Chosen, chosen, endlessEncoder, exportedFiles, withNaN, withOtherWeight } from './exported.ts';

let folder: string;
let files: Map<string, Buffer>;

beforeAll(async () => {
  if (!hasBrowser) return;
  folder = await mkdtemp(join(tmpdir(), 'convae-dropped-'));
  files = await exportedFiles(join(siteFolder, 'models/cae2'));
  for (const [name, content] of files) {
    await mkdir(dirname(join(folder, 'mine', name)), { recursive: true });
    await writeFile(join(folder, 'mine', name), content);
  }
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

const PATIENT = { timeout: 15_000 };
const file = (name: string) => files.get(name) as Buffer;
const opened = (page: Page) => page.getAttribute('[data-model]', 'data-model');
const hash = (page: Page) => page.evaluate(() => location.hash);
const choose = (page: Page, given: Chosen[]) => page.setInputFiles('#open-model input >> nth=0', given);
const loose = (changes: Record<string, Uint8Array | string> = {}) =>
  ['card.json', 'encoder.onnx', 'decoder.onnx'].map((name) => chosen(name, changes[name] ?? file(name)));
const problem = (page: Page) => page.locator('[role=alert] .problem p').textContent({ timeout: 30_000 });

/** The decoded image that the page shows, in bytes. */
const shown = (page: Page) =>
  page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('.pinned figure:nth-child(3) canvas');
    if (!canvas) return [];
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy?.drawImage(canvas, 0, 0);
    const { data } = copy?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
    return Array.from(data).filter((_, i) => i % 4 === 0);
  });

/** The image that a decoder makes of a latent, in bytes, as ONNX Runtime for Node computes it. */
async function decodedBy(onnx: Uint8Array, z: readonly number[]): Promise<number[]> {
  const session = await ort.InferenceSession.create(onnx);
  const latent = new ort.Tensor('float32', Float32Array.from(z), [1, z.length]);
  const { image } = await session.run({ latent });
  return Array.from(image?.data as Float32Array, (value) => Math.round(255 * value));
}

/** Sets the latent through the address, and waits until the page shows its decoded image. */
async function expectDecodes(page: Page, latent: readonly number[]): Promise<void> {
  const expected = await decodedBy(file('decoder.onnx'), latent);
  await page.evaluate((z) => {
    location.hash = `#z=${z}`;
  }, latent.join(','));
  await expect
    .poll(async () => {
      const bytes = await shown(page);
      return bytes.length === expected.length && Math.max(...bytes.map((b, i) => Math.abs(b - (expected[i] ?? 0))));
    }, PATIENT)
    .toBeLessThanOrEqual(1);
}

describe.skipIf(!hasBrowser)('a visitor’s model', () => {
  test('is opened from a zip, uses the site’s images of the same data, and decodes like ONNX Runtime for Node', async () => {
    const { page, close } = await openPage('#model=cvae');
    const zip = zipSync(Object.fromEntries([...files].map(([name, content]) => [`some/cae2/${name}`, content])));
    await choose(page, [chosen('cae2.zip', zip)]);
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await expectDecodes(page, [3, -2]);
    expect(await page.locator('[role=alert] .problem').count()).toBe(0);
    // It uses the images of the site's set.
    await page.evaluate(() => {
      location.hash = '#image=5';
    });
    // The address names none of the site's models, and the list has both.
    const digest = createHash('sha256').update(file('encoder.onnx')).digest('hex');
    await expect.poll(() => hash(page), PATIENT).toBe(`#model=own-${digest.slice(0, 12)}&image=5`);
    await page.click('.switch');
    expect(await page.locator('#models [role=option][aria-selected=true]').textContent()).toContain('opened by you');
    await page.getByRole('option', { name: /^cvae/ }).click();
    await expect.poll(() => opened(page), PATIENT).toBe('cvae');
    await page.click('.switch');
    await page.getByRole('option', { name: /opened by you/ }).click();
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await close();
  });

  test('is opened from a folder, and from dropped files', async () => {
    const { page, close } = await openPage('#model=cvae');
    await page.setInputFiles('#open-model input >> nth=1', join(folder, 'mine'));
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await page.getByRole('tab', { name: 'Epochs' }).click();
    await expect.poll(() => page.locator('#panel img, #panel canvas').count(), PATIENT).toBeGreaterThan(0);
    await page.click('.switch');
    await page.getByRole('option', { name: /^cvae/ }).click();
    await expect.poll(() => opened(page), PATIENT).toBe('cvae');
    // A table among them is not one for the map.
    const dropped = [...loose(), chosen('losses.csv', 'step,loss')].map(({ name, buffer }) => ({
      name,
      base64: buffer.toString('base64'),
    }));
    const accepted = await page.evaluate((dropped) => {
      const transfer = new DataTransfer();
      for (const { name, base64 } of dropped) {
        transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
      }
      const target = document.querySelector('#right') as HTMLElement;
      const send = (type: string) =>
        !target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
      return [send('dragover'), send('drop')];
    }, dropped);
    expect(accepted).toEqual([true, true]);
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await expectDecodes(page, [1, 4]);
    await close();
  });

  test('is returned to by Back and Forward, and missed after a reload', async () => {
    const { page, close } = await openPage('#model=cvae&image=7');
    await choose(page, loose());
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await expect.poll(() => hash(page), PATIENT).toContain('model=own-');
    await expectDecodes(page, [3, -2]);
    await expect.poll(() => hash(page), PATIENT).toMatch(/model=own-.*z=3,-2/);
    await page.goBack();
    await page.goBack();
    await expect.poll(() => opened(page), PATIENT).toBe('cvae');
    await page.goForward();
    await page.goForward();
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    expect(await hash(page)).toMatch(/model=own-.*z=3,-2/);
    await page.click('.switch');
    expect(await page.locator('#models [role=option][aria-selected=true]').textContent()).toContain('opened by you');
    // A reload forgets the visitor's files.
    await page.reload();
    expect(await problem(page)).toContain('open them');
    await expect.poll(() => hash(page), PATIENT).not.toContain('own-');
    expect(await hash(page)).not.toContain('z=');
    await close();
  });

  test('is not taken from other files, which never replace the page', async () => {
    const { page, close } = await openPage('#model=cvae');
    for (const [name, type] of [
      ['digit.png', 'image/png'],
      ['notes.txt', 'text/plain'],
    ] as const) {
      const prevented = await page.evaluate(
        ({ name, type }) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File(['x'], name, { type }));
          return ['dragover', 'drop'].map(
            (event) =>
              !(document.querySelector('.map-stage') as HTMLElement).dispatchEvent(
                new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }),
              ),
          );
        },
        { name, type },
      );
      expect(prevented).toEqual([true, true]);
      expect(await problem(page)).toContain(name);
    }
    expect(await opened(page)).toBe('cvae');
    await close();
  });

  test('is reported where it is broken or hostile, and the previous model stays usable, also offline', async () => {
    const card = JSON.parse(file('card.json').toString());
    const { page, context, close } = await openPage('#model=cae2', { allowed: [/ERR_INTERNET_DISCONNECTED/] });
    const random = Buffer.from(Uint8Array.from({ length: 5000 }, (_, i) => (i * 2654435761) >>> 24));
    const truncated = file('encoder.onnx').subarray(0, 10_000);
    const cases: [string, Chosen[], RegExp][] = [
      ['random bytes', loose({ 'encoder.onnx': random }), /encoder\.onnx is damaged/],
      ['a truncated file', loose({ 'encoder.onnx': truncated }), /encoder\.onnx is damaged/],
      [
        'another graph',
        loose({ 'encoder.onnx': file('decoder.onnx'), 'decoder.onnx': file('encoder.onnx') }),
        /encoder\.onnx does not belong to an autoencoder: it takes latent, where image was expected/,
      ],
      ['weights that are NaN', loose({ 'decoder.onnx': withNaN(file('decoder.onnx')) }), /not finite/],
      [
        'a billion pixels',
        loose({ 'card.json': JSON.stringify({ ...card, image: { height: 1e9, width: 1e9, channels: 1 } }) }),
        /card\.json is not what convae writes at image/,
      ],
      [
        'images of another size',
        loose({ 'card.json': JSON.stringify({ ...card, image: { height: 32, width: 32, channels: 1 } }) }),
        /./,
      ],
      ['a card that is not JSON', loose({ 'card.json': '<html>' }), /card\.json is not JSON/],
      ['no card', [chosen('encoder.onnx', file('encoder.onnx'))], /card\.json is missing/],
      ['other files', [chosen('cat.txt', 'miaow')], /No model/],
      ['a file that is not a zip', [chosen('model.zip', random)], /model\.zip is not a zip/],
      ['a zip bomb', [chosen('bomb.zip', zipSync({ 'card.json': new Uint8Array(320e6) }))], /more than 300 MB/],
    ];
    for (const [what, given, message] of cases) {
      await choose(page, given);
      expect(await problem(page), what).toMatch(message);
      expect(await page.getByRole('button', { name: 'Restart the model' }).count(), what).toBe(0);
      await page.getByRole('button', { name: 'Close' }).click();
    }
    await expectDecodes(page, [2, 2]);
    await context.setOffline(true);
    await choose(page, loose({ 'encoder.onnx': random }));
    expect(await problem(page)).toMatch(/damaged|cannot be/);
    expect(await opened(page)).toBe('cae2');
    await expectDecodes(page, [-1, 5]);
    await close();
  }, 150_000);

  test('is given up where it does not return, and the previous model stays usable meanwhile', async () => {
    const { page, close } = await openPage('#model=cae2');
    await choose(page, loose({ 'encoder.onnx': endlessEncoder(28, 28, 2) }));
    await expectDecodes(page, [0.5, 1.5]);
    expect(await problem(page)).toMatch(/did not answer within 12 seconds/);
    expect(await opened(page)).toBe('cae2');
    await expectDecodes(page, [-3, 1]);
    await close();
  });

  test('is opened where its card describes other files, with a warning', async () => {
    const { page, close } = await openPage('#model=cvae');
    const card = JSON.parse(file('card.json').toString());
    card.files['encoder.onnx'].sha256 = '0'.repeat(64);
    await choose(page, loose({ 'card.json': JSON.stringify(card) }));
    expect(await problem(page)).toMatch(/written for another encoder\.onnx/);
    await expectDecodes(page, [1, 1]);
    await page.getByRole('tab', { name: 'Model' }).click();
    await expect.poll(() => page.locator('.files').textContent(), PATIENT).toMatch(/the loaded file differs.*matches/s);
    await close();
  });
});

describe.skipIf(!hasBrowser)('files that were put together by hand', () => {
  let host: string;
  beforeAll(async () => {
    host = join(folder, 'mixed');
    await cp(siteFolder, host, { recursive: true });
  });
  /** What the page says of the host's cae2, with some of its files changed. */
  const saidOf = async (changes: Record<string, Uint8Array | string>) => {
    for (const [name, content] of Object.entries(changes)) await writeFile(join(host, 'models/cae2', name), content);
    const { page, close } = await openPage('#model=cae2', { folder: host });
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    const said = await page.locator('[role=alert] .problem p').allTextContents();
    await close();
    return said.join();
  };

  test('are said to be of several models', async () => {
    expect(await saidOf({})).toBe('');
    const newer = withOtherWeight(file('encoder.onnx'));
    expect(await saidOf({ 'encoder.onnx': newer })).toContain('another encoder.onnx');
    const card = JSON.parse(file('card.json').toString());
    card.files['encoder.onnx'].sha256 = createHash('sha256').update(newer).digest('hex');
    // Its points were made by the former encoder.
    expect(await saidOf({ 'card.json': JSON.stringify(card, null, 2) })).toContain('another card.json');
  });

  test('find the images of a visitor’s model by their pixels where their labels were corrected since', async () => {
    const { set } = JSON.parse(await readFile(join(host, 'models/cvae/manifest.json'), 'utf8')) as { set: string };
    await rename(join(host, set), join(host, 'sets/corrected'));
    const labels = await readFile(join(host, 'sets/corrected/labels.npy'));
    labels.writeInt32LE(12, labels.length - 4);
    await writeFile(join(host, 'sets/corrected/labels.npy'), labels);
    for (const name of await readdir(join(host, 'models'))) {
      const path = join(host, 'models', name, 'manifest.json');
      if (!existsSync(path)) continue;
      await writeFile(path, (await readFile(path, 'utf8')).replace(set, 'sets/corrected'));
    }
    const { page, close } = await openPage('#model=cvae', { folder: host });
    await choose(page, loose());
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await page.evaluate(() => {
      location.hash = '#image=5';
    });
    await expect.poll(() => page.locator('.input-about').textContent(), PATIENT).toContain('5');
    expect(await page.locator('.examples li').count()).toBe(11);
    // A conditional model that does not know all classes cannot take them.
    const conditional = await exportedFiles(join(siteFolder, 'models/ccvae'));
    const names = ['card.json', 'encoder.onnx', 'decoder.onnx'];
    await choose(
      page,
      names.map((name) => chosen(name, conditional.get(name) as Buffer)),
    );
    await expect.poll(() => opened(page), PATIENT).toBe('ccvae');
    expect(await page.locator('.examples li').count()).toBe(0);
    await close();
  });
});

describe.skipIf(!hasBrowser)('?model=', () => {
  test('opens a folder of the host, also below a sub-path and after a reload', async () => {
    const { page, close } = await openPage('', { query: '?model=models/cae2', serve: { base: '/some/path/' } });
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await expectDecodes(page, [2, -3]);
    await page.reload();
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await expect.poll(() => hash(page), PATIENT).toContain('z=2,-3');
    await close();
  });

  test('opens an unchanged export', async () => {
    const host = join(folder, 'host');
    await mkdir(host);
    await cp(join(folder, 'mine'), join(host, 'mine'), { recursive: true });
    for (const part of ['index.html', 'assets', 'models', 'sets']) {
      await cp(join(siteFolder, part), join(host, part), { recursive: true });
    }
    // It has no manifest, which the browser logs as a 404.
    const { page, close } = await openPage('', { folder: host, query: '?model=/mine/', allowed: [/404/] });
    await expect.poll(() => opened(page), PATIENT).toBe('cae2');
    await expectDecodes(page, [2, -3]);
    await close();
  });

  test.each([
    ['another host', 'https://example.org/model', /may not fetch from example\.org/],
    ['a script', 'javascript:alert(1)', /may not fetch/],
    ['a missing folder', 'nowhere/at/all', /nowhere\/at\/all.*404/],
  ])('reports %s, and shows the site’s first model', async (_, path, message) => {
    const { page, close } = await openPage('', { query: `?model=${encodeURIComponent(path)}`, allowed: [/404/] });
    expect(await problem(page)).toMatch(message);
    await expect.poll(() => opened(page), PATIENT).not.toBe('');
    await close();
  });
});
