import wasmLibrary from 'onnxruntime-library?url';
import webgpuScript from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import webgpuLibrary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import wasmScript from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import type * as Ort from 'onnxruntime-web/wasm';
import { XzReadableStream } from 'xz-decompress';
import { fetched, type OnBytes } from '../site/files.ts';
import type { Provider } from './protocol.ts';
import { reasonOf } from './serve.ts';

export type Runtime = typeof Ort;

/** More threads do not speed up models this small, and the page and its drawing need cores too. */
const MAX_THREADS = 4;
const threadsOf = (cores: number): number => Math.min(MAX_THREADS, Math.max(1, Math.floor(cores / 2)));

/**
 * Fetches ONNX Runtime's library and sets it up. Threads are used only where the page is cross-origin isolated.
 * @param threads 0 for the default
 * @param onBytes receives the download's progress
 * @returns among others the URLs of the worker's own files
 * @throws Error when it cannot be fetched, or WebGPU is requested and there is no adapter
 */
export async function startRuntime(
  provider: Provider,
  threads: number,
  onBytes?: OnBytes,
): Promise<{ ort: Runtime; threads: number; adapter: string | null; fetched: readonly string[] }> {
  const adapter = provider === 'webgpu' ? await webgpuAdapter() : null;
  const files =
    provider === 'webgpu' ? { mjs: webgpuScript, wasm: webgpuLibrary } : { mjs: wasmScript, wasm: wasmLibrary };
  const urls = { mjs: new URL(files.mjs, import.meta.url).href, wasm: new URL(files.wasm, import.meta.url).href };
  const [ort, library] = await Promise.all([
    provider === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'),
    fetched(new URL(urls.wasm), onBytes).then((stream) =>
      new Response(provider === 'webgpu' ? stream : new XzReadableStream(stream)).arrayBuffer(),
    ),
    import(/* @vite-ignore */ urls.mjs), // otherwise it would be fetched later
  ]);
  const used = self.crossOriginIsolated ? Math.max(1, threads || threadsOf(navigator.hardwareConcurrency ?? 1)) : 1;
  ort.env.wasm.wasmPaths = urls;
  ort.env.wasm.wasmBinary = library;
  ort.env.wasm.numThreads = used;
  ort.env.logLevel = 'error';
  const fetchedSoFar = performance.getEntriesByType('resource').map(({ name }) => name);
  return { ort, threads: used, adapter, fetched: [self.location.href, urls.mjs, ...fetchedSoFar] };
}

/**
 * Compiles the library, which takes long on a slow phone and would otherwise happen with the first model. It is asked for an
 * empty one, which it refuses once it runs.
 * @throws Error when it cannot run here
 */
export async function compileLibrary(ort: Runtime, provider: Provider): Promise<void> {
  try {
    await ort.InferenceSession.create(new Uint8Array(), { executionProviders: [provider] });
  } catch (error) {
    const reason = reasonOf(error);
    if (/no available backend/.test(reason)) throw new Error(`ONNX Runtime cannot start here (${reason})`);
  }
}

/** The adapter's name. */
async function webgpuAdapter(): Promise<string> {
  const { gpu } = navigator as Navigator & { gpu?: { requestAdapter(): Promise<GpuAdapter | null> } };
  const adapter = await gpu?.requestAdapter();
  if (!adapter) throw new Error('this browser has no WebGPU adapter');
  const { vendor, architecture, description } = adapter.info;
  return description || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter';
}

interface GpuAdapter {
  readonly info: { readonly vendor: string; readonly architecture: string; readonly description: string };
}
