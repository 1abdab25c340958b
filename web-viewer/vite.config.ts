import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compress } from 'lzma-native';
import { defineConfig, type UserConfig } from 'vite';
import packageJson from './package.json' with { type: 'json' };

const CACHE = fileURLToPath(new URL('../node_modules/.cache/convae-page', import.meta.url));
const pathOf = (file: string) => fileURLToPath(import.meta.resolve(`onnxruntime-web/${file}`));

/** ONNX Runtime's library compressed with xz, a sixth of its size: many hosts do not compress what they serve. */
async function compressed(file: string): Promise<string> {
  const path = join(CACHE, packageJson.dependencies['onnxruntime-web'], `${file}.xz`);
  if (existsSync(path)) return path;
  mkdirSync(join(path, '..'), { recursive: true });
  const staged = `${path}.${process.pid}`;
  const bytes = await new Promise<Buffer>((resolve) => {
    compress(readFileSync(pathOf(file)), { preset: 6 }, resolve);
  });
  writeFileSync(staged, bytes);
  renameSync(staged, path);
  return path;
}

/** `convae site` runs this build: on a busy machine, advice on slow plugins would stand between its lines. */
const quiet = { pluginTimings: false };

/** Some hosts, such as nginx, do not know `.mjs`, and browsers run no script of an unknown type. */
const output = {
  assetFileNames: ({ names }: { readonly names: readonly string[] }) =>
    `assets/[name]-[hash]${names.some((name) => name.endsWith('.mjs')) ? '.js' : '[extname]'}`,
};

export default defineConfig(async (): Promise<UserConfig> => {
  process.env.NODE_ENV = 'production'; // another one of the user's, or of tests, would add code for developers
  const library = await compressed('ort-wasm-simd-threaded.wasm');
  return {
    base: './',
    resolve: {
      alias: [{ find: /^onnxruntime-library/, replacement: library }],
      // The libraries are fetched by the worker, with progress, and not packed into its script.
      conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'production'],
    },
    // Hosts that compress send no length, which a progress bar needs.
    define: {
      WASM_BYTES: statSync(library).size,
      WEBGPU_BYTES: statSync(pathOf('ort-wasm-simd-threaded.asyncify.wasm')).size,
    },
    build: {
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 1000,
      license: { fileName: 'licenses.md' },
      rolldownOptions: { checks: quiet, output },
    },
    worker: { format: 'es', rolldownOptions: { checks: quiet, output } },
  };
});
