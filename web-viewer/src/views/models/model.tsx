import type { Host } from '../../engine/client.ts';
import { chosenRuntime, type RuntimeChoice, setRuntime } from '../../state/open.ts';
import { engine, engineNote, model } from '../../state/store.ts';
import { Radios } from '../../ui/controls.tsx';
import { Comparison } from './comparison.tsx';
import { FigureGroups, MeasuresTable } from './figures.tsx';
import { FilesTable } from './files-table.tsx';
import './model.css';

/** The figures in the card and the manifest, the runtime, and a comparison of the site's models. */
export function ModelView() {
  const open = model.value;
  if (!open) return <p class="say">No model is open yet.</p>;
  const { name, card } = open;
  return (
    <div class="wide-view model-view">
      <h2>
        {name}: {card.model.summary}
      </h2>
      <p class="say">
        Everything recorded about this model: its training data, its losses, and the runtime in use. The files below are
        the complete model, for use elsewhere.
      </p>
      <FigureGroups model={open} />
      <MeasuresTable card={card} />
      <FilesTable model={open} />
      <RuntimeSection />
      <Comparison />
    </div>
  );
}

const choices: readonly [RuntimeChoice, string][] = [
  ['auto', 'automatic'],
  ['wasm', 'WebAssembly'],
  ['webgpu', 'WebGPU'],
];

/** The runtime in use and why, and the choice of another one. */
function RuntimeSection() {
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
