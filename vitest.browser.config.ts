import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Tests in a real browser (the web page, and the converter in a page), and on WebGPU, for which Chromium brings a software driver. */
export default defineConfig({
  resolve: {
    alias: { 'tfjs-to-onnx': fileURLToPath(new URL('./pipeline/tfjs-to-onnx/src/index.ts', import.meta.url)) },
  },
  test: {
    include: ['test/{viewer,tfjs-to-onnx}/**/*.browser.test.ts', 'test/{encode,train}/webgpu.test.ts'],
    globalSetup: ['test/io/own-cache.ts', 'test/cli/compiled.ts', 'test/viewer/make-site.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
