import type { Host } from '../../engine/client.ts';
import { chosenRuntime, type RuntimeChoice, setRuntime } from '../../state/open.ts';
import { engine, engineNote } from '../../state/store.ts';
import { Radios } from '../../ui/controls.tsx';

const choices: readonly [RuntimeChoice, string][] = [
  ['auto', 'automatic'],
  ['wasm', 'WebAssembly'],
  ['webgpu', 'WebGPU'],
];

/** The runtime in use and why, and the choice of another one. */
export function RuntimeSection() {
  const running = engine.value?.host;
  return (
    <section class="stack runtime">
      <h3>Runtime</h3>
      <p data-provider={running?.provider ?? ''}>{running ? describe(running) : 'Not started yet.'}</p>
      <div class="row">
        <Radios
          legend="Runtime"
          class="row"
          name="compute"
          value={chosenRuntime.value}
          options={choices}
          onChoose={(choice) => void setRuntime(choice)}
        />
      </div>
    </section>
  );
}

function describe({ provider, threads, adapter }: Host): string {
  const where =
    provider === 'webgpu'
      ? `ONNX Runtime on WebGPU (${adapter ?? 'an unnamed adapter'})`
      : `ONNX Runtime on WebAssembly with ${threads === 1 ? 'one thread' : `${threads} threads`}`;
  const note = engineNote.value;
  const why = note === '' ? '' : note === 'as chosen' ? ', as chosen' : `: ${note}`;
  const isolation =
    provider === 'wasm' && threads === 1 && !globalThis.crossOriginIsolated
      ? ' More threads need a cross-origin isolated page (the headers Cross-Origin-Opener-Policy and -Embedder-Policy).'
      : '';
  return `${where}${why}.${isolation} It runs in a worker in your browser; no image is sent anywhere.`;
}
