import { defineConfig } from 'tsdown';

const shared = defineConfig({
  root: '.',
  unbundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  fixedExtension: false,
  deps: { skipNodeModulesBundle: true, neverBundle: /^tfjs-to-onnx/ },
  logLevel: 'warn',
  inputOptions: { checks: { pluginTimings: false } },
});

/** dist/ mirrors the tree file by file: workers, child scripts and assets are found there by the same relative paths. */
export default defineConfig([
  {
    ...shared,
    entry: ['models/**/*.ts', 'pipeline/**/*.{ts,js}', '!pipeline/tfjs-to-onnx/**', '!**/*.d.ts'],
    treeshake: false,
    sourcemap: true,
    dts: false,
    copy: { from: ['pipeline/**/*.{css,py,cc,txt}', '!**/node_modules/**'], to: 'dist/pipeline', flatten: false },
  },
  { ...shared, entry: 'models/kit.ts', dts: { emitDtsOnly: true }, clean: false },
]);
