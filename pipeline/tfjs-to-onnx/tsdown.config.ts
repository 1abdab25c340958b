import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: 'src/{index,run,cli,eager}.ts',
  format: 'esm',
  platform: 'neutral',
  deps: { neverBundle: [/^node:/, /^@tensorflow\//] },
  sourcemap: true,
  dts: true,
  logLevel: 'warn',
  inputOptions: { checks: { pluginTimings: false } },
});
