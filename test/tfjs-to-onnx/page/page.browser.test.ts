import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Served, serveFolder } from '../../../pipeline/site/serve.ts';
import { chromiumPath } from '../../viewer/chromium.ts';
import { attr, graphFiles, node, placeholder } from '../support/graph-model.ts';
import { type Saved, saved } from '../support/saved.ts';

/** A dense layer of two units, as a graph. */
const dense = graphFiles({
  nodes: [
    placeholder('x', [-1, 3]),
    node('product', 'MatMul', ['x', 'kernel'], { T: attr.type('DT_FLOAT') }),
    node('y', 'Relu', ['product'], { T: attr.type('DT_FLOAT') }),
  ],
  weights: { kernel: { shape: [3, 2], values: [1, -2, 0.5, 4, -1, 0.25] } },
  inputs: { features: 'x' },
  outputs: { scores: 'y' },
});

describe.skipIf(!chromiumPath)('in a page', () => {
  let folder: string;
  let server: Served;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tfjs-to-onnx-page-'));
    await build({
      entryPoints: [fileURLToPath(new URL('main.ts', import.meta.url))],
      outfile: join(folder, 'main.js'),
      bundle: true,
      format: 'esm',
      logLevel: 'error',
    });
    const runtime = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/wasm'));
    await mkdir(join(folder, 'ort'));
    for (const name of ['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm']) {
      await copyFile(join(runtime, name), join(folder, 'ort', name));
    }
    await writeFile(join(folder, 'index.html'), '<!doctype html><script type="module" src="main.js"></script>');
    const write = async (kind: string, { json, weights }: Saved) => {
      await mkdir(join(folder, kind));
      await writeFile(join(folder, kind, 'model.json'), JSON.stringify(json));
      await writeFile(join(folder, kind, 'weights.bin'), weights);
    };
    await write('layers', await saved());
    await write('graph', dense);
    server = await serveFolder(folder, { port: 0 });
    browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: ['--no-sandbox'] });
    page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => 'convertAndRun' in window);
  });

  afterAll(async () => {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each([
    { kind: 'layers', shape: [2, 6, 6, 2], inputs: ['conv_input'], outputs: ['latent'] },
    { kind: 'graph', shape: [4, 3], inputs: ['features'], outputs: ['scores'] },
  ] as const)('a $kind model computes in ONNX Runtime what it does in tfjs', async ({ kind, shape, ...names }) => {
    const size = shape.reduce<number>((product, d) => product * d, 1);
    const image = Array.from({ length: size }, (_, i) => Math.sin(i));
    const { tfjs, onnx, ...found } = await page.evaluate(([which, x, sizes]) => window.convertAndRun(which, x, sizes), [
      kind,
      image,
      shape,
    ] as const);
    expect(found).toEqual(names);
    expect(new Set(tfjs).size).toBeGreaterThan(2);
    expect(onnx).toHaveLength(tfjs.length);
    onnx.forEach((value, i) => {
      expect(value).toBeCloseTo(tfjs[i] ?? Number.NaN, 5);
    });
  });
});
