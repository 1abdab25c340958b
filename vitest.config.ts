import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: {
      'tfjs-to-onnx/backend': fileURLToPath(new URL('./pipeline/tfjs-to-onnx/src/eager.ts', import.meta.url)),
      'tfjs-to-onnx': fileURLToPath(new URL('./pipeline/tfjs-to-onnx/src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.browser.test.ts', 'test/package/**'], // npm run test:browser and test:package
    globalSetup: 'test/io/own-cache.ts',
    pool: 'forks', // native libraries and signals want processes of their own
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    onConsoleLog: (log) => !log.includes('looks like you are running TensorFlow.js in Node.js'),
  },
});
