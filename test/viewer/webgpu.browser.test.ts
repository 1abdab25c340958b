import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';
import { DECODED, decode, difference, download, latentOfRow, pixels } from './latent-page.ts';
import { lossesOf, modelAndSample } from './train-truth.ts';

/** Chromium's software adapter, so that WebGPU runs on machines without a GPU. */
const ADAPTER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];
const PATIENT = { timeout: 60_000 };
/** A step on that adapter takes seconds. */
const SLOW = { timeout: 120_000 };
const ROW = 3;

/** Opens a model and chooses WebGPU. */
async function openOnWebgpu(model: string) {
  const opened = await openPage(`#model=${model}&tab=model&image=1`, {
    args: ADAPTER,
    // Chromium warns about software adapters, ONNX Runtime about nodes that it assigns to the CPU.
    allowed: [/vulkan|swiftshader|WebGPU is experimental|powerPreference|VerifyEachNodeIsAssignedToAnEp/i],
  });
  const runtime = opened.page.locator('[data-provider]');
  // A software adapter is not chosen automatically.
  await expect.poll(() => runtime.textContent(), PATIENT).toMatch(/WebAssembly .*run on the CPU|WebGPU takes/);
  await opened.page.getByRole('radio', { name: 'WebGPU' }).check();
  await expect.poll(() => runtime.getAttribute('data-provider'), PATIENT).toBe('webgpu');
  return opened;
}

describe.skipIf(!hasBrowser)('WebGPU', { timeout: 120_000 }, () => {
  test.each(['cae2', 'cvae'])('computes %s like ONNX Runtime for Node, where it is chosen', async (model) => {
    const { page, close } = await openOnWebgpu(model);

    // Another image than the one that wasm has encoded.
    await page.evaluate((row) => {
      location.hash = location.hash.replace('image=1', `image=${row}`);
    }, ROW);
    const expected = latentOfRow(model, ROW);
    const found = async () =>
      JSON.parse((await page.getAttribute('.code-bars', 'data-latent')) ?? '[]') as readonly number[];
    const off = async () =>
      Math.max(
        ...(await found()).map((value, i) => Math.abs(value - (expected[i] as number)) / Math.max(1, Math.abs(value))),
      );
    await expect.poll(off, PATIENT).toBeLessThan(1e-4);
    expect(await found()).toHaveLength(expected.length);
    const [image] = await decode(model, [expected]);
    await expect
      .poll(async () => difference(await pixels(page, DECODED), image as Float32Array), PATIENT)
      .toBeLessThan(1e-3);
    await close();
  });

  test('trains cvae with the losses of ONNX Runtime for Node', async () => {
    const { page, close } = await openOnWebgpu('cvae');
    await page.getByRole('tab', { name: 'Train' }).click();
    await page.getByRole('button', { name: 'Start training' }).click();
    const figure = page.locator('.train-numbers .figure', { has: page.locator('dt', { hasText: /^Steps/ }) });
    const steps = async () => Number.parseInt(await figure.locator('dd').innerText(), 10);
    await expect.poll(steps, SLOW).toBeGreaterThanOrEqual(2);
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => page.locator('[data-training=paused]').count(), SLOW).toBe(1);
    expect(await page.locator('.train-numbers').innerHTML()).toContain('WebGPU');
    const { bytes } = await download(page, 'Download losses (CSV)');
    const [, ...rows] = bytes.toString().trim().split('\n');
    const expected = await lossesOf(await modelAndSample('cvae', 256), rows.length, 10 ** -0.5);
    expect(rows.flatMap((row) => row.split(',').slice(1).map(Number))).toEqual(
      expected.flat().map((loss) => expect.closeTo(loss, 4)),
    );
    await close();
  }, 300_000);
});
