import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** Sizes of ONNX Runtime's libraries, which hosts send compressed and so without a length that a progress bar could use. */
const bytesOf = (file: string) => statSync(fileURLToPath(import.meta.resolve(`onnxruntime-web/${file}`))).size;

/** `convae site` runs this build: on a busy machine, advice on slow plugins would stand between its lines. */
const quiet = { pluginTimings: false };

export default defineConfig({
  base: './',
  // The libraries are fetched by the worker, with progress, and not packed into its script.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'production'] },
  define: {
    WASM_BYTES: bytesOf('ort-wasm-simd-threaded.wasm'),
    WEBGPU_BYTES: bytesOf('ort-wasm-simd-threaded.asyncify.wasm'),
  },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    license: { fileName: 'licenses.md' },
    rolldownOptions: { checks: quiet },
  },
  worker: { format: 'es', rolldownOptions: { checks: quiet } },
});
