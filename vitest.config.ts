import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Run by `npm run test:browser` and `npm run test:package`. */
const NOT_HERE = ['test/**/*.browser.test.ts', 'test/{encode,train}/webgpu.test.ts', 'test/package/**'];
/** Run by `npm run test:slow`. */
const SLOW = 'test/**/*.slow.test.ts';
/** Tests that change the modules, the backends or the environment of their process, or take so long that they may be ended. */
const OWN = [
  'test/{devices,faults,gallery,setup}/**/*.test.ts',
  'test/**/cuda*.test.ts',
  'test/{cluster/cluster,inference/sessions,io/publish,report/trained}.test.ts',
  'test/train/{own-model,publish,tensorflow,tfjs-onnx,trust}.test.ts',
  'test/tfjs-to-onnx/{cli*,eager,readme,refuse}.test.ts',
];
/** Tests of rooms without stages and threads of their own. */
const ROOMS = ['test/{analyse,artifacts,data,pictures,viewer}/**/*.test.ts', 'test/tfjs-to-onnx/**/*.test.ts'];
/** The others leave a process as they found it, so that one can run file after file without loading all modules again. */
const shared = { isolate: false, setupFiles: 'test/io/left-as-found.ts' };

export default defineConfig({
  resolve: {
    alias: {
      'tfjs-to-onnx/backend': fileURLToPath(new URL('./pipeline/tfjs-to-onnx/src/eager.ts', import.meta.url)),
      'tfjs-to-onnx': fileURLToPath(new URL('./pipeline/tfjs-to-onnx/src/index.ts', import.meta.url)),
    },
  },
  test: {
    globalSetup: ['test/io/own-cache.ts', 'test/cli/compiled.ts'],
    pool: 'forks', // native libraries and signals want processes of their own
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    onConsoleLog: (log) => !log.includes('looks like you are running TensorFlow.js in Node.js'),
    projects: [
      { extends: true, test: { ...shared, name: 'rooms', include: ROOMS, exclude: [...OWN, SLOW, ...NOT_HERE] } },
      {
        extends: true,
        test: {
          ...shared,
          name: 'stages',
          include: ['test/**/*.test.ts'],
          exclude: [...OWN, ...ROOMS, SLOW, ...NOT_HERE],
        },
      },
      { extends: true, test: { name: 'own', include: OWN, exclude: [SLOW, ...NOT_HERE] } },
      { extends: true, test: { name: 'slow', include: [SLOW] } },
    ],
  },
});
