import './train.css';
import { Comparison } from './comparison.tsx';
import { Controls } from './controls.tsx';
import { LossChart } from './loss-chart.tsx';
import { Numbers } from './numbers.tsx';
import { Outcome } from './outcome.tsx';
import { PickedImages } from './picked-images.tsx';
import { exported, trainStep } from './training.ts';

/** Trains the open model further, in the page. */
export function TrainView() {
  return (
    <div class="train">
      <h2>Train in the page</h2>
      <OfModel />
    </div>
  );
}

function OfModel() {
  const opened = exported.value;
  if (!opened) return <p class="say">Loading the model.</p>;
  if (!trainStep.value) {
    return (
      <p class="say">
        {opened.name} was exported without its training step, so it cannot be trained here. Export it with{' '}
        <code>convae export RUN --with-train-step</code>.
      </p>
    );
  }
  return (
    <>
      <p class="say">
        Continue training the model in your browser: draw something that it gets wrong, add it, start, and watch the
        loss fall and the reconstructions change.
      </p>
      <div class="train-board">
        <div class="train-side">
          <PickedImages />
          <Controls />
        </div>
        <div class="train-watch">
          <LossChart />
          <Numbers />
        </div>
      </div>
      <Comparison />
      <Outcome />
    </>
  );
}
