import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: ['src/index.ts', 'src/cli.ts'],
  format: 'esm',
  platform: 'neutral',
  deps: { neverBundle: [/^node:/, /^@tensorflow\//] },
  dts: true,
});
