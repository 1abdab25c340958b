import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { take } from '../../state/takers.ts';
import './train.css';
import { Comparison } from './comparison.tsx';
import { Controls } from './controls.tsx';
import { LossChart, Numbers } from './numbers.tsx';
import { Outcome } from './outcome.tsx';
import { PickedImages } from './picked-images.tsx';
import { createTraining, type Training } from './training.ts';

interface Props {
  readonly training: Training;
}

/** Makes the view of a training that goes on while other views are shown. */
export function createTrainView(): ComponentType {
  const training = createTraining();
  return () => <TrainView training={training} />;
}

/** Trains the open model further, in the page. */
function TrainView({ training }: Props) {
  const { images, exported, trainStep } = training;
  const takesImages = trainStep.value !== null;
  useEffect(() => (takesImages ? take('images', images.addFiles) : undefined), [images, takesImages]);
  return (
    <div class="wide-view train">
      <h2>Train in the page</h2>
      {!exported.value && <p class="say">Loading the model.</p>}
      {exported.value && !takesImages && <HowToExport name={exported.value.name} />}
      {takesImages && <Board training={training} />}
    </div>
  );
}

/** How a model without a training step gets one. */
function HowToExport({ name }: { readonly name: string }) {
  return (
    <>
      <p class="say">
        {name} was exported without its training step, so it cannot be trained here. Export its run again:
      </p>
      <pre>
        <code>{`npx convae export runs/RUN --out exported/${name} --with-train-step`}</code>
      </pre>
      <p class="say">
        Then drop the folder on this page, or add it to a site with{' '}
        <code>{`npx convae site exported/${name} --out site`}</code>. The step adds about 50 kB to the model: its
        weights are those of the encoder and the decoder.
      </p>
    </>
  );
}

function Board({ training }: Props) {
  return (
    <>
      <p class="say">
        Continue training the model in your browser: draw something that it gets wrong, add it, start, and watch the
        loss fall and the reconstructions change.
      </p>
      <div class="train-board">
        <div class="stack train-side">
          <PickedImages images={training.images} />
          <Controls training={training} />
        </div>
        <div class="stack">
          <LossChart training={training} />
          <Numbers training={training} />
        </div>
      </div>
      <Comparison training={training} />
      <Outcome training={training} />
    </>
  );
}
