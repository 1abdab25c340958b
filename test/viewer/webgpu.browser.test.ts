import { describe, expect, test } from 'vitest';
import { hasBrowser, openPage } from './browser.ts';
import { DECODED, decode, difference, latentOfRow, pixels } from './latent-page.ts';

/** Chromium's software adapter, so that WebGPU runs on machines without a GPU. */
const ADAPTER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];
const PATIENT = { timeout: 60_000 };
const ROW = 3;

describe.skipIf(!hasBrowser)('WebGPU', { timeout: 120_000 }, () => {
  test.each(['cae2', 'cvae'])('computes %s like ONNX Runtime for Node, where it is chosen', async (model) => {
    const { page, close } = await openPage(`#model=${model}&tab=model&image=1`, {
      args: ADAPTER,
      // Chromium warns about software adapters, ONNX Runtime about nodes that it assigns to the CPU.
      allowed: [/vulkan|swiftshader|WebGPU is experimental|powerPreference|VerifyEachNodeIsAssignedToAnEp/i],
    });
    const runtime = page.locator('[data-provider]');
    // A software adapter is not chosen automatically.
    await expect.poll(() => runtime.textContent(), PATIENT).toMatch(/WebAssembly .*run on the CPU|WebGPU takes/);
    await page.getByRole('radio', { name: 'WebGPU' }).check();
    await expect.poll(() => runtime.getAttribute('data-provider'), PATIENT).toBe('webgpu');

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
});
