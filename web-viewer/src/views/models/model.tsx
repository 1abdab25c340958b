import { model } from '../../state/store.ts';
import { Comparison } from './comparison.tsx';
import { FigureGroups } from './figures.tsx';
import { FilesTable } from './files-table.tsx';
import { RuntimeSection } from './runtime.tsx';
import { MeasuresTable } from './tables.tsx';
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
