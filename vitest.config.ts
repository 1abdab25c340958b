import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const NOT_HERE = ['test/**/*.browser.test.ts', 'test/package/**']; // npm run test:browser and test:package
/**
 * Tests that leave a process as they found it, so that one can run file after file without loading all modules again.
 * Others change the backend of tfjs or the modules of a process, or train in it.
 */
const SHARED = [
  'test/{analyse,artifacts,data,pictures,viewer}/**/*.test.ts',
  'test/tfjs-to-onnx/**/!(cli*|eager|readme|refuse|suite).test.ts',
];

export default defineConfig({
  resolve: {
    alias: {
      'tfjs-to-onnx/backend': fileURLToPath(new URL('./pipeline/tfjs-to-onnx/src/eager.ts', import.meta.url)),
      'tfjs-to-onnx': fileURLToPath(new URL('./pipeline/tfjs-to-onnx/src/index.ts', import.meta.url)),
    },
  },
  test: {
    globalSetup: 'test/io/own-cache.ts',
    pool: 'forks', // native libraries and signals want processes of their own
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    onConsoleLog: (log) => !log.includes('looks like you are running TensorFlow.js in Node.js'),
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: SHARED,
          exclude: NOT_HERE,
          isolate: false,
          setupFiles: 'test/io/left-as-found.ts',
        },
      },
      { extends: true, test: { name: 'own', include: ['test/**/*.test.ts'], exclude: [...SHARED, ...NOT_HERE] } },
    ],
  },
});
